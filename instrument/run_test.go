package instrument_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	gobuild "go/build"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orchestrall/orchestrall/instrument"
)

// The three ways in which each case is compiled. The build layout shares the
// folder of the plain program: it reaches the compiler through an overlay.
const (
	plain  = "plain"
	build  = "build"
	source = "source"
)

var layoutNames = []string{plain, build, source}

// A bench is all cases as one module on disk, so that each layout takes one go
// command, and what came out of it.
type bench struct {
	dir     string
	cases   []*golden
	renders map[*golden]*rendering
	overlay string
	broken  map[string]bool // layout/case that did not compile
}

// root is the module's folder for a layout.
func (b *bench) root(layout string) string {
	if layout == source {
		return filepath.Join(b.dir, source)
	}
	return filepath.Join(b.dir, plain)
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{dir: dir, renders: map[*golden]*rendering{}, broken: map[string]bool{}}
	_, noC := exec.LookPath("gcc")
	overlay := map[string]string{}
	for _, g := range loadGoldens(t) {
		r := g.render(t, b.root(plain))
		if r.failed() || g.is("cgo") && noC != nil {
			continue
		}
		b.cases = append(b.cases, g)
		b.renders[g] = r
		for name, src := range g.files {
			b.write(t, filepath.Join(g.dir(b.root(plain)), name), src)
			if !instrument.IsGenerated(name) { // a stale one goes
				b.write(t, filepath.Join(g.dir(b.root(source)), name), src)
			}
		}
		for _, o := range r.build {
			copied := filepath.Join(b.dir, "overlay", strconv.Itoa(len(overlay))+".go")
			b.write(t, copied, o.Src)
			overlay[o.Path] = copied
		}
		for _, o := range r.disk {
			b.write(t, strings.Replace(o.Path, b.root(plain), b.root(source), 1), o.Src)
		}
		if g.is("bootstrap") {
			continue
		}
		for _, main := range g.mains() {
			hook := filepath.Join(g.dir(b.root(plain)), main, "zz_recorder.go")
			copied := filepath.Join(b.dir, "overlay", strconv.Itoa(len(overlay))+".go")
			src := []byte("package main\n\nimport _ \"example.com/recorder\"\n")
			b.write(t, copied, src)
			overlay[hook] = copied
			b.write(t, filepath.Join(g.dir(b.root(source)), main, "zz_recorder.go"), src)
		}
	}
	b.modules(t)
	b.overlay = filepath.Join(b.dir, "overlay.json")
	replace, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		t.Fatal(err)
	}
	b.write(t, b.overlay, replace)
	return b
}

// modules makes example.com of both folders; it requires what the runtime
// requires, at the checkout's own runtime.
func (b *bench) modules(t *testing.T) {
	t.Helper()
	runtime, err := filepath.Abs("../runtime")
	if err != nil {
		t.Fatal(err)
	}
	mod := string(read(t, filepath.Join(runtime, "go.mod")))
	_, mod, _ = strings.Cut(mod, "\n")
	const name = "github.com/orchestrall/orchestrall/runtime"
	mod = "module example.com\n" + mod + "\nrequire " + name + " v0.0.0\n\nreplace " + name + " => " + runtime + "\n"
	for _, layout := range []string{plain, source} {
		b.write(t, filepath.Join(b.root(layout), "go.mod"), []byte(mod))
		b.write(t, filepath.Join(b.root(layout), "go.sum"), read(t, filepath.Join(runtime, "go.sum")))
		b.write(t, filepath.Join(b.root(layout), "recorder", "recorder.go"), read(t, filepath.Join(goldenDir, "recorder", "recorder.go")))
	}
}

func (b *bench) write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// mains lists the folders of the commands that the module has on this system.
func (g *golden) mains() []string {
	found := map[string]bool{}
	ctx := gobuild.Default
	ctx.BuildTags = []string{"goldentag"}
	for name, src := range g.files {
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		ctx.OpenFile = func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(src)), nil }
		if match, err := ctx.MatchFile("", name); err != nil || !match {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.PackageClauseOnly)
		if err == nil && f.Name.Name == "main" {
			found[path.Dir(name)] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// program is the file name of a command's binary.
func (g *golden) program(main string) string { return path.Base(path.Join(g.name, main)) }

// gocmd runs the go command on a layout.
func (b *bench) gocmd(layout string, args ...string) (stdout, stderr string, err error) {
	flags := []string{args[0], "-tags=goldentag"}
	if layout == build {
		flags = append(flags, "-overlay="+b.overlay)
	}
	cmd := exec.Command("go", append(flags, args[1:]...)...)
	cmd.Dir = b.root(layout)
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "PWD="+cmd.Dir)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// compile builds every program of a layout and says which cases fail.
func (b *bench) compile(t *testing.T, layout string) {
	t.Helper()
	bin := filepath.Join(b.dir, "bin", layout)
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	_, stderr, err := b.gocmd(layout, "build", "-ldflags=-s -w", "-o", bin+string(filepath.Separator), "./...")
	if err == nil {
		return
	}
	current := ""
	problems := map[string]string{}
	for line := range strings.Lines(stderr) {
		if pkg, ok := strings.CutPrefix(line, "# example.com/"); ok {
			current, _, _ = strings.Cut(strings.TrimSpace(pkg), "/")
			continue
		}
		problems[current] += line
	}
	for name, text := range problems {
		b.broken[layout+"/"+name] = true
		t.Errorf("%s: the %s layout does not compile:\n%s", name, layout, text)
	}
	if len(problems) == 0 || problems[""] != "" {
		t.Fatal(err) // not a case's fault alone
	}
}

// TestRun compiles every case as it is, in the build layout and in the source
// layout: all three print the same, exit alike, and crash alike.
func TestRun(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles programs")
	}
	b := newBench(t)
	for _, layout := range layoutNames {
		b.compile(t, layout)
	}
	for _, g := range b.cases {
		if len(g.mains()) == 0 {
			continue
		}
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			ran := map[string]*run{}
			for _, layout := range layoutNames {
				if b.broken[layout+"/"+g.name] {
					t.Skipf("the %s layout does not compile", layout)
				}
				ran[layout] = b.run(t, g, layout)
			}
			compareRuns(t, "build", ran[plain].text, ran[build].text)
			if !slices.Contains(g.settings["lines"], "build") {
				compareRuns(t, "source", withoutLines(ran[plain].text), withoutLines(ran[source].text))
			}
			if !g.is("outdated") {
				compareRuns(t, "spans of source", withoutCodeLines(ran[build].spans), withoutCodeLines(ran[source].spans))
				compareRuns(t, "logs of source", ran[build].logs, ran[source].logs)
			}
			got := map[string]string{"stdout": ran[build].text}
			for name, text := range map[string]string{"spans": ran[build].spans, "logs": ran[build].logs} {
				if _, ok := g.wants[name]; ok {
					got[name] = text
				}
			}
			if *update {
				g.write(t, got, func(name string) bool { return !slices.Contains(ranWants, name) })
				return
			}
			for name, text := range got {
				if diff := cmp.Diff(g.wants[name], text); diff != "" {
					t.Errorf("want/%s: -want +got (rewrite with -update):\n%s", name, diff)
				}
			}
		})
	}
}

func compareRuns(t *testing.T, layout, want, got string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s layout: -plain +%s:\n%s", layout, layout, diff)
	}
}

// A run is what the programs of a case did, one after the other.
type run struct{ text, spans, logs string }

// run runs every command of a case with each of its argument lists.
func (b *bench) run(t *testing.T, g *golden, layout string) *run {
	t.Helper()
	var r run
	argLists := g.settings["args"]
	if len(argLists) == 0 {
		argLists = []string{""}
	}
	for _, main := range g.mains() {
		for _, args := range argLists {
			head := strings.TrimSpace("$ "+g.program(main)+" "+args) + "\n"
			record := filepath.Join(t.TempDir(), "record")
			cmd := exec.Command(filepath.Join(b.dir, "bin", layout, g.program(main)), strings.Fields(args)...)
			cmd.Dir = b.dir
			cmd.Env = append(os.Environ(), "GOLDEN_RECORD="+record, "GOTRACEBACK=single", "OTEL_SDK_DISABLED=", "OTEL_EXPORTER=none")
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			err := cmd.Run()
			code := cmd.ProcessState.ExitCode()
			if err != nil && code < 0 {
				t.Errorf("%s: %v", head, err)
			}
			r.text += head + show(stdout.Bytes())
			if code != 0 {
				r.text += fmt.Sprintf("exit %d\n", code)
			}
			r.text += crash(g.dir(b.root(layout)), b.dir, stderr.String())
			spans, logs := readRecord(t, record)
			if spans != "" {
				r.spans += head + spans
			}
			if logs != "" {
				r.logs += head + logs
			}
		}
	}
	return &r
}

// TestVet: instrumentation adds nothing for go vet to find.
func TestVet(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles programs")
	}
	b := newBench(t)
	found := map[string][]string{}
	for _, layout := range layoutNames {
		_, stderr, _ := b.gocmd(layout, "vet", "./...")
		for line := range strings.Lines(stderr) {
			line = strings.TrimSpace(strings.ReplaceAll(line, b.root(layout)+string(filepath.Separator), ""))
			if !strings.HasPrefix(line, "#") {
				found[layout] = append(found[layout], line)
			}
		}
		slices.Sort(found[layout])
	}
	vetColumn, vetLine := regexp.MustCompile(`(\.go:\d+):\d+:`), regexp.MustCompile(`\.go:\d+(:\d+)?:`)
	for layout, position := range map[string]*regexp.Regexp{build: vetColumn, source: vetLine} {
		bare := func(findings []string) []string {
			var out []string
			for _, f := range findings {
				out = append(out, position.ReplaceAllString(f, "$1:"))
			}
			return out
		}
		known := bare(found[plain])
		for _, f := range bare(found[layout]) {
			i := slices.Index(known, f)
			if i < 0 {
				t.Errorf("only in the %s layout: %s", layout, f)
				continue
			}
			known = slices.Delete(known, i, i+1)
		}
	}
}

var (
	testTime = regexp.MustCompile(`[(\t]\d+\.\d+s\)?|\t\(cached\)`)
	testLine = regexp.MustCompile(`_test\.go:\d+:`)
)

// TestGoTest runs the tests of the cases that have some: their results and
// their lines are the plain ones.
func TestGoTest(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles programs")
	}
	b := newBench(t)
	var patterns []string
	for _, g := range b.cases {
		if slices.ContainsFunc(slices.Collect(maps.Keys(g.files)), func(name string) bool { return strings.HasSuffix(name, "_test.go") }) {
			patterns = append(patterns, "./"+g.name+"/...")
		}
	}
	got := map[string]string{}
	for _, layout := range layoutNames {
		stdout, stderr, err := b.gocmd(layout, append([]string{"test", "-count=1", "-v", "-vet=off"}, patterns...)...)
		if err != nil {
			t.Errorf("%s layout: %v\n%s", layout, err, stderr)
		}
		got[layout] = testTime.ReplaceAllString(stdout, "")
	}
	compareRuns(t, build, got[plain], got[build])
	compareRuns(t, source, testLine.ReplaceAllString(got[plain], ""), testLine.ReplaceAllString(got[source], ""))
	if !strings.Contains(got[build], "PASS: TestOuter") {
		t.Errorf("the external tests did not run:\n%s", got[build])
	}
}
