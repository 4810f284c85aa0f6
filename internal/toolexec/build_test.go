package toolexec

import (
	"strings"
	"testing"
)

// The program imports agent, agent imports store, and store alone has a
// directive at first: main can't see that it is instrumented.
const threeDeep = `
-- go.mod --
module example.com/app

go 1.26.0

RUNTIME
-- cmd/app/main.go --
package main

import (
	"context"

	"example.com/app/agent"
)

func main() {
	agent.Run(context.Background())
}
-- agent/agent.go --
package agent

import (
	"context"

	"example.com/app/service"
)

func Run(ctx context.Context) { service.Serve(ctx) }
-- service/service.go --
package service

import (
	"context"

	"example.com/app/store"
)

func Serve(ctx context.Context) { _ = store.Load(ctx) }
-- store/store.go --
package store

import "context"

//orchestrall:trace
func Load(ctx context.Context) error {
	println("load")
	return nil
}
`

func TestBuild(t *testing.T) {
	w := newWorld(t, threeDeep)
	wantLines(t, w.build("./cmd/app"),
		"bootstrap example.com/app/cmd/app", "start store.Load store/store.go 6", "load", "end store.Load", "flush example.com/app/cmd/app")

	t.Run("nothing changed, nothing runs", func(t *testing.T) {
		w.build("./cmd/app")
		// The go command does not keep programs, only their archives.
		wantTools(t, w.tools(), "link example.com/app/cmd/app")
	})

	t.Run("one file changed", func(t *testing.T) {
		w.replace("store/store.go", `"load"`, `"load again"`)
		wantContains(t, w.build("./cmd/app"), "load again")
		// The importer too, as in every build; what it compiles to is the same.
		wantTools(t, w.tools(), "compile example.com/app/service", "compile example.com/app/store", "link example.com/app/cmd/app")
	})

	t.Run("the last directive goes", func(t *testing.T) {
		w.replace("store/store.go", "//orchestrall:trace\n", "")
		wantLines(t, w.build("./cmd/app"), "load again")
	})

	t.Run("and comes back, with the compiled main package from before", func(t *testing.T) {
		w.replace("store/store.go", "func Load", "//orchestrall:trace kind=db\nfunc Load")
		wantContains(t, w.build("./cmd/app"), "bootstrap example.com/app/cmd/app", "start store.Load", "flush example.com/app/cmd/app")
		for _, line := range w.tools() {
			if strings.HasSuffix(line, "cmd/app") && strings.HasPrefix(line, "compile") {
				t.Errorf("package main was compiled again: then this test proves nothing\n%s", strings.Join(w.tools(), "\n"))
			}
		}
	})
}

func TestFirstBuildCompilesOnce(t *testing.T) {
	w := newWorld(t, threeDeep)
	w.write("store/more.go", "package store // "+t.TempDir()) // no other run has compiled this
	w.build("./cmd/app")
	seen := make(map[string]bool)
	for _, line := range w.tools() {
		if seen[line] && strings.Contains(line, "example.com/app") {
			t.Errorf("ran twice: %s", line)
		}
		seen[line] = true
	}
	if !seen["compile example.com/app/store"] {
		t.Errorf("store was not compiled: then this test proves nothing\n%s", strings.Join(w.tools(), "\n"))
	}
}

func TestConfiguration(t *testing.T) {
	w := newWorld(t, threeDeep)
	w.write("orchestrall.yaml", "bootstrap: false\nselect:\n  - package: ./service\n")
	wantLines(t, w.build("./cmd/app"),
		"start service.Serve service/service.go 9", "start store.Load store/store.go 6", "load", "end store.Load", "end service.Serve")

	w.write("orchestrall.yaml", "selekt: []\n")
	wantContains(t, w.golangFails("build", "./..."), "orchestrall.yaml:1:1: unknown key")
}

// Who writes //orchestrall:main wants the SDK even if nothing is traced.
func TestMainDirective(t *testing.T) {
	w := newWorld(t, threeDeep)
	w.replace("store/store.go", "//orchestrall:trace\n", "")
	wantLines(t, w.build("./cmd/app"), "load")
	w.replace("cmd/app/main.go", "func main", "//orchestrall:main\nfunc main")
	wantLines(t, w.build("./cmd/app"), "bootstrap example.com/app/cmd/app", "load", "flush example.com/app/cmd/app")
}

func TestFlags(t *testing.T) {
	w := newWorld(t, threeDeep)
	w.write("store/tagged.go", "//go:build special\n\npackage store\n\nimport \"context\"\n\n//orchestrall:trace\nfunc Special(ctx context.Context) {}\n\nfunc init() { Special(nil) }\n")
	want := []string{"bootstrap example.com/app/cmd/app", "start store.Load store/store.go 6", "flush example.com/app/cmd/app"}
	for _, flags := range [][]string{
		{"-race"},
		{"-trimpath"},
		{"-buildmode=pie", "-gcflags=all=-N -l"},
		{"-gcflags=-N -l", "-ldflags=-s -w", "-mod=mod", "-p=1"},
		{"-cover"},
	} {
		t.Run(strings.Join(flags, " "), func(t *testing.T) {
			if strings.HasPrefix(flags[0], "-race") || strings.HasPrefix(flags[0], "-buildmode") {
				needCgo(t)
			}
			w := *w
			w.t = t
			w.env = append(w.env, "GOCOVERDIR="+t.TempDir())
			wantContains(t, w.build("./cmd/app", flags...), want...)
		})
	}
	wantContains(t, w.build("./cmd/app", "-tags=special"), "start store.Special store/tagged.go 8")
}

func TestGOFLAGS(t *testing.T) {
	w := newWorld(t, threeDeep)
	w.env = append(w.env, `GOFLAGS="`+w.flag+`" -trimpath -gcflags=-N`)
	wantContains(t, w.run("go", "run", "./cmd/app"), "bootstrap example.com/app/cmd/app", "start store.Load")
	wantContains(t, w.run("go", "-C", "cmd/app", "run", "main.go", "-race"), "bootstrap example.com/app/cmd/app", "start store.Load")
}

func TestRunFiles(t *testing.T) {
	w := newWorld(t, threeDeep)
	wantContains(t, w.golang("run", "cmd/app/main.go"), "bootstrap example.com/app/cmd/app", "start store.Load", "flush")
}

func TestVet(t *testing.T) {
	w := newWorld(t, threeDeep)
	w.golang("vet", "./...")
}

func TestPGO(t *testing.T) {
	w := newWorld(t, threeDeep)
	// An empty profile is one that the compiler takes.
	w.write("cmd/app/default.pgo", "")
	wantContains(t, w.build("./cmd/app"), "bootstrap example.com/app/cmd/app", "start store.Load")
	w.write("cmd/other/main.go", "package main\n\nimport (\n\t\"context\"\n\n\t\"example.com/app/store\"\n)\n\nfunc main() { store.Load(context.Background()) }\n")
	w.golang("build", "-o", t.TempDir()+"/", "./cmd/...")
	w.golang("build", "-pgo=cmd/app/default.pgo", "-o", t.TempDir()+"/", "./cmd/...")
}
