package scan

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// write unpacks an archive below a new folder, which stands for $TOP.
func write(t *testing.T, archive string) string {
	t.Helper()
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range txtar.Parse([]byte(archive)).Files {
		path := filepath.Join(top, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return top
}

func load(t *testing.T, opt Options) *Tree {
	t.Helper()
	tree, err := Load(opt)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func paths(folders []*Folder) string {
	var all []string
	for _, f := range folders {
		all = append(all, f.ImportPath)
	}
	return strings.Join(all, " ")
}

const module = `
-- go.mod --
module example.com/app

go 1.26.0

ignore ./web
ignore node_modules
-- plain/plain.go --
package plain
-- agent/agent.go --
package agent

import "example.com/app/plain"

//orchestrall:trace
func Run() { _ = plain.X }
-- agent/agent_test.go --
package agent

import _ "example.com/app/ready"
-- ready/a.go --
package ready
-- ready/orchestrall_gen.go --
package ready
-- cmd/one/main.go --
package main

import _ "example.com/app/agent"
-- cmd/two/main.go --
package main

import _ "example.com/app/plain"
-- cmd/two/tool.go --
package main
-- agent/testdata/x.go --
//orchestrall:trace
package x
-- vendor/v/v.go --
//orchestrall:trace
package v
-- _old/x.go --
//orchestrall:trace
package x
-- web/x.go --
//orchestrall:trace
package x
-- plain/node_modules/x/x.go --
//orchestrall:trace
package x
-- plain/_x.go --
//orchestrall:trace
package x
-- nested/go.mod --
module example.com/nested
-- nested/x.go --
//orchestrall:trace
package x
`

func TestLoad(t *testing.T) {
	top := write(t, module)
	tree := load(t, Options{Dir: filepath.Join(top, "agent"), Environ: []string{"GOENV=off"}})
	if got, want := paths(tree.Folders), "example.com/app/agent example.com/app/cmd/one example.com/app/cmd/two example.com/app/plain example.com/app/ready"; got != want {
		t.Errorf("folders: %s", cmp.Diff(want, got))
	}
	// Two's program has nothing to trace, so nothing starts there.
	if got, want := paths(tree.Instrumented(tree.Folders)), "example.com/app/agent example.com/app/cmd/one example.com/app/ready"; got != want {
		t.Errorf("instrumented: %s", cmp.Diff(want, got))
	}
	if !tree.Options(tree.Folder("example.com/app/cmd/one")).Bootstrap || tree.Options(tree.Folder("example.com/app/agent")).Bootstrap {
		t.Error("a bootstrap belongs into cmd/one only")
	}
	if !tree.Folder("example.com/app/ready").CheckedIn() || tree.Folder("example.com/app/agent").CheckedIn() {
		t.Error("only ready is checked in")
	}
	roots := []*Folder{tree.Folder("example.com/app/agent")}
	if got := len(tree.Closure(roots, false)); got != 2 {
		t.Errorf("a build of agent compiles %d packages", got)
	}
	if got := len(tree.Closure(roots, true)); got != 3 {
		t.Errorf("a test of agent compiles %d packages", got)
	}
	pkg, ds := tree.Package(tree.Folder("example.com/app/ready"))
	if len(ds) != 0 || len(pkg.Files) != 1 || len(pkg.Generated) != 1 || pkg.Module != "example.com/app" || pkg.ModuleDir != top {
		t.Errorf("got %+v, %v", pkg, ds)
	}
}

func TestMatch(t *testing.T) {
	top := write(t, module)
	tree := load(t, Options{Dir: filepath.Join(top, "cmd"), Environ: []string{"GOENV=off"}})
	for _, test := range []struct{ pattern, want, problem string }{
		{"./...", "example.com/app/cmd/one example.com/app/cmd/two", ""},
		{"./one", "example.com/app/cmd/one", ""},
		{"../plain", "example.com/app/plain", ""},
		{"example.com/app/cmd/...", "example.com/app/cmd/one example.com/app/cmd/two", ""},
		{"example.com/.../plain", "example.com/app/plain", ""},
		{"all", paths(tree.Folders), ""},
		{filepath.Join(top, "agent"), "example.com/app/agent", ""},
		{"./onee", "", "unknown package pattern ./onee: no package of the module matches; did you mean ./one?"},
		{"../plian/...", "", "unknown package pattern ../plian/...: no package of the module matches; did you mean ../plain/...?"},
		{"example.com/app/agnet", "", "unknown package pattern example.com/app/agnet: no package of the module matches; did you mean example.com/app/agent?"},
		{"./*", "", `bad package pattern "./*": a pattern is an import path or a folder, and ... stands for anything; write ./..., ./folder or an import path`},
	} {
		folders, ds := tree.Match([]string{test.pattern})
		problem := ""
		for _, d := range ds {
			problem += d.String()
		}
		if paths(folders) != test.want || problem != test.problem {
			t.Errorf("%s: got %q, %q", test.pattern, paths(folders), problem)
		}
	}
}

func TestConfiguration(t *testing.T) {
	top := write(t, module+`
-- orchestrall.yaml --
bootstrap: false
generate: [./redy]
select:
  - package: ./plain
-- other.yaml --
select: [{package: ./cmd/...}]
`)
	tree := load(t, Options{Dir: top, Environ: []string{"GOENV=off"}})
	if got, want := paths(tree.Instrumented(tree.Folders)), "example.com/app/agent example.com/app/plain example.com/app/ready"; got != want {
		t.Errorf("instrumented: %s", cmp.Diff(want, got))
	}
	want := filepath.Join(top, "orchestrall.yaml") + ":2:12: unknown package pattern ./redy: no package of the module matches; did you mean ./ready?"
	if len(tree.Diagnostics) != 1 || tree.Diagnostics[0].String() != want {
		t.Errorf("diagnostics: %v", tree.Diagnostics)
	}
	tree = load(t, Options{Dir: top, Config: filepath.Join(top, "other.yaml"), Environ: []string{"GOENV=off"}})
	if f := tree.Folder("example.com/app/cmd/two"); !f.Selected || len(tree.Diagnostics) != 0 {
		t.Errorf("--config is not read: %v", tree.Diagnostics)
	}
}

func TestConfigurationThatNobodyReads(t *testing.T) {
	top := write(t, module+`
-- orchestrall.yml --
bootstrap: false
-- plain/orchestrall.yaml --
bootstrap: false
-- inner/go.mod --
module example.com/inner
-- inner/orchestrall.yaml --
bootstrap: false
`)
	var got []string
	for _, d := range load(t, Options{Dir: top, Environ: []string{"GOENV=off"}}).Diagnostics {
		got = append(got, d.String())
	}
	slices.Sort(got)
	rest := ":1:1: warning: this file is not read; the configuration of example.com/app is the orchestrall.yaml beside its go.mod: move it there"
	if diff := cmp.Diff([]string{filepath.Join(top, "orchestrall.yml") + rest, filepath.Join(top, "plain", "orchestrall.yaml") + rest}, got); diff != "" {
		t.Error(diff)
	}
	tree := load(t, Options{Dir: top, Config: filepath.Join(top, "orchestrall.yml"), Environ: []string{"GOENV=off"}})
	if len(tree.Diagnostics) != 0 {
		t.Errorf("--config: %v", tree.Diagnostics)
	}
}

func TestPinnedModulesAreKnown(t *testing.T) {
	const archive = `
-- go.mod --
module example.com/app

require example.com/dep v1.0.0 // indirect
-- orchestrall.yaml --
pinned: [example.com/..., example.com/dpe, ...]
-- app.go --
package app
`
	top := write(t, archive)
	tree := load(t, Options{Dir: top, Environ: []string{"GOENV=off"}})
	want := filepath.Join(top, "orchestrall.yaml") + ":1:27: pinned: go.mod names no module that matches example.com/dpe; did you mean example.com/dep?"
	if len(tree.Diagnostics) != 1 || tree.Diagnostics[0].String() != want {
		t.Errorf("diagnostics: %v", tree.Diagnostics)
	}
}

const workspace = `
-- go.work --
go 1.26.0

use (
	./a
	./b
)
-- orchestrall.yaml --
select: [{package: ./b}]
-- a/go.mod --
module example.com/a
-- a/main.go --
package main

import _ "example.com/b"
-- b/go.mod --
module example.com/b
-- b/b.go --
package b
`

func TestWorkspace(t *testing.T) {
	top := write(t, workspace)
	tree := load(t, Options{Dir: filepath.Join(top, "a"), Environ: []string{"GOENV=off"}})
	if tree.Work != filepath.Join(top, "go.work") {
		t.Errorf("go.work is %q", tree.Work)
	}
	if got, want := paths(tree.Instrumented(tree.Folders)), "example.com/a example.com/b"; got != want {
		t.Errorf("instrumented: %s", cmp.Diff(want, got))
	}
	tree = load(t, Options{Dir: filepath.Join(top, "a"), Environ: []string{"GOENV=off", "GOWORK=off"}})
	if got, want := paths(tree.Folders), "example.com/a"; got != want || tree.Work != "" {
		t.Errorf("GOWORK=off: %s, %q", got, tree.Work)
	}
}

func TestOverlay(t *testing.T) {
	top := write(t, module+`
-- new/content --
package plain

//orchestrall:trace
func Run() {}
`)
	content := filepath.Join(top, "new", "content")
	tree := load(t, Options{Dir: top, Environ: []string{"GOENV=off"}, Overlay: map[string]string{
		filepath.Join(top, "plain", "plain.go"): content, // replaced
		filepath.Join(top, "agent", "agent.go"): "",      // deleted
		filepath.Join(top, "added", "added.go"): content, // new
	}})
	if got, want := paths(tree.Instrumented(tree.Folders)), "example.com/app/added example.com/app/cmd/two example.com/app/plain example.com/app/ready"; got != want {
		t.Errorf("instrumented: %s", cmp.Diff(want, got))
	}
	pkg, _ := tree.Package(tree.Folder("example.com/app/plain"))
	if len(pkg.Files) != 1 || pkg.Files[0].Path != filepath.Join(top, "plain", "plain.go") || !strings.Contains(string(pkg.Files[0].Src), "Run") {
		t.Errorf("got %+v", pkg.Files)
	}
}

func TestNothingToScan(t *testing.T) {
	if _, err := Load(Options{Dir: t.TempDir(), Environ: []string{"GOENV=off"}}); !errors.Is(err, ErrNoModule) {
		t.Errorf("no go.mod: %v", err)
	}
	if _, err := Load(Options{Dir: t.TempDir(), Environ: []string{"GOENV=off", "GO111MODULE=off"}}); !errors.Is(err, ErrGOPATH) {
		t.Errorf("GOPATH mode: %v", err)
	}
	top := write(t, "-- go.mod --\nmodule example.com/app\nrequire (\n")
	tree := load(t, Options{Dir: top, Environ: []string{"GOENV=off"}})
	if len(tree.Diagnostics) != 1 || tree.Diagnostics[0].Pos.Line == 0 {
		t.Errorf("broken go.mod: %v", tree.Diagnostics)
	}
	top = write(t, "-- go.mod --\nmodule example.com/app\n-- a.go --\npackage a\n")
	if err := os.Symlink(filepath.Join(top, "gone"), filepath.Join(top, "b.go")); err != nil {
		t.Skip(err)
	}
	tree = load(t, Options{Dir: top, Environ: []string{"GOENV=off"}})
	if _, ds := tree.Packages(tree.Folders); len(ds) != 1 || ds[0].Pos.Filename != filepath.Join(top, "b.go") {
		t.Errorf("unreadable file: %v", ds)
	}
}
