package toolexec

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const tested = `
-- go.mod --
module example.com/lib

go 1.26.0

RUNTIME
-- lib.go --
package lib

import "context"

//orchestrall:trace
func Do(ctx context.Context) error { return nil }

func helper(ctx context.Context) error {
	if ctx == nil {
		return nil
	}
	return Do(ctx)
}
-- lib_test.go --
package lib

import (
	"context"
	"testing"
)

//orchestrall:trace
func inside(ctx context.Context) {}

func TestDo(t *testing.T) {
	inside(context.Background())
	helper(context.Background())
}
-- x_test.go --
package lib_test

import (
	"context"
	"testing"

	"example.com/lib"
)

//orchestrall:trace
func outside(ctx context.Context) {}

func TestOutside(t *testing.T) {
	outside(context.Background())
	lib.Do(context.Background())
}
`

func TestGoTest(t *testing.T) {
	w := newWorld(t, tested)
	want := []string{"start lib.Do lib.go 6", "start lib.inside lib_test.go 9", "start lib_test.outside x_test.go 11", "PASS"}
	wantContains(t, w.golang("test", "-v"), want...)
	wantContains(t, w.golang("test", "-v", "-trimpath", "."), want...)
	wantContains(t, w.golang("test", "-v", ".", "-cover", "-coverprofile="+filepath.Join(t.TempDir(), "c")), append(want, "coverage: 75.0%")...)
	wantContains(t, w.golang("test", "-v", "-coverpkg=./..."), append(want, "coverage: 75.0%")...)
	// Covered packages that the runtime needs too.
	wantContains(t, w.golang("test", "-v", "-coverpkg=./...,context,time"), want...)
}

func TestGoTestRace(t *testing.T) {
	needCgo(t)
	w := newWorld(t, tested)
	wantContains(t, w.golang("test", "-v", "-race", "-cover", "./..."), "start lib.Do lib.go 6", "PASS")
}

// A coverage profile speaks of the user's lines and columns, the same as
// without instrumentation.
func TestCoverageProfile(t *testing.T) {
	w := newWorld(t, tested)
	profile := func(run func(...string) string) string {
		path := filepath.Join(t.TempDir(), "c")
		run("test", "-coverprofile="+path)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	plain := profile(func(args ...string) string { return w.run(append([]string{"go"}, args...)...) })
	if got := profile(w.golang); got != plain {
		t.Errorf("profile\n%s\nwithout instrumentation\n%s", got, plain)
	}
}

func TestCgo(t *testing.T) {
	needCgo(t)
	w := newWorld(t, `
-- go.mod --
module example.com/c

go 1.26.0

RUNTIME
-- main.go --
package main

// static int twice(int n) { return 2 * n; }
import "C"

import "context"

//orchestrall:trace
func Twice(ctx context.Context, n int) int {
	return int(C.twice(
		C.int(n),
	))
}

//orchestrall:trace
func main() {
	println(Twice(context.Background(), 21))
}
-- main_test.go --
package main

import (
	"context"
	"testing"
)

func TestTwice(t *testing.T) { Twice(context.Background(), 1) }
`)
	want := []string{"bootstrap example.com/c", "start main.main main.go 16", "start main.Twice main.go 9", "42", "end main.main"}
	wantContains(t, w.build("."), want...)
	wantContains(t, w.build(".", "-cover"), want...)
	wantContains(t, w.golang("test", "-v", "-cover"), "start main.Twice main.go 9", "PASS")
	w.replace("main.go", "Twice(context.Background(), 21)", "nothing")
	wantContains(t, w.golangFails("build"), "main.go:17:10: undefined: nothing")
}

// The compiled main package holds a second one behind its first object and
// before those of C.
func TestCgoProgramOfInstrumentedPackages(t *testing.T) {
	needCgo(t)
	w := newWorld(t, threeDeep)
	w.replace("cmd/app/main.go", "import (", "// static int n(void) { return 7; }\nimport \"C\"\n\nimport (")
	w.replace("cmd/app/main.go", "agent.Run(", "println(C.n())\n\tagent.Run(")
	want := []string{"bootstrap example.com/app", "7", "start store.Load store/store.go 6"}
	wantContains(t, w.build("./cmd/app"), want...)
	wantContains(t, w.build("./cmd/app"), want...) // from the build cache
	w.replace("store/store.go", "//orchestrall:trace\n", "")
	wantLines(t, w.build("./cmd/app"), "7", "load")
}

func TestFilesBesideGo(t *testing.T) {
	w := newWorld(t, `
-- go.mod --
module example.com/f

go 1.26.0

RUNTIME
-- main.go --
package main

import (
	"context"
	_ "embed"
	_ "unsafe"
)

//go:embed text.txt
var text string

//go:linkname nanotime runtime.nanotime
func nanotime() int64

//orchestrall:trace
func Do(ctx context.Context) { println(text, nanotime() > 0, answer()) }

func answer() int

func main() { Do(context.Background()) }
-- text.txt --
embedded
-- answer_amd64.s --
TEXT ·answer(SB), 4, $0-8
	MOVQ $42, ret+0(FP)
	RET
-- answer_arm64.s --
TEXT ·answer(SB), 4, $0-8
	MOVD $42, R0
	MOVD R0, ret+0(FP)
	RET
`)
	wantContains(t, w.build("."), "start main.Do main.go 16", "embedded\n true 42")
}

const panics = `
-- go.mod --
module example.com/p

go 1.26.0

RUNTIME
-- p.go --
package main

import "context"

//orchestrall:trace
func Fail(ctx context.Context) {
	panic("here")
}

func main() {
	Fail(context.Background())
}
`

// The positions of a panic are those of the program without instrumentation,
// in all ways of recording them.
func TestPositions(t *testing.T) {
	w := newWorld(t, panics)
	frames := func(run func(...string) string, flags ...string) []string {
		exe := filepath.Join(t.TempDir(), "p")
		run(append(append([]string{"build", "-o", exe}, flags...), ".")...)
		out, err := w.try(exe)
		if err == nil {
			t.Fatal("no panic")
		}
		var lines []string
		for line := range strings.Lines(out) {
			if line = strings.TrimSpace(line); strings.Contains(line, "p.go:") && !strings.Contains(line, "gopanic") {
				file, _, _ := strings.Cut(line, " +0x")
				lines = append(lines, file)
			}
		}
		return lines
	}
	for _, flags := range [][]string{nil, {"-trimpath"}, {"-race"}} {
		plain := frames(func(args ...string) string { return w.run(append([]string{"go"}, args...)...) }, flags...)
		got := frames(w.golang, flags...)
		if len(plain) == 0 {
			t.Fatalf("%v: no frames", flags)
		}
		for _, line := range plain {
			if !strings.Contains(strings.Join(got, "\n"), line) {
				t.Errorf("%v: frames\n\t%s\nwithout instrumentation\n\t%s", flags, strings.Join(got, "\n\t"), strings.Join(plain, "\n\t"))
			}
		}
	}
}

func TestCompilerErrorsNameTheUsersFile(t *testing.T) {
	w := newWorld(t, panics)
	w.replace("p.go", `panic("here")`, `panic(missing)`)
	plain, err := w.try("go", "build", ".")
	if err == nil {
		t.Fatal("it builds")
	}
	if got := w.golangFails("build", "."); got != plain {
		t.Errorf("got\n%s\nwithout instrumentation\n%s", got, plain)
	}
}

func TestDirectiveErrors(t *testing.T) {
	w := newWorld(t, panics)
	w.replace("p.go", "//orchestrall:trace", "//orchestrall:trace kint=agent")
	wantContains(t, w.golangFails("build", "."), "p.go:5:21: ", "kind")
}

func TestMissingRequirement(t *testing.T) {
	w := newWorld(t, strings.Replace(panics, "RUNTIME", "", 1))
	out := w.golangFails("build", ".")
	wantContains(t, out, "p.go:5:1: module example.com/p does not require github.com/orchestrall/orchestrall/runtime", "orchestrall init", "go get github.com/orchestrall/orchestrall/runtime/bootstrap")
	if strings.Contains(out, "panic") || strings.Contains(out, "goroutine") {
		t.Errorf("a stack in\n%s", out)
	}
	// Nothing to instrument, nothing to require.
	w.replace("p.go", "//orchestrall:trace", "")
	w.golang("build", "-o", t.TempDir(), ".")
}

func TestCheckedInIsLeftAlone(t *testing.T) {
	w := newWorld(t, panics)
	w.write("orchestrall_gen.go", "// Code generated by orchestrall. DO NOT EDIT.\n\npackage main\n")
	exe := filepath.Join(t.TempDir(), "p")
	w.golang("build", "-o", exe, ".")
	if out, _ := w.try(exe); strings.Contains(out, "start") || strings.Contains(out, "bootstrap") {
		t.Errorf("instrumented:\n%s", out)
	}
}

func TestOverlay(t *testing.T) {
	w := newWorld(t, threeDeep)
	w.write("other", "package store\n\nimport \"context\"\n\n\n\n//orchestrall:trace\nfunc Load(ctx context.Context) error { return nil }\n")
	w.write("overlay.json", `{"Replace": {"`+filepath.Join(w.dir, "store", "store.go")+`": "`+filepath.Join(w.dir, "other")+`.go"}}`)
	if err := os.Rename(filepath.Join(w.dir, "other"), filepath.Join(w.dir, "other.go")); err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"-trimpath=false", "-trimpath"} {
		wantContains(t, w.build("./cmd/app", "-overlay=overlay.json", flag), "start store.Load store/store.go 8")
	}
}

func TestWorkspace(t *testing.T) {
	w := newWorld(t, `
-- go.work --
go 1.26.0

use (
	./one
	./two
)
-- one/go.mod --
module example.com/one

go 1.26.0

RUNTIME
-- one/main.go --
package main

import (
	"context"

	"example.com/two"
)

func main() { two.Do(context.Background()) }
-- two/go.mod --
module example.com/two

go 1.26.0
-- two/two.go --
package two

import "context"

//orchestrall:trace
func Do(ctx context.Context) {}
-- two/orchestrall.yaml --
select:
  - name: Never
`)
	wantContains(t, w.build("./one"), "bootstrap example.com/one", "start two.Do two.go 6")
}

func TestVendor(t *testing.T) {
	w := newWorld(t, panics)
	w.write("anchor.go", "//go:build anchor\n\npackage main\n\nimport _ \"github.com/orchestrall/orchestrall/runtime/bootstrap\"\n")
	w.run("go", "mod", "vendor")
	exe := filepath.Join(t.TempDir(), "p")
	w.golang("build", "-o", exe, ".")
	out, _ := w.try(exe)
	wantContains(t, out, "bootstrap example.com/p", "start main.Fail p.go 6")

	if err := os.RemoveAll(filepath.Join(w.dir, "vendor")); err != nil {
		t.Fatal(err)
	}
	w.write("anchor.go", "package main\n")
	w.run("go", "mod", "vendor")
	wantContains(t, w.golangFails("build", "."), "p.go:5:1: the vendor folder of example.com/p lacks", "go mod vendor")
}

func TestBuildModes(t *testing.T) {
	needCgo(t)
	w := newWorld(t, panics)
	for _, mode := range []string{"c-shared", "c-archive", "plugin"} {
		w.golang("build", "-buildmode="+mode, "-o", filepath.Join(t.TempDir(), "out"), ".")
	}
}

func TestDependencyOfTheRuntime(t *testing.T) {
	w := newWorld(t, `
-- go.work --
go 1.26.0

use (
	./app
	./dep
	./runtime
)
-- app/go.mod --
module example.com/app

go 1.26.0
-- app/main.go --
package main

import (
	"context"

	"example.com/dep"
)

func main() { dep.Do(context.Background()) }
-- dep/go.mod --
module example.com/dep

go 1.26.0
-- dep/dep.go --
package dep

import "context"

//orchestrall:trace
func Do(ctx context.Context) {}
-- runtime/go.mod --
module github.com/orchestrall/orchestrall/runtime

go 1.26.0
-- runtime/runtime.go --
package orchestrall

import _ "example.com/dep"
-- runtime/bootstrap/bootstrap.go --
package bootstrap
`)
	wantContains(t, w.golangFails("build", "-o", t.TempDir(), "./app"), "dep.go:5:1: package example.com/dep can't be instrumented: github.com/orchestrall/orchestrall/runtime itself depends on it")
}
