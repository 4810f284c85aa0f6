package overlay

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
	"golang.org/x/tools/txtar"

	"github.com/orchestrall/orchestrall/internal/scan"
)

// A project is a module in a folder of its own, whose files a build must not
// change.
type project struct {
	t       *testing.T
	dir     string
	environ []string
	before  map[string]string // the files that no build may change
}

// accept takes the files as they are for the user's own.
func (p *project) accept() { p.before = p.tree() }

// write unpacks an archive below a new folder, whose path has a space.
func write(t *testing.T, archive string) *project {
	t.Helper()
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(top, "a project")
	for _, f := range txtar.Parse([]byte(archive)).Files {
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	rt, err := filepath.Abs("../../runtime")
	if err != nil {
		t.Fatal(err)
	}
	p := &project{t: t, dir: dir, environ: append(os.Environ(),
		"GOFLAGS=", "GOWORK=", "GOENV=off", "GO111MODULE=", "PWD="+dir, "ORCHESTRALL_UPGRADES=",
		"ORCHESTRALL_CACHE="+filepath.Join(top, "cache"), "ORCHESTRALL_RUNTIME_DIR="+rt,
		"PROMETHEUS_PORT=0", "OTEL_EXPORTER=none",
	)}
	p.accept()
	t.Cleanup(func() {
		if diff := cmp.Diff(p.before, p.tree()); diff != "" {
			t.Errorf("the build changed the user's files: %s", diff)
		}
	})
	return p
}

// tree returns the content of every file but those that go build -o wrote.
func (p *project) tree() map[string]string {
	files := make(map[string]string)
	err := filepath.WalkDir(p.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), "out.") {
			return err
		}
		data, err := os.ReadFile(path)
		files[path] = string(data)
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return files
}

func (p *project) env(out, problems *bytes.Buffer) Env {
	return Env{Dir: p.dir, Environ: p.environ, Stdout: out, Stderr: problems}
}

// run runs the front end and returns its exit code and what it wrote.
func (p *project) run(verb string, args ...string) (code int, stdout, stderr string) {
	p.t.Helper()
	var out, problems bytes.Buffer
	code = Run(p.env(&out, &problems), verb, args)
	return code, out.String(), problems.String()
}

// must is run for what has to succeed.
func (p *project) must(verb string, args ...string) (stdout, stderr string) {
	p.t.Helper()
	code, stdout, stderr := p.run(verb, args...)
	if code != 0 {
		p.t.Fatalf("go %s %q: exit code %d\n%s%s", verb, args, code, stdout, stderr)
	}
	return stdout, stderr
}

// plain runs the go command itself.
func (p *project) plain(args ...string) string {
	p.t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = p.dir, p.environ
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.t.Fatalf("go %q: %v\n%s", args, err, out)
	}
	return string(out)
}

func (p *project) execute(name string, args ...string) (string, string) {
	p.t.Helper()
	cmd := exec.Command(filepath.Join(p.dir, name), args...)
	cmd.Env = p.environ
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		p.t.Fatalf("%s: %v\n%s%s", name, err, out.String(), problems.String())
	}
	return out.String(), problems.String()
}

const app = `
-- go.mod --
module example.com/app

go 1.26.0
-- main.go --
package main

import (
	"context"
	"fmt"
	"os"

	"example.com/app/agent"
)

func main() {
	n, err := agent.Run(context.Background(), len(os.Args))
	fmt.Println(n, err)
}
-- agent/agent.go --
// Package agent runs.
package agent

import (
	"context"
	"errors"
)

//orchestrall:trace kind=agent attr.n=n
func Run(ctx context.Context, n int) (int, error) {
	if n > 5 {
		return 0, errors.New("too many")
	}
	return twice(n), nil
}

func twice(n int) int {
	return 2 * n
}
-- agent/agent_test.go --
package agent

import (
	"context"
	"testing"
)

func TestRun(t *testing.T) {
	if n, err := Run(context.Background(), 2); n != 4 || err != nil {
		t.Error(n, err)
	}
}
-- plain/plain.go --
package plain

func Half(n int) int { return n / 2 }
`

// quick is app with less to link.
const quick = app + `
-- orchestrall.yaml --
bootstrap: false
`

// finished is the line that a traced call of agent.Run leaves.
const finished = "agent.Run"

func TestBuild(t *testing.T) {
	p := write(t, app)
	p.must("build", "-o", "out.exe", ".")
	stdout, stderr := p.execute("out.exe", "x")
	if stdout != "4 <nil>\n" || !strings.Contains(stderr, finished) {
		t.Errorf("the program wrote %q, %q", stdout, stderr)
	}
	if program, err := os.ReadFile(filepath.Join(p.dir, "out.exe")); err != nil || bytes.Contains(program, []byte(filepath.Join(filepath.Dir(p.dir), "cache"))) {
		t.Errorf("the program names files of the cache (%v)", err)
	}
	stdout, stderr = p.must("run", ".", "x", "y")
	if stdout != "6 <nil>\n" || !strings.Contains(stderr, finished) {
		t.Errorf("go run wrote %q, %q", stdout, stderr)
	}
	if out, _ := p.must("list", "-f", "{{.GoFiles}}", "./agent", "./plain"); out != "[agent.go orchestrall_gen.go]\n[plain.go]\n" {
		t.Errorf("go list wrote %q", out)
	}
	p.must("vet", "./...")
}

func TestBuildOfFiles(t *testing.T) {
	p := write(t, `
-- go.mod --
module example.com/app

go 1.26.0
-- orchestrall.yaml --
bootstrap: false
-- cmd/main.go --
package main

import "os"

func main() { println(work(len(os.Args))) }
-- cmd/work.go --
package main

//orchestrall:trace log=info
func work(n int) int { return n }
`)
	_, stderr := p.must("run", "cmd/main.go", "cmd/work.go", "x", "a.go")
	if !strings.Contains(stderr, "3\n") || !strings.Contains(stderr, `work`) {
		t.Errorf("go run wrote %q", stderr)
	}
}

func TestOtherSystem(t *testing.T) {
	p := write(t, quick)
	own := p.environ
	// Each system has its own imports, and so its own requirements.
	for _, goos := range []string{"windows", "linux", "darwin"} {
		p.environ = append(own[:len(own):len(own)], "GOOS="+goos, "GOARCH=amd64", "CGO_ENABLED=0")
		p.must("list", "-deps", "./...")
	}
}

func TestCacheFolder(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ variable, want string }{
		{"ORCHESTRALL_CACHE=" + dir, dir},
		{"GOCACHE=" + dir, filepath.Join(dir, "orchestrall")},
		{"GOCACHE=off", ""},
		{"ORCHESTRALL_CACHE=here", ""},
		{"", ""},
	} {
		got, err := cacheDir(scan.NewEnvironment([]string{"GOENV=off", c.variable}))
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %q, %v", c.variable, got, err)
		}
	}
}

func TestChangeOfFolder(t *testing.T) {
	p := write(t, quick)
	p.dir = filepath.Dir(p.dir)
	stdout, stderr := p.must("run", "-C", "a project", ".")
	if stdout != "2 <nil>\n" || !strings.Contains(stderr, finished) {
		t.Errorf("go run -C wrote %q, %q", stdout, stderr)
	}
	p.dir = filepath.Join(p.dir, "a project")
}

func TestCoverageIsTheUsersOwn(t *testing.T) {
	p := write(t, quick)
	plain := regexp.MustCompile(`coverage: \S+`).FindString(p.plain("test", "-coverprofile=out.plain", "./agent"))
	stdout, _ := p.must("test", "-count=1", "-v", "-coverprofile=out.ours", "./agent")
	if !strings.Contains(stdout, plain) || !strings.Contains(stdout, finished) {
		t.Errorf("want %s and the traced call in:\n%s", plain, stdout)
	}
	want, err := os.ReadFile(filepath.Join(p.dir, "out.plain"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(p.dir, "out.ours"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("profile: %s", diff)
	}
	if stdout, _ = p.must("test", "-coverpkg=./...", "./agent"); !strings.Contains(stdout, "in ./...") {
		t.Errorf("-coverpkg: %s", stdout)
	}
}

func TestMistakesStopTheBuild(t *testing.T) {
	p := write(t, quick+`
-- bad/bad.go --
package bad

//orchestrall:trace knd=agent
func Run() {}
`)
	code, _, stderr := p.run("build", "./...")
	if want := filepath.Join("bad", "bad.go") + ":3:21: "; code != Trouble || !strings.HasPrefix(stderr, want) {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	if code, _, stderr = p.run("vet", "./bad"); code != Trouble {
		t.Errorf("vet: exit code %d: %s", code, stderr)
	}
	// A build that does not compile the package does not mind.
	p.must("build", "-o", "out.exe", ".")
}

func TestNothingToInstrument(t *testing.T) {
	p := write(t, "-- go.mod --\nmodule example.com/app\n-- main.go --\npackage main\n\nfunc main() { println(1) }\n")
	if _, stderr := p.must("run", "."); stderr != "1\n" {
		t.Errorf("go run wrote %q", stderr)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(p.dir), "cache")); err == nil {
		t.Error("a build without directives fills the cache")
	}
	if code, _, _ := p.run("build", "./none"); code != 1 {
		t.Errorf("the go command's exit code became %d", code)
	}
	if stdout, _ := p.must("env", "GOOS"); stdout != runtime.GOOS+"\n" {
		t.Errorf("go env wrote %q", stdout)
	}
}

func TestUsersOverlay(t *testing.T) {
	p := write(t, quick+`
-- other.txt --
package agent

import "context"

//orchestrall:trace kind=agent
func Other(ctx context.Context) int { return 42 }

//orchestrall:trace kind=agent
func Run(ctx context.Context, n int) (int, error) { return Other(ctx), nil }
-- overlay.json --
{"Replace": {"agent/agent.go": "other.txt", "agent/agent_test.go": ""}}
`)
	for _, args := range [][]string{{"-overlay", "overlay.json", "."}, {"-overlay=overlay.json", "."}} {
		stdout, stderr := p.must("run", args...)
		if stdout != "42 <nil>\n" || !strings.Contains(stderr, "agent.Other") {
			t.Errorf("go run wrote %q, %q", stdout, stderr)
		}
	}
}

func TestWorkspace(t *testing.T) {
	p := write(t, `
-- go.work --
go 1.26.0

use (
	./app
	./lib
)
-- app/go.mod --
module example.com/app

go 1.26.0
-- app/main.go --
package main

import (
	"context"

	"example.com/lib"
)

func main() { println(lib.Run(context.Background())) }
-- orchestrall.yaml --
bootstrap: false
-- lib/go.mod --
module example.com/lib

go 1.22
-- lib/lib.go --
package lib

import "context"

//orchestrall:trace kind=agent
func Run(ctx context.Context) int { return 7 }
`)
	_, stderr := p.must("run", "./app")
	if !strings.Contains(stderr, "7\n") || !strings.Contains(stderr, "lib.Run") {
		t.Errorf("go run wrote %q", stderr)
	}
	if stdout, _ := p.must("list", "-f", "{{.Module.GoVersion}}", "./lib"); stdout != "1.22\n" {
		t.Errorf("lib is compiled as go %s", stdout)
	}
}

func TestVendor(t *testing.T) {
	p := write(t, strings.Replace(quick, "go 1.26.0\n", `go 1.26.0

require example.com/dep v1.0.0

replace example.com/dep => ./dep
`, 1)+`
-- dep/go.mod --
module example.com/dep

go 1.26.0
-- dep/dep.go --
package dep

const Name = "vendored"
-- plain/dep.go --
package plain

import "example.com/dep"

const Name = dep.Name
-- vendor/modules.txt --
# example.com/dep v1.0.0 => ./dep
## explicit; go 1.26.0
example.com/dep
# example.com/dep => ./dep
-- vendor/example.com/dep/dep.go --
package dep

const Name = "vendored"
`)
	for _, args := range [][]string{{"."}, {"-mod=vendor", "."}, {"-mod", "vendor", "."}} {
		stdout, stderr := p.must("run", args...)
		if stdout != "2 <nil>\n" || !strings.Contains(stderr, finished) {
			t.Errorf("go run %q wrote %q, %q", args, stdout, stderr)
		}
	}
}

func TestVendorWithoutModuleCache(t *testing.T) {
	p := write(t, quick+`
-- vendor/modules.txt --
`)
	p.environ = append(p.environ, "GOMODCACHE="+t.TempDir(), "GOPROXY=off", "GOFLAGS=-modcacherw")
	code, _, stderr := p.run("build", "./...")
	if code != Trouble || !strings.Contains(stderr, "vendor/ has no ") || !strings.Contains(stderr, "run orchestrall init && go mod vendor") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

func TestCheckedInPackage(t *testing.T) {
	p := write(t, quick+`
-- agent/orchestrall_gen.go --
package agent
`)
	if stdout, stderr := p.must("run", "."); stdout != "2 <nil>\n" || stderr != "" {
		t.Errorf("go run wrote %q, %q", stdout, stderr)
	}
}

func TestOtherModFile(t *testing.T) {
	p := write(t, quick+`
-- other/go.mod --
module example.com/app

go 1.26.0
`)
	if stdout, stderr := p.must("run", "-modfile=other/go.mod", "."); stdout != "2 <nil>\n" || !strings.Contains(stderr, finished) {
		t.Errorf("go run wrote %q, %q", stdout, stderr)
	}
}

func TestOlderGo(t *testing.T) {
	p := write(t, strings.Replace(quick, "go 1.26.0", "go 1.24.1", 1))
	if _, stderr := p.must("build", "-o", "out.exe", "."); !strings.Contains(stderr, "go 1.24.1 is built as go 1.26.0") {
		t.Errorf("the build wrote %q", stderr)
	}
	if out := p.plain("version", "-m", "out.exe"); !strings.Contains(out, "DefaultGODEBUG") {
		t.Errorf("GODEBUG is not that of go 1.24:\n%s", out)
	}
	p = write(t, strings.Replace(quick, "go 1.26.0", "go 1.20", 1))
	code, _, stderr := p.run("build", "-o", "out.exe", ".")
	if code != Trouble || !strings.HasPrefix(stderr, "go.mod:3:4: go 1.20 would become go 1.26.0, and loops") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	p.environ = append(p.environ, "ORCHESTRALL_UPGRADES=go")
	p.must("build", "-o", "out.exe", ".")
}

// A program that requires what the runtime is known to work with keeps its
// versions, beside the newest of everything else.
func TestFloors(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles gRPC in old versions")
	}
	const rpc = `
-- rpc.go --
package main

import "google.golang.org/grpc"

var server = grpc.NewServer()
`
	newest := maps.Clone(floors)
	newest["google.golang.org/grpc"] = "v1.84.0"
	old := maps.Clone(floors)
	old[oldFloor.of.Path], old[oldFloor.importer.Path] = oldFloor.of.Version, oldFloor.importer.Version
	for _, versions := range []map[string]string{floors, newest, old} {
		var mod strings.Builder
		for path, version := range versions {
			fmt.Fprintf(&mod, "require %s %s\n", path, version)
		}
		p := write(t, strings.Replace(app, "go 1.26.0\n", "go 1.26.0\n\n"+mod.String(), 1)+rpc)
		if stdout, stderr := p.must("run", ".", "x"); !strings.HasSuffix(stdout, " <nil>\n") || strings.Contains(stderr, "orchestrall: ") || strings.Contains(stderr, "warning: ") || !strings.Contains(stderr, finished) {
			t.Errorf("go run wrote %q, %q", stdout, stderr)
		}
		list, _ := p.must("list", "-m", "all")
		for path, version := range versions {
			if !strings.Contains(list, path+" "+version+"\n") {
				t.Errorf("%s is not %s", path, version)
			}
		}
	}
}

// What is new to a program comes in the newest version that the runtime was
// tested with, and what it has stays.
func TestNewest(t *testing.T) {
	all := newestVersions()
	if len(all) == 0 {
		t.Fatal("newest.mod names no versions")
	}
	mod, err := os.ReadFile("../../runtime/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	f, err := modfile.Parse("go.mod", mod, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range f.Require {
		at := slices.IndexFunc(all, func(v module.Version) bool { return v.Path == r.Mod.Path })
		if at < 0 && !r.Indirect || at >= 0 && semver.Compare(all[at].Version, r.Mod.Version) < 0 {
			t.Errorf("newest.mod is older than runtime/go.mod: %s", r.Mod)
		}
	}
	const otel = "go.opentelemetry.io/otel"
	var old, latest string
	for _, r := range f.Require {
		if r.Mod.Path == otel {
			old = r.Mod.Version
		}
	}
	for _, v := range all {
		if v.Path == otel {
			latest = v.Version
		}
	}
	listed := func(p *project) string {
		list, stderr := p.must("list", "-m", "all")
		if strings.Contains(stderr, "warning") {
			t.Error(stderr)
		}
		_, after, _ := strings.Cut(list, "\n"+otel+" ")
		version, _, _ := strings.Cut(after, "\n")
		return version
	}
	p := write(t, app)
	if list := listed(p); list != latest || latest == old {
		t.Errorf("a program without OpenTelemetry gets %q", list)
	}
	p = write(t, strings.Replace(app, "go 1.26.0\n", "go 1.26.0\n\nrequire "+otel+" "+old+"\n", 1)+"\n-- otel.go --\npackage main\n\nimport _ \""+otel+"\"\n")
	if list := listed(p); list != old {
		t.Errorf("a program with %s %s gets %q", otel, old, list)
	}
}

func TestVetOfTestsNamesTheUsersFile(t *testing.T) {
	p := write(t, strings.NewReplacer(
		`"errors"`, "\"errors\"\n\t\"fmt\"",
		"return twice(n), nil", "fmt.Printf(\"%d\", \"x\")\n\treturn twice(n), nil",
	).Replace(quick))
	code, stdout, stderr := p.run("test", "./agent")
	if want := filepath.Join("agent", "agent.go") + ":15:14: "; code != 1 || !strings.Contains(stdout+stderr, want) {
		t.Errorf("exit code %d, no %s in:\n%s%s", code, want, stdout, stderr)
	}
}

// What cgo makes of an instrumented file needs the generated one beside it.
func TestVetOfTestsTakesCgo(t *testing.T) {
	p := write(t, `
-- go.mod --
module example.com/app

go 1.26.0
-- sum/sum.go --
package sum

// static int add(int a, int b) { return a + b; }
import "C"

import (
	"context"
	"fmt"
)

//orchestrall:trace
func Add(ctx context.Context, a, b int) int { return int(C.add(C.int(a), C.int(b))) }

func wrong() { fmt.Printf("%d", "x") }
-- sum/plain.go --
package sum

import "context"

//orchestrall:trace
func Twice(ctx context.Context, n int) int { return Add(ctx, n, n) }
-- sum/sum_test.go --
package sum

import "testing"

func TestTwice(t *testing.T) {
	if n := Twice(t.Context(), 2); n != 4 {
		t.Error(n)
	}
}
`)
	code, stdout, stderr := p.run("test", "./sum")
	if want := filepath.Join("sum", "sum.go") + ":14:"; code != 1 || !strings.Contains(stdout+stderr, want) || strings.Contains(stdout+stderr, "undefined") {
		t.Errorf("exit code %d, no %s in:\n%s%s", code, want, stdout, stderr)
	}
	p.must("test", "-vet=off", "./sum")
}

func TestDirectivesOutsideAModuleAreNoSilence(t *testing.T) {
	p := write(t, `
-- plain.go --
package main

func main() { println("plain") }
-- traced.go --
package main

import "context"

//orchestrall:trace
func work(ctx context.Context) {}

func main() { work(context.Background()) }
`)
	p.must("run", "plain.go")
	if code, _, stderr := p.run("run", "traced.go"); code != Trouble || !strings.HasPrefix(stderr, "orchestrall: no go.mod in this folder or above it; ") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}
