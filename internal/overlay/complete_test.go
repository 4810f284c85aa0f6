package overlay

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/module"
)

func TestSpared(t *testing.T) {
	raised := func(paths ...string) (all []change) {
		for _, path := range paths {
			all = append(all, change{path: path, was: "v1.70.0", now: "v1.80.0"})
		}
		return all
	}
	const grpc = "google.golang.org/grpc"
	for _, test := range []struct {
		name    string
		raised  []change
		imports map[string][]string // of packages, which are called as their modules
		want    string
	}{
		{"nobody imports it", raised("a"), nil, "[a@v1.80.0]"},
		{"what was there imports it", raised("a"), map[string][]string{"known": {"a"}}, "[a@v1.80.0]"},
		{"what came in imports it", raised("a"), map[string][]string{"runtime": {"new"}, "new": {"a"}}, "[]"},
		{"what is raised imports it", raised("a", "b"), map[string][]string{"runtime": {"b"}, "b": {"a"}}, "[]"},
		{"what is held imports it", raised("a", "b"), map[string][]string{"known": {"b"}, "b": {"a"}}, "[a@v1.80.0 b@v1.80.0]"},
		{"of one repository", raised("a", "a/sub"), map[string][]string{"runtime": {"a"}}, "[]"},
		{"it suffices", raised(grpc), map[string][]string{"runtime": {grpc}}, "[google.golang.org/grpc@v1.80.0]"},
		{"it suffices only for the runtime", raised(grpc, "b"), map[string][]string{"runtime": {grpc, "c"}, "c": {"b"}, "b/more": {grpc}}, "[]"},
		{"it does not suffice", []change{{path: grpc, was: "v1.60.0", now: "v1.80.0"}}, map[string][]string{"runtime": {grpc}}, "[]"},
		{"it cannot be had", raised("a"), map[string][]string{"runtime": {"a/absent"}, "a/absent": {}}, "[]"},
		{"replaced", []change{{path: "a", was: "v1.0.0", now: "=> ./a"}}, nil, "[]"},
		{"go", []change{{path: "go", was: "1.24", now: "1.26"}}, nil, "[]"},
	} {
		var parts []part
		for pkg, imports := range test.imports {
			p := part{ImportPath: pkg, Imports: imports}
			if pkg == "b/more" {
				pkg = "b"
			}
			if strings.HasSuffix(pkg, "/absent") {
				p.Error = &struct{ Err string }{"no such module"}
				parts = append(parts, p)
				continue
			}
			parts = append(parts, inModule(p, pkg))
		}
		for _, c := range test.raised {
			if test.imports[c.path] == nil {
				parts = append(parts, inModule(part{ImportPath: c.path}, c.path))
			}
		}
		known := func(module string) bool { return module != "runtime" && module != "new" && module != "c" }
		got := fmt.Sprint(spared(parts, []string{"runtime"}, test.raised, known))
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}

// An old golang.org/x/net does for an old gRPC, and for nothing else.
func TestOldFloorIsSpared(t *testing.T) {
	const net, grpc = "golang.org/x/net", "google.golang.org/grpc"
	for _, test := range []struct{ was, grpc, other, want string }{
		{"v0.41.0", "v1.72.1", "", "[golang.org/x/net@v0.43.0]"},
		{"v0.41.0", "v1.66.0", "", "[golang.org/x/net@v0.43.0]"},
		{"v0.41.0", "v1.73.0", "", "[]"},
		{"v0.41.0", "v1.72.1", net + "/html", "[]"},
		{"v0.34.0", "v1.72.1", "", "[]"},
	} {
		parts := []part{
			inModule(part{ImportPath: "runtime", Imports: []string{grpc, "other"}}, "runtime"),
			inModule(part{ImportPath: grpc, Imports: []string{net + "/http2"}}, grpc+"@"+test.grpc),
			inModule(part{ImportPath: net + "/http2", Imports: []string{net + "/html"}}, net+"@v0.43.0"),
			inModule(part{ImportPath: net + "/html"}, net+"@v0.43.0"),
			inModule(part{ImportPath: "other", Imports: []string{test.other}}, "other"),
		}
		raised := []change{{path: net, was: test.was, now: "v0.43.0"}}
		if got := fmt.Sprint(spared(parts, []string{"runtime"}, raised, func(path string) bool { return path == net })); got != test.want {
			t.Errorf("%+v: got %s", test, got)
		}
	}
}

// Below the newest version that is asked for there are others.
func TestAllVersionsAboveTheUsersAreSpared(t *testing.T) {
	const graph = `app a@v1.1.0
app b@v1.0.0
b@v1.0.0 a@v1.3.0
b@v1.0.0 a@v1.0.0
b@v1.0.0 c@v1.9.0
c@v1.9.0 a@v1.2.0
c@v1.9.0 go@1.24
`
	raised := []change{{path: "a", was: "v1.1.0", now: "v1.3.0"}, {path: "c", was: "v1.0.0", now: "v1.9.0"}, {path: "go", was: "1.22", now: "1.24"}}
	if got := fmt.Sprint(inGraph(graph, []module.Version{{Path: "a", Version: "v1.3.0"}}, raised)); got != "[a@v1.2.0 a@v1.3.0]" {
		t.Errorf("got %s", got)
	}
}

func inModule(p part, module string) part {
	path, version, _ := strings.Cut(module, "@")
	p.Module = &struct {
		Path, Version string
		Main          bool
	}{Path: path, Version: version}
	return p
}
