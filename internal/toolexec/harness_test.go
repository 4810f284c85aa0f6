package toolexec

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/orchestrall/orchestrall/internal/config"
	"github.com/orchestrall/orchestrall/internal/hooks"
)

// logVariable names a file in which the test binary, as a tool, notes what it
// was asked to run.
const logVariable = "TOOLEXEC_TEST_LOG"

// The test binary is also the tool under test: go build -toolexec starts it.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "toolexec" {
		note(os.Args[2:])
		os.Exit(run(&tool{path: os.Args[2], args: os.Args[3:], libraries: testLibraries, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}))
	}
	os.Exit(m.Run())
}

//go:embed testdata/libraries/*.yaml
var libraryFiles embed.FS

// testLibraries are the hooks that the tests weave: none of what they say is
// about a library that only the real runtime knows.
func testLibraries(map[string]bool) []*hooks.Library {
	var all []*hooks.Library
	names, _ := fs.Glob(libraryFiles, "testdata/libraries/*.yaml")
	for _, name := range names {
		data, err := libraryFiles.ReadFile(name)
		if err != nil {
			panic(err)
		}
		l, problems := config.ParseLibrary(name, data)
		if len(problems) > 0 {
			panic(problems)
		}
		all = append(all, l)
	}
	return all
}

func note(args []string) {
	path := os.Getenv(logVariable)
	if path == "" {
		return
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	what := os.Getenv("TOOLEXEC_IMPORTPATH")
	if args[len(args)-1] == "-V=full" {
		what = "-V=full"
	}
	fmt.Fprintln(f, filepath.Base(args[0]), what)
}

// A world is a module in a temporary folder and a go command that builds it
// through the tool under test.
type world struct {
	t    *testing.T
	dir  string
	env  []string
	log  string
	flag string // the -toolexec flag
}

// newWorld writes the files of a txtar archive. Where go.mod holds the line
// RUNTIME the stand-in of the runtime is required.
func newWorld(t *testing.T, archive string) *world {
	t.Helper()
	if testing.Short() {
		t.Skip("runs the go command")
	}
	// A space in the path, which all of this has to survive.
	dir := filepath.Join(t.TempDir(), "the module")
	w := &world{t: t, dir: dir, log: filepath.Join(t.TempDir(), "log")}
	stub, err := filepath.Abs("testdata/runtime")
	if err != nil {
		t.Fatal(err)
	}
	require := "require github.com/orchestrall/orchestrall/runtime v0.0.0\n\nreplace github.com/orchestrall/orchestrall/runtime => " + stub
	for _, f := range txtar.Parse([]byte(archive)).Files {
		w.write(f.Name, strings.ReplaceAll(string(f.Data), "RUNTIME", require))
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w.flag = "-toolexec=" + exe + " toolexec"
	w.env = append(os.Environ(), logVariable+"="+w.log, "ORCHESTRALL_CACHE="+t.TempDir(), "GOFLAGS=", "GOWORK=", "GOPROXY=off", "GOSUMDB=off")
	return w
}

func (w *world) write(name, text string) {
	w.t.Helper()
	path := filepath.Join(w.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		w.t.Fatal(err)
	}
}

// replace edits a file.
func (w *world) replace(name, old, text string) {
	w.t.Helper()
	data, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		w.t.Fatal(err)
	}
	if !strings.Contains(string(data), old) {
		w.t.Fatalf("%s does not hold %q", name, old)
	}
	w.write(name, strings.ReplaceAll(string(data), old, text))
}

// try runs a program in the module and returns what it prints.
func (w *world) try(args ...string) (string, error) {
	w.t.Helper()
	if err := os.RemoveAll(w.log); err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env = w.dir, append(slices.Clone(w.env), "PWD="+w.dir)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (w *world) run(args ...string) string {
	w.t.Helper()
	out, err := w.try(args...)
	if err != nil {
		w.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// goFlags puts the -toolexec flag behind the verb.
func (w *world) goFlags(args []string) []string {
	return slices.Concat([]string{"go", args[0], w.flag}, args[1:])
}

// golang runs the go command through the tool under test.
func (w *world) golang(args ...string) string {
	w.t.Helper()
	return w.run(w.goFlags(args)...)
}

func (w *world) golangFails(args ...string) string {
	w.t.Helper()
	out, err := w.try(w.goFlags(args)...)
	if err == nil {
		w.t.Fatalf("go %s succeeded:\n%s", strings.Join(args, " "), out)
	}
	return out
}

// build builds the program in a folder and returns what it prints.
func (w *world) build(dir string, flags ...string) string {
	w.t.Helper()
	exe := filepath.Join(w.t.TempDir(), "program")
	w.golang(slices.Concat([]string{"build", "-o", exe}, flags, []string{dir})...)
	return w.keepLog(func() string { return w.run(exe) })
}

// keepLog runs f without losing what the last build noted.
func (w *world) keepLog(f func() string) string {
	w.t.Helper()
	data, _ := os.ReadFile(w.log)
	out := f()
	if err := os.WriteFile(w.log, data, 0o666); err != nil {
		w.t.Fatal(err)
	}
	return out
}

// tools lists what the last go command ran through the tool under test, but
// for questions about versions.
func (w *world) tools() []string {
	w.t.Helper()
	data, err := os.ReadFile(w.log)
	if err != nil && !os.IsNotExist(err) {
		w.t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); !strings.HasSuffix(line, "-V=full") {
			out = append(out, line)
		}
	}
	slices.Sort(out)
	return out
}

func wantTools(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("tools that ran:\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func wantLines(t *testing.T, got string, want ...string) {
	t.Helper()
	if text := strings.Join(want, "\n"); strings.TrimSpace(got) != text {
		t.Errorf("got\n%s\nwant\n%s", got, text)
	}
}

func wantContains(t *testing.T, got string, want ...string) {
	t.Helper()
	for _, text := range want {
		if !strings.Contains(got, text) {
			t.Errorf("%q is missing in\n%s", text, got)
		}
	}
}

func needCgo(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("go", "env", "CGO_ENABLED").Output(); err != nil || strings.TrimSpace(string(out)) != "1" {
		t.Skip("no cgo on " + runtime.GOOS)
	}
}
