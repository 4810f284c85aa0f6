package overlay

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/goproxytest"
	"golang.org/x/tools/txtar"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/config"
	"github.com/orchestrall/orchestrall/internal/hooks"
)

// stubs is a runtime with hook packages: one for the standard library, and one
// that is a module of its own and wants a newer dep.
const stubs = `
-- go.mod --
module github.com/orchestrall/orchestrall/runtime

go 1.24
-- runtime.go --
package orchestrall
-- bootstrap/bootstrap.go --
package bootstrap

type Options struct{ Service string }

func Start(o Options) func() { println("started", o.Service); return func() {} }
-- std/std.go --
package std

import "strings"

func ToUpper(s string) string { println("hook: ToUpper"); return strings.ToUpper(s) }
-- lib/go.mod --
module github.com/orchestrall/orchestrall/runtime/lib

go 1.24

require (
	example.com/dep v1.5.0
	example.com/lib v1.1.0
)
-- lib/go.sum --
-- lib/lib.go --
package lib

import (
	_ "example.com/dep"
	"example.com/lib"
)

func Open(s string) string { println("hook: Open"); return lib.Open(s) }

func Gone() {}
`

var libraryModules = map[string]string{
	"example.com_lib_v1.0.0.txt": libraryModule("v1.0.0"),
	"example.com_lib_v1.1.0.txt": libraryModule("v1.1.0"),
	"example.com_dep_v1.5.0.txt": dependency("v1.5.0"),
	"example.com_dep_v1.0.0.txt": dependency("v1.0.0"),
	"example.com_mid_v1.0.0.txt": midModule("v1.0.0"),
	"example.com_mid_v1.5.0.txt": midModule("v1.5.0"),
}

func midModule(version string) string {
	mod := `
module example.com/mid

go 1.24

require example.com/dep ` + version + `
`
	return "-- .mod --" + mod + "-- .info --\n{\"Version\":\"" + version + "\"}\n-- go.mod --" + mod + `
-- mid.go --
package mid
-- extra/extra.go --
package extra

import "example.com/dep"

const Version = dep.Version
`
}

func libraryModule(version string) string {
	return `
-- .mod --
module example.com/lib

go 1.24
-- .info --
{"Version":"` + version + `"}
-- go.mod --
module example.com/lib

go 1.24
-- lib.go --
package lib

func Open(s string) string { return "open " + s }

func ByHand() {}
`
}

const stubLibraries = `
-- std.yaml --
library: std
hook: github.com/orchestrall/orchestrall/runtime/std
points:
  - function: strings.ToUpper
    replace: ToUpper
-- lib.yaml --
library: lib
module: example.com/lib
versions: ">=v1.1.0 <v2.0.0"
hook: github.com/orchestrall/orchestrall/runtime/lib
unless: [example.com/lib.ByHand]
points:
  - function: example.com/lib.Open
    replace: Open
`

// A hookProject is a project with the stub runtime and libraries.
type hookProject struct {
	*project
	runtime   string
	libraries []*hooks.Library
}

func writeHooked(t *testing.T, archive, libraries string) *hookProject {
	t.Helper()
	proxy := t.TempDir()
	for name, text := range libraryModules {
		if err := os.WriteFile(filepath.Join(proxy, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	server, err := goproxytest.NewServer(proxy, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	rt := t.TempDir()
	fsys, err := txtar.FS(txtar.Parse([]byte(stubs)))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(rt, fsys); err != nil {
		t.Fatal(err)
	}
	p := &hookProject{project: write(t, archive), runtime: rt}
	p.environ = append(p.environ, "GOPROXY="+server.URL, "GOSUMDB=off", "GOFLAGS=-modcacherw", "GOMODCACHE="+t.TempDir(),
		"GONOSUMDB=*", "GONOSUMCHECK=1", "ORCHESTRALL_RUNTIME_DIR="+rt)
	for _, f := range txtar.Parse([]byte(libraries)).Files {
		l, problems := config.ParseLibrary(f.Name, f.Data)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		p.libraries = append(p.libraries, l)
	}
	return p
}

func (p *hookProject) build(verb string, args ...string) (stdout, stderr string) {
	p.t.Helper()
	var out, problems bytes.Buffer
	env := p.env(&out, &problems)
	env.Libraries = p.libraries
	if code := Run(env, verb, args); code != 0 {
		p.t.Fatalf("go %s %q: exit code %d\n%s%s", verb, args, code, &out, &problems)
	}
	return out.String(), problems.String()
}

func (p *hookProject) report() map[string]*Hooked {
	p.t.Helper()
	var out, problems bytes.Buffer
	env := p.env(&out, &problems)
	env.Libraries = p.libraries
	all, ds, err := Hooks(env, []string{"./..."})
	if err != nil || instrument.HasErrors(ds) {
		p.t.Fatal(err, ds)
	}
	byName := map[string]*Hooked{}
	for _, h := range all {
		byName[h.Library] = h
	}
	return byName
}

const hookedApp = `
-- go.mod --
module example.com/app

go 1.24

require example.com/lib v1.1.0
-- main.go --
package main

import (
	"fmt"

	"example.com/app/store"
)

func main() { fmt.Println(store.Open("x")) }
-- store/store.go --
package store

import (
	"strings"

	"example.com/lib"
)

func Open(s string) string { return strings.ToUpper(lib.Open(s)) }
-- store/store_test.go --
package store

import (
	"strings"
	"testing"
)

func TestUpper(t *testing.T) { strings.ToUpper("a") }
-- store/external_test.go --
package store_test

import (
	"strings"
	"testing"

	"example.com/app/store"
)

func TestExternal(t *testing.T) { strings.ToUpper(store.Open("a")) }
`

func edited(archive string, pairs ...string) string {
	return strings.NewReplacer(pairs...).Replace(archive)
}

// settle writes the go.sum of the modules in dirs, or of the project's own.
func (p *hookProject) settle(dirs ...string) {
	p.t.Helper()
	for _, dir := range append(dirs, ".")[:max(1, len(dirs))] {
		cmd := exec.Command("go", "mod", "tidy")
		cmd.Dir, cmd.Env = filepath.Join(p.dir, dir), append(slices.Clone(p.environ), "GOWORK=off")
		if out, err := cmd.CombinedOutput(); err != nil && len(dirs) == 0 {
			p.t.Fatalf("go mod tidy: %v\n%s", err, out)
		}
	}
	p.accept()
}

// A program without a directive is woven, and nothing but its own packages is
// compiled for that after a plain build.
func TestHooksAlone(t *testing.T) {
	p := writeHooked(t, hookedApp, stubLibraries)
	p.settle()
	p.plain("build", "-o", "out.plain", ".")
	p.build("list", "./...") // compiles the hook packages
	_, stderr := p.build("build", "-x", "-o", "out.exe", ".")
	for _, m := range regexp.MustCompile(`compile(?:\.exe)?"? .* -p (\S+) `).FindAllStringSubmatch(stderr, -1) {
		if m[1] != "main" && !strings.HasPrefix(m[1], "example.com/app") && !strings.Contains(m[1], "orchestrall/runtime") {
			t.Errorf("the build compiles %s anew", m[1])
		}
	}
	stdout, said := p.execute("out.exe")
	if stdout != "OPEN X\n" || said != "started example.com/app\nhook: Open\nhook: ToUpper\n" {
		t.Errorf("%q %q", stdout, said)
	}
	if stdout, said := p.execute("out.plain"); stdout != "OPEN X\n" || said != "" {
		t.Errorf("plain: %q %q", stdout, said)
	}
	r := p.report()
	if lib := r["lib"]; lib.State != Applies || lib.Version != "v1.1.0" || len(lib.Points[0].Places) != 1 || lib.Points[0].Places[0].Line != 9 {
		t.Errorf("lib: %+v", lib)
	}
}

// Test files are woven in tests, and their calls do not count as by hand.
func TestHooksInTests(t *testing.T) {
	p := writeHooked(t, hookedApp, stubLibraries)
	p.settle()
	stdout, _ := p.build("test", "-v", "-count=1", "./...")
	if n := strings.Count(stdout, "hook: ToUpper"); n != 3 {
		t.Errorf("%d calls are hooked, want 3: %s", n, stdout)
	}
}

func TestHookSwitchedOff(t *testing.T) {
	p := writeHooked(t, hookedApp+"-- orchestrall.yaml --\nbootstrap: false\n", stubLibraries)
	p.libraries = p.libraries[1:]
	p.settle()
	p.libraries[0].Versions, _ = hooks.ParseRange(">=v1.2.0")
	if lib := p.report()["lib"]; lib.State != OutOfRange || lib.Reason != "v1.1.0 is not in >=v1.2.0" {
		t.Errorf("%+v", lib)
	}
	_, stderr := p.build("build", "-x", "-o", "out.exe", ".")
	if want := ": warning: lib is not instrumented: example.com/lib v1.1.0 is not in >=v1.2.0; take such a version, or switch the hooks off (hooks: {lib: off} in orchestrall.yaml)\n"; strings.Count(stderr, want) != 1 || !strings.HasPrefix(stderr, "go.mod:") {
		t.Errorf("got %s\nwant %s", stderr, want)
	}
	// An earlier module of the library's.
	p.libraries[0].Older = []string{"example.com/lib"}
	old := *p.libraries[0]
	old.Module, old.Points = "example.com/lib/v2", nil
	p.libraries[0] = &old
	if lib := p.report()["lib"]; lib.State != OutOfRange || lib.Reason != "example.com/lib v1.1.0 has no hooks; example.com/lib/v2 >=v1.2.0 has" || !lib.Pos.IsValid() {
		t.Errorf("%+v", lib)
	}
	if strings.Contains(stderr, "overlay") || strings.Contains(stderr, "orchestrall/runtime") {
		t.Errorf("nothing is woven, and yet: %s", stderr)
	}
}

func TestByHand(t *testing.T) {
	p := writeHooked(t, hookedApp+"-- setup/setup.go --\npackage setup\n\nimport l \"example.com/lib\"\n\nfunc init() { f := l.ByHand; f() }\n", stubLibraries)
	p.settle()
	r := p.report()
	if lib := r["lib"]; lib.State != ByHand || !strings.HasSuffix(lib.Pos.String(), filepath.Join("setup", "setup.go")+":5:22") {
		t.Errorf("%+v", lib)
	}
	p.build("build", "-o", "out.exe", ".")
	if _, said := p.execute("out.exe"); said != "started example.com/app\nhook: ToUpper\n" {
		t.Errorf("%q", said)
	}
}

// A hook that would raise a version is left out, with a warning; the others stay.
func TestHookWouldRaise(t *testing.T) {
	p := writeHooked(t, edited(hookedApp, "require example.com/lib v1.1.0", "require (\n\texample.com/dep v1.0.0\n\texample.com/lib v1.1.0\n)", `	"example.com/lib"
)

func Open`, `	_ "example.com/dep"
	"example.com/lib"
)

func Open`), stubLibraries)
	p.settle()
	_, stderr := p.build("build", "-o", "out.exe", ".")
	want := "go.mod:6:2: warning: lib is not instrumented: example.com/dep v1.0.0 would become v1.5.0: the hooks for lib need it; " +
		"raise it yourself (go get example.com/dep@v1.5.0), or allow it for builds (upgrades: [example.com/dep] in orchestrall.yaml, or ORCHESTRALL_UPGRADES=example.com/dep)\n"
	if stderr != want {
		t.Errorf("got  %swant %s", stderr, want)
	}
	if _, said := p.execute("out.exe"); said != "started example.com/app\nhook: ToUpper\n" {
		t.Errorf("%q", said)
	}
	if lib := p.report()["lib"]; lib.State != Raises || lib.Reason != "example.com/dep v1.0.0 would become v1.5.0: the hooks for lib need it" {
		t.Errorf("%+v", lib)
	}
	p.environ = append(p.environ, "ORCHESTRALL_UPGRADES=example.com/dep")
	p.build("build", "-o", "out.exe", ".")
	if _, said := p.execute("out.exe"); said != "started example.com/app\nhook: Open\nhook: ToUpper\n" {
		t.Errorf("allowed: %q", said)
	}
}

// needRuntime has the stub runtime require a module, and import packages.
func (p *hookProject) needRuntime(requirement string, imports ...string) {
	p.t.Helper()
	src := "package bootstrap\n"
	for _, path := range imports {
		src += "import _ \"" + path + "\"\n"
	}
	for name, text := range map[string]string{
		"go.mod":             "module github.com/orchestrall/orchestrall/runtime\n\ngo 1.24\n\nrequire " + requirement + "\n",
		"bootstrap/needs.go": src,
	} {
		if err := os.WriteFile(filepath.Join(p.runtime, filepath.FromSlash(name)), []byte(text), 0o666); err != nil {
			p.t.Fatal(err)
		}
	}
}

// What go.mod files ask for and no package uses is not raised.
func TestUnusedVersionsAreHeld(t *testing.T) {
	for _, workspace := range []string{"", "-- go.work --\ngo 1.24\n\nuse .\n"} {
		p := writeHooked(t, edited(hookedApp, "require example.com/lib v1.1.0", "require (\n\texample.com/dep v1.0.0\n\texample.com/lib v1.1.0\n)",
			`	"example.com/lib"
)

func Open(s string) string { return strings.ToUpper(lib.Open(s)) }`, `	"example.com/dep"
	"example.com/lib"
)

func Open(s string) string { return strings.ToUpper(lib.Open(s)+dep.Version) }`)+workspace, stubLibraries)
		p.libraries = p.libraries[:1]
		p.settle()
		p.needRuntime("example.com/dep v1.5.0")
		_, stderr := p.build("build", "-o", "out.exe", ".")
		if stderr != "" {
			t.Errorf("%s", stderr)
		}
		if stdout, said := p.execute("out.exe"); stdout != "OPEN XV1.0.0\n" || said != "started example.com/app\nhook: ToUpper\n" {
			t.Errorf("%q %q", stdout, said)
		}
	}
}

// A package of a raised module that only the user's code imports may need newer
// versions, too, and their sums.
func TestRaisedModulesHaveWhatTheyNeed(t *testing.T) {
	for _, workspace := range []string{"", "-- go.work --\ngo 1.24\n\nuse .\n"} {
		p := writeHooked(t, edited(hookedApp, "require example.com/lib v1.1.0", "require (\n\texample.com/lib v1.1.0\n\texample.com/mid v1.0.0\n)",
			`	"example.com/lib"
)

func Open(s string) string { return strings.ToUpper(lib.Open(s)) }`, `	"example.com/lib"
	"example.com/mid/extra"
)

func Open(s string) string { return strings.ToUpper(lib.Open(s)+extra.Version) }`)+workspace+"-- orchestrall.yaml --\nupgrades: [example.com/mid]\n", stubLibraries)
		p.libraries = p.libraries[:1]
		p.settle()
		p.needRuntime("example.com/mid v1.5.0", "example.com/mid")
		_, stderr := p.build("build", "-o", "out.exe", ".")
		if !strings.Contains(stderr, "so this build has example.com/dep v1.5.0 (was v1.0.0), example.com/mid v1.5.0 (was v1.0.0); ") {
			t.Errorf("%s", stderr)
		}
		if stdout, said := p.execute("out.exe"); stdout != "OPEN XV1.5.0\n" || said != "started example.com/app\nhook: ToUpper\n" {
			t.Errorf("%q %q", stdout, said)
		}
	}
}

// Where the runtime itself would raise a version, a program without directives
// is built as it is.
func TestRuntimeWouldRaise(t *testing.T) {
	p := writeHooked(t, edited(hookedApp, "require example.com/lib v1.1.0", "require (\n\texample.com/dep v1.0.0\n\texample.com/lib v1.1.0\n)", `	"example.com/lib"
)

func Open`, `	_ "example.com/dep"
	"example.com/lib"
)

func Open`), stubLibraries)
	p.settle()
	p.needRuntime("example.com/dep v1.5.0", "example.com/dep")
	for range 2 {
		_, stderr := p.build("build", "-o", "out.exe", ".")
		if !strings.HasPrefix(stderr, "go.mod:6:2: warning: libraries are not instrumented: example.com/dep v1.0.0 would become v1.5.0: the runtime needs it; ") {
			t.Errorf("got %s", stderr)
		}
		if stdout, said := p.execute("out.exe"); stdout != "OPEN X\n" || said != "" {
			t.Errorf("%q %q", stdout, said)
		}
	}
	if lib := p.report()["lib"]; lib.State != Raises || !strings.HasPrefix(lib.Reason, "example.com/dep v1.0.0 would become v1.5.0: ") || lib.Pos.Line != 6 {
		t.Errorf("%+v", lib)
	}
}

// Hooks of the user's own need no runtime: they are woven without it.
func TestOwnHooksWithoutRuntime(t *testing.T) {
	p := writeHooked(t, edited(hookedApp, "require example.com/lib v1.1.0", "require (\n\texample.com/dep v1.0.0\n\texample.com/lib v1.1.0\n)", `	"example.com/lib"
)

func Open`, `	_ "example.com/dep"
	"example.com/lib"
)

func Open`)+`
-- orchestrall.yaml --
hooks:
  own: [{function: example.com/lib.Open, replace: Open, hook: example.com/app/trace}]
-- trace/trace.go --
package trace

import "example.com/lib"

func Open(s string) string { println("own: Open"); return lib.Open(s) }
`, stubLibraries)
	p.settle()
	p.needRuntime("example.com/dep v1.5.0", "example.com/dep")
	for _, prefix := range []string{"libraries are not instrumented: ", "telemetry is not started: "} {
		_, stderr := p.build("build", "-o", "out.exe", ".")
		if want := "go.mod:6:2: warning: " + prefix + "example.com/dep v1.0.0 would become v1.5.0: the runtime needs it; "; !strings.HasPrefix(stderr, want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("got %s", stderr)
		}
		if stdout, said := p.execute("out.exe"); stdout != "OPEN X\n" || said != "own: Open\n" {
			t.Errorf("%q %q", stdout, said)
		}
		if own := p.report()["example.com/lib.Open"]; own.State != Applies || len(own.Points[0].Places) != 1 {
			t.Errorf("%+v", own)
		}
		p.libraries = p.libraries[:0]
	}
}

func TestHookMoved(t *testing.T) {
	p := writeHooked(t, hookedApp, edited(stubLibraries, "    replace: Open\n", "    replace: Open\n  - function: example.com/lib.Vanished\n    replace: Gone\n  - method: (*example.com/lib.T).M\n    replace: Gone\n"))
	p.settle()
	_, stderr := p.build("build", "-o", "out.exe", ".")
	want := "go.mod:5:9: warning: the hooks for lib do not fit v1.1.0: example.com/lib.Vanished is gone (and 1 more); the rest is woven; hooks: {off: [lib]} in orchestrall.yaml switches them off\n"
	if stderr != want {
		t.Errorf("got  %swant %s", stderr, want)
	}
	if _, again := p.build("build", "-o", "out.exe", "."); again != want {
		t.Errorf("from the cache: %s", again)
	}
	if _, said := p.execute("out.exe"); said != "started example.com/app\nhook: Open\nhook: ToUpper\n" {
		t.Errorf("%q", said)
	}
}

// An unchanged build asks the go command nothing.
func TestHooksFromTheCache(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the go command is watched by a shell script")
	}
	p := writeHooked(t, hookedApp, stubLibraries)
	p.settle()
	p.build("build", "-o", "out.exe", ".")
	// The front end looks into PATH of this process, as it does for a user.
	path := os.Getenv("PATH")
	at, _ := filepath.EvalSymlinks(filepath.Join(runtime.GOROOT(), "bin", "go")) //nolint:staticcheck // the test runs where it was built
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	script := "#!/bin/sh\necho \"$1\" >>'" + log + "'\nexec '" + at + "' \"$@\"\n"
	if err := os.WriteFile(filepath.Join(dir, "go"), []byte(script), 0o777); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(filepath.ListSeparator)+path)
	p.build("build", "-o", "out.exe", ".") // another go command: its types are read once
	if err := os.Remove(log); err != nil {
		t.Fatal(err)
	}
	p.build("build", "-o", "out.exe", ".")
	data, err := os.ReadFile(log)
	if err != nil || string(data) != "build\n" {
		t.Errorf("the go command was asked: %q %v", data, err)
	}
}

func TestHooksInWorkspace(t *testing.T) {
	p := writeHooked(t, `
-- go.work --
go 1.24

use (
	./a
	./b
)
-- a/go.mod --
module example.com/a

go 1.24

require example.com/lib v1.1.0
-- a/main.go --
package main

import (
	"fmt"

	"example.com/b"
	"example.com/lib"
)

func main() { fmt.Println(b.Upper(lib.Open("x"))) }
-- b/go.mod --
module example.com/b

go 1.24
-- b/b.go --
package b

import "strings"

func Upper(s string) string { return strings.ToUpper(s) }
`, stubLibraries)
	p.settle("a")
	p.build("build", "-o", "out.exe", "./a")
	if stdout, said := p.execute("out.exe"); stdout != "OPEN X\n" || said != "started example.com/a\nhook: Open\nhook: ToUpper\n" {
		t.Errorf("%q %q", stdout, said)
	}
}

func TestHooksWithVendor(t *testing.T) {
	p := writeHooked(t, hookedApp, stubLibraries)
	p.settle()
	p.plain("mod", "vendor")
	p.accept()
	_, stderr := p.build("build", "-o", "out.exe", ".")
	if !strings.Contains(stderr, "this build reads the module cache (-mod=readonly)") {
		t.Errorf("%s", stderr)
	}
	if _, said := p.execute("out.exe"); said != "started example.com/app\nhook: Open\nhook: ToUpper\n" {
		t.Errorf("%q", said)
	}
}

// A hook module that cannot be had is told of in each build, and is used once
// it is there.
func TestHookUnavailable(t *testing.T) {
	p := writeHooked(t, hookedApp, stubLibraries)
	p.settle()
	environ := p.environ
	p.environ = append(slices.Clone(environ), "GOPROXY=off")
	_, stderr := p.build("build", "-o", "out.exe", ".")
	if !strings.HasPrefix(stderr, "go.mod: warning: lib is not instrumented: cannot add github.com/orchestrall/orchestrall/runtime/lib to this build: ") {
		t.Errorf("%s", stderr)
	}
	if _, said := p.execute("out.exe"); said != "started example.com/app\nhook: ToUpper\n" {
		t.Errorf("%q", said)
	}
	p.environ = environ
	p.build("build", "-o", "out.exe", ".")
	if _, said := p.execute("out.exe"); said != "started example.com/app\nhook: Open\nhook: ToUpper\n" {
		t.Errorf("%q", said)
	}
}

// Weaving and directives meet in one function.
func TestHooksWithDirective(t *testing.T) {
	p := write(t, edited(hookedApp, "require example.com/lib v1.1.0", "", `	"strings"

	"example.com/lib"
)

func Open(s string) string { return strings.ToUpper(lib.Open(s)) }`, `	"strings"

	"example.com/app/trace"
)

var _ = trace.ToUpper

//orchestrall:trace attr.s=s
func Open(s string) string { return strings.ToUpper(s) }`)+`
-- trace/trace.go --
package trace

import "strings"

func ToUpper(s string) string { return "hooked " + strings.ToUpper(s) }
-- orchestrall.yaml --
hooks:
  own: [{function: strings.ToUpper, replace: ToUpper, hook: example.com/app/trace}]
`)
	p.must("build", "-o", "out.exe", ".")
	p.environ = append(p.environ, "LOG_LEVEL=debug")
	stdout, stderr := p.execute("out.exe")
	if stdout != "hooked X\n" || !strings.Contains(stderr, `"operation":"store.Open"`) {
		t.Errorf("%q %q", stdout, stderr)
	}
}
