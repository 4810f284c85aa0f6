package toolexec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/goproxytest"
	"golang.org/x/mod/module"

	"github.com/orchestrall/orchestrall/internal/deep"
	"github.com/orchestrall/orchestrall/internal/overlay"
)

// A program without a directive, whose calls are woven in two packages.
const hooked = `
-- go.mod --
module example.com/app

go 1.26.0

RUNTIME
-- main.go --
package main

import "example.com/app/store"

func main() { println(store.Name("x")) }
-- store/store.go --
package store

import text "strings"

func Name(s string) string {
	var b text.Builder
	b.WriteString("y")
	reset := b.Reset
	reset()
	b.WriteString(text.ToUpper(s)); b.WriteString(text.ToLower("Z"))
	return b.String()
}
-- store/store_test.go --
package store

import (
	"strings"
	"testing"
)

func TestName(t *testing.T) {
	if Name("a") != strings.ToUpper("a") + "z" {
		t.Error("not the name")
	}
}
`

// Both front ends give the compiler the same bytes.
func TestHooksAreThoseOfTheOverlay(t *testing.T) {
	w := newWorld(t, hooked)
	want := []string{"bootstrap example.com/app", "hook: Reset", "hook: ToUpper", "Xz", "flush example.com/app"}
	wantLines(t, w.build(".", "-trimpath"), want...)

	work := w.work("-a", "-trimpath", "./store")
	exe, replaced := w.overlay(t, "-trimpath")
	wantLines(t, w.run(exe), want...)
	wantSame(t, filepath.Join(work, "b*", "orchestrall", "store.go"), replaced[filepath.Join(w.dir, "store", "store.go")])
}

// work builds and returns the go command's folder of that build.
func (w *world) work(args ...string) string {
	w.t.Helper()
	out := w.golang(slices.Concat([]string{"build", "-work", "-o", filepath.Join(w.t.TempDir(), "p")}, args)...)
	work := regexp.MustCompile(`(?m)^WORK=(.*)$`).FindStringSubmatch(out)
	if work == nil {
		w.t.Fatal(out)
	}
	w.t.Cleanup(func() { os.RemoveAll(work[1]) })
	return work[1]
}

// afresh has a package compiled that the go command may have in its cache from
// an earlier run of the test: with another value of a flag that changes nothing.
func afresh(pattern string) string {
	return fmt.Sprintf("-gcflags=%s=-memprofilerate=%d", pattern, time.Now().UnixNano()%1e9+1)
}

// overlay builds with the other front end, and returns the program and the
// files that the compiler reads in the place of others.
func (w *world) overlay(t *testing.T, args ...string) (exe string, replaced map[string]string) {
	t.Helper()
	stub, err := filepath.Abs("testdata/runtime")
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	exe = filepath.Join(t.TempDir(), "program")
	env := overlay.Env{
		Dir: w.dir, Environ: append(slices.Clone(w.env), "ORCHESTRALL_RUNTIME_DIR="+stub), Stdin: strings.NewReader(""),
		Stdout: &stdout, Stderr: &stderr, Verbose: true, Libraries: testLibraries(nil),
	}
	if code := overlay.Run(env, "build", slices.Concat(args, []string{"-o", exe, "."})); code != 0 {
		t.Fatalf("exit code %d: %s%s", code, &stdout, &stderr)
	}
	_, file, _ := strings.Cut(stderr.String(), "orchestrall: overlay ")
	file, _, _ = strings.Cut(file, "\n")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var read struct{ Replace map[string]string }
	if err := json.Unmarshal(data, &read); err != nil {
		t.Fatal(err)
	}
	return exe, read.Replace
}

func wantSame(t *testing.T, pattern, there string) {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %q, %v", pattern, found, err)
	}
	got, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(there)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the compiler gets\n%s\nand through the overlay\n%s", got, want)
	}
}

// A library's own server and database are hooked inside of net/http and
// database/sql, by either front end.
func TestDeepHooks(t *testing.T) {
	w := newWorld(t, `
-- go.mod --
module example.com/app

go 1.26.0

require example.com/third v0.0.0

replace example.com/third => ./third

RUNTIME
-- orchestrall.yaml --
hooks:
  database/sql: deep
  net/http: deep
-- main.go --
package main

import "example.com/third"

func main() { println(third.Ask()) }
-- third/go.mod --
module example.com/third

go 1.26.0
-- third/third.go --
package third

import (
	"database/sql"
	"database/sql/driver"
	"io"
	"net"
	"net/http"
)

type none struct{}

func (none) Open(string) (driver.Conn, error) { return nil, driver.ErrBadConn }

func init() { sql.Register("none", none{}) }

func Ask() string {
	db, err := sql.Open("none", "shop")
	if err != nil {
		panic(err)
	}
	defer db.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "asked") })}
	defer s.Close()
	go s.Serve(l)
	resp, err := http.Get("http://" + l.Addr().String() + "/a")
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return string(body)
}
`)
	want := []string{"bootstrap example.com/app", "hook: open none shop", "hook: serve /a", "asked", "flush example.com/app"}
	work := w.work(afresh("net/http"), afresh("database/sql"), ".")
	wantLines(t, w.build("."), want...)
	exe, replaced := w.overlay(t)
	wantLines(t, w.run(exe), want...)
	root := strings.TrimSpace(w.run("go", "env", "GOROOT"))
	edited := func(path string) string { return replaced[filepath.Join(root, "src", filepath.FromSlash(path))] }
	for _, name := range []string{"server.go", "request.go"} {
		wantSame(t, filepath.Join(work, "b*", "orchestrall", name), edited("net/http/"+name))
	}
	sqls, err := filepath.Glob(filepath.Join(work, "b*", "orchestrall", "sql.go"))
	if err != nil || len(sqls) != 1 {
		t.Fatal(sqls, err)
	}
	wantSame(t, sqls[0], edited("database/sql/sql.go"))
	wantSame(t, filepath.Join(filepath.Dir(sqls[0]), deep.Added), edited("database/sql/"+deep.Added))
	servers, _ := filepath.Glob(filepath.Join(work, "b*", "orchestrall", "server.go"))
	wantSame(t, filepath.Join(filepath.Dir(servers[0]), deep.Added), edited("net/http/"+deep.Added))
	wantLines(t, w.run("go", "run", "."), "asked")
}

// A package that does not import the library, but one that hands out its
// values, is woven all the same.
func TestHooksVia(t *testing.T) {
	w := newWorld(t, `
-- go.mod --
module example.com/app

go 1.26.0

require example.com/third v0.0.0

replace example.com/third => ./third

RUNTIME
-- main.go --
package main

import "example.com/third"

func main() { third.Database().SetMaxOpenConns(3) }
-- third/go.mod --
module example.com/third

go 1.26.0
-- third/third.go --
package third

import "database/sql"

func Database() *sql.DB { return sql.OpenDB(nil) }
`)
	want := []string{"bootstrap example.com/app", "hook: SetMaxOpenConns", "flush example.com/app"}
	work := w.work(afresh("example.com/app"), "-trimpath", ".")
	wantLines(t, w.build(".", "-trimpath"), want...)
	exe, replaced := w.overlay(t, "-trimpath")
	wantLines(t, w.run(exe), want...)
	wantSame(t, filepath.Join(work, "b*", "orchestrall", "main.go"), replaced[filepath.Join(w.dir, "main.go")])
}

func TestHooksInTests(t *testing.T) {
	w := newWorld(t, hooked)
	if out := w.golang("test", "-v", "./store"); strings.Count(out, "hook: ToUpper") != 2 {
		t.Error(out)
	}
	if out := w.golang("test", "-v", "-cover", "./store"); strings.Count(out, "hook: ToUpper") != 2 {
		t.Error(out)
	}
}

// What says no to hooks says it to all packages: the build is made anew, and
// made back from the cache.
func TestHooksAreSwitched(t *testing.T) {
	w := newWorld(t, hooked)
	woven := w.build(".")
	w.write("orchestrall.yaml", "hooks:\n  off: [std]\n")
	wantLines(t, w.build("."), "Xz")
	w.write("orchestrall.yaml", "bootstrap: true\n") // as without the file
	w.write("byhand/byhand.go", "package byhand\n\nfunc Install() {}\n")
	if got := w.build("."); got != woven {
		t.Error(got)
	}
	w.write("cmd/other/main.go", "package main\n\nimport \"example.com/app/byhand\"\n\nfunc main() { byhand.Install() }\n")
	wantLines(t, w.build("."), "Xz")
	if err := os.RemoveAll(filepath.Join(w.dir, "cmd")); err != nil {
		t.Fatal(err)
	}
	if got := w.build("."); got != woven {
		t.Error(got)
	}
	if out := w.run("go", "run", "."); strings.Contains(out, "hook") {
		t.Errorf("a plain build has hooks:\n%s", out)
	}
}

// A library whose hooks cannot be had is left alone with one warning.
func TestHooksThatAreMissing(t *testing.T) {
	w := newWorld(t, hooked)
	w.replace("go.mod", "go 1.26.0", "go 1.26.0\n\nrequire example.com/lib v1.1.0\n\nreplace example.com/lib => ./lib")
	w.write("lib/go.mod", "module example.com/lib\n\ngo 1.26.0\n")
	w.write("lib/lib.go", "package lib\n\nfunc Open() {}\n")
	w.replace("main.go", "import ", "import \"example.com/lib\"\nimport ")
	w.replace("main.go", "println", "lib.Open(); println")
	w.replace("store/store.go", "import ", "import _ \"example.com/lib\"\nimport ")
	out := w.golang("build", "-o", filepath.Join(t.TempDir(), "p"), ".")
	if strings.Count(out, "warning") != 1 {
		t.Error(out)
	}
	wantContains(t, out, "go.mod:5:9: warning: lib is not instrumented: module example.com/app does not require github.com/orchestrall/orchestrall/runtime/lib; run: orchestrall init")
	wantContains(t, w.build("."), "hook: ToUpper")

	w = newWorld(t, strings.Replace(hooked, "RUNTIME", "", 1))
	out = w.golang("build", "-o", filepath.Join(t.TempDir(), "p"), ".")
	wantContains(t, out, "go.mod:1:1: warning: libraries such as std are not instrumented: module example.com/app does not require")
	wantLines(t, w.build("."), "Xz")

	w = newWorld(t, hooked)
	w.replace("main.go", "import ", "import \"path\"\nimport ")
	w.replace("main.go", "println(", "println(path.Base(\"/a\"), ")
	out = w.golang("build", "-o", filepath.Join(t.TempDir(), "p"), ".")
	wantContains(t, out, "the hooks for moved do not fit")
}

// Hooks of the user's own stand in first-party packages, which change without
// the woven package.
func TestOwnHooks(t *testing.T) {
	w := newWorld(t, hooked)
	w.write("orchestrall.yaml", "hooks:\n  off: [std]\n  own:\n    - function: strings.ToLower\n      replace: Lower\n      hook: example.com/app/trace\n")
	w.write("trace/trace.go", "package trace\n\nimport \"example.com/app/trace/say\"\n\nfunc Lower(s string) string { say.Say(); return s }\n")
	w.write("trace/say/say.go", "package say\n\nimport \"strings\"\n\nfunc Say() { println(\"own\", strings.ToLower(\"A\")) }\n")
	wantLines(t, w.build("."), "own a", "XZ")
	w.replace("trace/say/say.go", "own", "other")
	wantLines(t, w.build("."), "other a", "XZ")
}

// So is a library in a version that its hooks are not for, and an earlier module
// of it.
func TestHooksForAnotherVersion(t *testing.T) {
	proxy := t.TempDir()
	for path, pkg := range map[string]string{"example.com/lib": "", "example.com/oldlib": "pool/"} {
		text := fmt.Sprintf("-- .mod --\nmodule %[1]s\n-- .info --\n{\"Version\": \"v1.0.3\"}\n-- go.mod --\nmodule %[1]s\n-- %[2]slib.go --\npackage lib\n\nfunc Open() {}\n", path, pkg)
		if err := os.WriteFile(filepath.Join(proxy, strings.ReplaceAll(path, "/", "_")+"_v1.0.3.txt"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	server, err := goproxytest.NewServer(proxy, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	for path, want := range map[string]string{
		"example.com/lib":         "example.com/lib v1.0.3 is not in >=v1.1.0 <v2.0.0",
		"example.com/oldlib/pool": "example.com/oldlib v1.0.3 has no hooks; example.com/lib >=v1.1.0 <v2.0.0 has",
	} {
		w := newWorld(t, hooked)
		w.env = append(w.env, "GOPROXY="+server.URL, "GOFLAGS=-mod=mod -modcacherw", "GOMODCACHE="+t.TempDir())
		w.replace("go.mod", "go 1.26.0", "go 1.26.0\n\nrequire "+strings.TrimSuffix(path, "/pool")+" v1.0.3")
		w.replace("main.go", "import ", "import lib \""+path+"\"\nimport ")
		w.replace("main.go", "println", "lib.Open(); println")
		out := w.golang("build", "-o", filepath.Join(t.TempDir(), "p"), ".")
		if strings.Count(out, "warning") != 1 {
			t.Error(out)
		}
		wantContains(t, out, "go.mod:5:9: warning: lib is not instrumented: "+want+"; take such a version, or switch the hooks off (hooks: {lib: off} in orchestrall.yaml)")
		wantContains(t, w.build("."), "hook: ToUpper")
	}
}

// Members of a workspace ask for several versions of a library, and the build has
// the newest.
func TestVersionsOfAWorkspace(t *testing.T) {
	at := func(path, version string) requirement {
		return requirement{Version: module.Version{Path: path, Version: version}}
	}
	got := versionsOf([]requirement{
		at("a", "v1.0.0"), at("a", "v1.10.0"), at("a", "v1.9.0"),
		at("b", "example.com/fork@v0.2.0"),
		{Version: module.Version{Path: "c", Version: "v1.0.0"}, dir: "/c"},
	})
	if diff := cmp.Diff(map[string]string{"a": "v1.10.0", "b": "v0.2.0", "c": ""}, got); diff != "" {
		t.Error(diff)
	}
}
