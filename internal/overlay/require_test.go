package overlay

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/goproxytest"

	"github.com/orchestrall/orchestrall/internal/scan"
)

// The modules of the proxy: a runtime of two packages, and what they need.
var published = map[string]string{
	"github.com_orchestrall_orchestrall_runtime_v1.2.3.txt": `
-- .mod --
module github.com/orchestrall/orchestrall/runtime

go 1.24

require example.com/dep v1.5.0
-- .info --
{"Version":"v1.2.3"}
-- go.mod --
module github.com/orchestrall/orchestrall/runtime

go 1.24

require example.com/dep v1.5.0
-- runtime.go --
package orchestrall
-- bootstrap/bootstrap.go --
package bootstrap

import _ "example.com/dep"
`,
	"example.com_dep_v1.5.0.txt": dependency("v1.5.0"),
	"example.com_dep_v1.0.0.txt": dependency("v1.0.0"),
	"example.com_mid_v1.0.0.txt": midModule("v1.0.0"),
}

func dependency(version string) string {
	return `
-- .mod --
module example.com/dep
-- .info --
{"Version":"` + version + `"}
-- go.mod --
module example.com/dep
-- dep.go --
package dep

const Version = "` + version + `"
`
}

// offer is write with the proxy as the only source of modules.
func offer(t *testing.T, archive string) *project {
	t.Helper()
	return offerModules(t, archive, published)
}

func offerModules(t *testing.T, archive string, modules map[string]string) *project {
	t.Helper()
	dir := t.TempDir()
	for name, text := range modules {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	server, err := goproxytest.NewServer(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	p := write(t, archive)
	p.environ = append(p.environ, "GOPROXY="+server.URL, "GOSUMDB=off", "GOFLAGS=-modcacherw", "GOMODCACHE="+t.TempDir())
	return p
}

// requirement runs a build's requirement alone, with a released runtime. It
// returns the build list that a build would have, and what stops it.
func (p *project) requirement(bootstrap bool) (list string, notes []string, err error) {
	p.t.Helper()
	var out, problems bytes.Buffer
	s, err := newSession(p.env(&out, &problems), "list", []string{"-m", "all"})
	if err != nil {
		p.t.Fatal(err)
	}
	if s.tree, err = scan.Load(scan.Options{Dir: p.dir, Environ: p.environ}); err != nil {
		p.t.Fatal(err)
	}
	s.store = &store{dir: filepath.Join(filepath.Dir(p.dir), "cache")}
	s.replace = make(map[string]string)
	if err := s.requireRuntime(Runtime{Version: "v1.2.3"}, bootstrap, nil); err != nil {
		return "", nil, err
	}
	if s.overlay, err = s.store.writeJSON("overlay", overlayFile{Replace: s.replace}); err != nil {
		p.t.Fatal(err)
	}
	if code := s.env.exec(s.goArgs(), s.environ); code != 0 {
		p.t.Fatalf("go list: %s", problems.String())
	}
	return out.String(), s.notes, nil
}

const uses = `
-- go.mod --
module example.com/app

go 1.24

require example.com/dep v1.0.0
-- go.sum --
-- app.go --
package app

import _ "example.com/dep"
`

func TestReleasedRuntime(t *testing.T) {
	p := offer(t, "-- go.mod --\nmodule example.com/app\n\ngo 1.24\n-- app.go --\npackage app\n")
	list, notes, err := p.requirement(true)
	if err != nil || len(notes) != 0 {
		t.Fatal(err, notes)
	}
	if want := "example.com/app\nexample.com/dep v1.5.0\ngithub.com/orchestrall/orchestrall/runtime v1.2.3\n"; list != want {
		t.Errorf("build list:\n%s", list)
	}
}

func TestVersionsAreNotRaised(t *testing.T) {
	p := offer(t, uses)
	_, _, err := p.requirement(true)
	if err == nil {
		t.Fatal("a version was raised without being told")
	}
	want := "go.mod:5:9: example.com/dep v1.0.0 would become v1.5.0: the runtime needs it; raise it yourself (go get example.com/dep@v1.5.0), or allow it for builds (upgrades: [example.com/dep] in orchestrall.yaml, or ORCHESTRALL_UPGRADES=example.com/dep)"
	if got := err.Error(); !strings.HasSuffix(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	p.environ = append(p.environ, "ORCHESTRALL_UPGRADES=example.org/other,example.com/...")
	list, notes, err := p.requirement(true)
	if err != nil || !strings.Contains(list, "example.com/dep v1.5.0") {
		t.Fatalf("allowed: %v\n%s", err, list)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "this build has example.com/dep v1.5.0 (was v1.0.0); ") {
		t.Errorf("notes: %q", notes)
	}
}

// Where several versions would be raised, one line allows them all.
func TestSeveralVersionsAreAllowedAtOnce(t *testing.T) {
	r := &requirer{session: &session{tree: new(scan.Tree), vars: scan.NewEnvironment([]string{"ORCHESTRALL_UPGRADES=c"})}}
	err := r.judge([]change{
		{path: "a", was: "v1.0.0", now: "v1.1.0", pinned: true},
		{path: "c", was: "v1.0.0", now: "v1.1.0", pinned: true},
		{path: "d", was: "v1.0.0", now: "v1.1.0"},
		{path: "b", was: "v1.0.0", now: "v1.1.0", pinned: true},
	}, new(resolution))
	var found problems
	if !errors.As(err, &found) || len(found) != 2 || found[0].Fix != "raise it yourself (go get a@v1.1.0)" ||
		found[1].Fix != "raise it yourself (go get b@v1.1.0); or allow all 2 for builds (upgrades: [a, b] in orchestrall.yaml, or ORCHESTRALL_UPGRADES=a,b)" {
		t.Errorf("got %+v", found)
	}
}

const indirect = `
-- go.mod --
module example.com/app

go 1.24

require example.com/dep v1.0.0 // indirect
-- app.go --
package app
`

// What the go command wrote down by itself is raised, and said.
func TestIndirectVersionsAreRaised(t *testing.T) {
	p := offer(t, indirect)
	list, notes, err := p.requirement(true)
	if err != nil || !strings.Contains(list, "example.com/dep v1.5.0") {
		t.Fatalf("%v\n%s", err, list)
	}
	want := "what is woven in needs newer modules than go.mod names, so this build has example.com/dep v1.5.0 (was v1.0.0); packages that import them are compiled anew; pinned: in orchestrall.yaml keeps versions"
	if len(notes) != 1 || notes[0] != want {
		t.Errorf("got  %q\nwant %q", notes, want)
	}
	if _, notes, err := p.requirement(true); err != nil || len(notes) != 0 {
		t.Errorf("the second time: %q %v", notes, err)
	}
}

// An indirect requirement is pinned where the user must have chosen it.
func TestPinnedIndirectVersions(t *testing.T) {
	for _, test := range []struct{ name, was, is, how string }{
		{"comment on the line", "// indirect", "// indirect; newer ones lose data", " (its line has a comment)"},
		{"comment above", "require example", "// Newer ones lose data.\nrequire example", " (its line has a comment)"},
		{"excluded", "// indirect\n", "// indirect\n\nexclude example.com/dep v1.4.0\n", " (v1.4.0 is excluded)"},
		{"replaced", "// indirect\n", "// indirect\n\nreplace example.com/dep v1.0.0 => example.com/dep v1.0.0\n", " (go.mod replaces it)"},
		{"tool", "go 1.24\n", "go 1.24\n\ntool example.com/dep\n", " (the tool example.com/dep is in it)"},
		{"imported", "package app\n", "package app\n\nimport _ \"example.com/dep\"\n", " (example.com/app imports it)"},
		{"file", "-- app.go --\n", "-- orchestrall.yaml --\npinned: [...]\n-- app.go --\n", " (orchestrall.yaml:1:10 pins it)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := offer(t, edited(indirect, test.was, test.is))
			_, _, err := p.requirement(true)
			if want := "example.com/dep v1.0.0" + test.how + " would become v1.5.0: the runtime needs it; "; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
	p := offer(t, indirect)
	p.environ = append(p.environ, "ORCHESTRALL_PINNED=example.com/...")
	if _, _, err := p.requirement(true); err == nil || !strings.Contains(err.Error(), " (ORCHESTRALL_PINNED pins it) would become") {
		t.Errorf("got %v", err)
	}
	p.environ = append(p.environ, "ORCHESTRALL_UPGRADES=example.com/dep")
	if list, _, err := p.requirement(true); err != nil || !strings.Contains(list, "example.com/dep v1.5.0") {
		t.Errorf("%v\n%s", err, list)
	}
}

// Before go 1.17 a go.mod does not list what it requires indirectly.
func TestUnlistedVersionsAreSaid(t *testing.T) {
	p := offer(t, `
-- go.mod --
module example.com/app

go 1.16

require example.com/mid v1.0.0
-- go.sum --
-- app.go --
package app

import _ "example.com/mid/extra"
`)
	p.environ = append(p.environ, "ORCHESTRALL_UPGRADES=go")
	list, notes, err := p.requirement(true)
	if err != nil || !strings.Contains(list, "example.com/dep v1.5.0") {
		t.Fatalf("%v\n%s", err, list)
	}
	if len(notes) != 2 || !strings.Contains(notes[1], "this build has example.com/dep v1.5.0 (was v1.0.0); ") {
		t.Errorf("%q", notes)
	}
}

// Excluded versions below the one in go.mod say nothing about newer ones.
func TestOldExclusionsPinNothing(t *testing.T) {
	p := offer(t, edited(indirect, "// indirect\n", "// indirect\n\nexclude example.com/dep v0.9.0\n"))
	if list, _, err := p.requirement(true); err != nil || !strings.Contains(list, "example.com/dep v1.5.0") {
		t.Errorf("%v\n%s", err, list)
	}
}

func TestBadPatternsInVariables(t *testing.T) {
	p := write(t, quick)
	p.environ = append(p.environ, "ORCHESTRALL_PINNED=golang.org/x/*")
	want := `orchestrall: ORCHESTRALL_PINNED: bad module pattern "golang.org/x/*": a pattern is a module path, and ... stands for anything; write module paths with commas between them` + "\n"
	if code, _, stderr := p.run("build", "./..."); code != Trouble || stderr != want {
		t.Errorf("exit code %d\ngot  %swant %s", code, stderr, want)
	}
}

func TestReplacedVersionsStay(t *testing.T) {
	p := offer(t, strings.Replace(uses, "v1.0.0\n", "v1.0.0\n\nreplace example.com/dep => example.com/dep v1.0.0\n", 1))
	list, _, err := p.requirement(true)
	if err != nil || !strings.Contains(list, "=> example.com/dep v1.0.0") {
		t.Errorf("%v\n%s", err, list)
	}
}

func TestWorkspaceVersionsAreNotRaised(t *testing.T) {
	p := offer(t, `
-- go.work --
go 1.22

use ./app
-- app/go.mod --
module example.com/app

go 1.22

require example.com/dep v1.0.0
-- app/app.go --
package app

import _ "example.com/dep"
`)
	_, _, err := p.requirement(true)
	if err == nil || !strings.Contains(err.Error(), filepath.Join("app", "go.mod")+":5:9: example.com/dep v1.0.0 would become v1.5.0") {
		t.Fatalf("got %v", err)
	}
	p.environ = append(p.environ, "ORCHESTRALL_UPGRADES=...")
	list, _, err := p.requirement(true)
	if err != nil || !strings.Contains(list, "example.com/dep v1.5.0") {
		t.Errorf("allowed: %v\n%s", err, list)
	}
}

// What is indirect in one member may be direct in another.
func TestWorkspaceIndirectVersions(t *testing.T) {
	const workspace = `
-- go.work --
go 1.24

use (
	./app
	./lib
)
-- app/go.mod --
module example.com/app

go 1.24

require example.com/dep v1.0.0 // indirect
-- app/app.go --
package app
-- lib/go.mod --
module example.com/lib

go 1.24

require example.com/dep v1.0.0 // indirect
-- lib/lib.go --
package lib
`
	p := offer(t, workspace)
	list, notes, err := p.requirement(true)
	if err != nil || !strings.Contains(list, "example.com/dep v1.5.0") || len(notes) != 1 || !strings.Contains(notes[0], "example.com/dep v1.5.0 (was v1.0.0)") {
		t.Errorf("%v %q\n%s", err, notes, list)
	}
	p = offer(t, edited(workspace, "// indirect\n-- lib/lib.go --\npackage lib\n", "\n-- lib/lib.go --\npackage lib\n\nimport _ \"example.com/dep\"\n"))
	if _, _, err := p.requirement(true); err == nil || !strings.Contains(err.Error(), filepath.Join("lib", "go.mod")+":5:9: example.com/dep v1.0.0 would become v1.5.0") {
		t.Errorf("got %v", err)
	}
}

// Members may require each other at versions that nobody can download.
func TestWorkspaceMembersAreNotPublished(t *testing.T) {
	p := offer(t, `
-- go.work --
go 1.24

use (
	./app
	./lib
)
-- app/go.mod --
module example.com/app

go 1.24

require example.com/lib v0.0.0
-- app/app.go --
package app

import _ "example.com/lib"
-- lib/go.mod --
module example.com/lib

go 1.24
-- lib/lib.go --
package lib
`)
	list, _, err := p.requirement(true)
	if err != nil || !strings.Contains(list, "github.com/orchestrall/orchestrall/runtime v1.2.3") {
		t.Errorf("%v\n%s", err, list)
	}
}

func TestUnreachableRuntime(t *testing.T) {
	p := offer(t, "-- go.mod --\nmodule example.com/app\n\ngo 1.24\n-- app.go --\npackage app\n")
	p.environ = append(p.environ, "GOPROXY=off")
	_, _, err := p.requirement(true)
	if err == nil || !strings.Contains(err.Error(), "run orchestrall init") {
		t.Errorf("got %v", err)
	}
}

func TestRuntimeDirMustBeTheRuntime(t *testing.T) {
	for _, dir := range []string{"relative", t.TempDir()} {
		if rt, err := FindRuntime([]string{"ORCHESTRALL_RUNTIME_DIR=" + dir}); err == nil {
			t.Errorf("%s is taken for the runtime: %+v", dir, rt)
		}
	}
	rt, err := FindRuntime(nil)
	if err != nil || rt.Dir == "" {
		t.Errorf("a tool built from a checkout has its runtime: %+v, %v", rt, err)
	}
}
