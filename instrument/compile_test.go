package instrument_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/orchestrall/orchestrall/instrument"
)

// compiled are the packages that generated and made-up sources import.
var compiled = []string{
	"github.com/orchestrall/orchestrall/runtime", "github.com/orchestrall/orchestrall/runtime/bootstrap", "context", "errors", "fmt", "iter", "io/fs", "net/http", "os", "strings", "time",
}

// exports maps import paths to export data, for them and all they import.
var exports = sync.OnceValues(func() (map[string]string, error) {
	cmd := exec.Command("go", append([]string{"list", "-export", "-deps", "-json=ImportPath,Export"}, compiled...)...)
	cmd.Dir = "../runtime"
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct{ ImportPath, Export string }
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all[p.ImportPath] = p.Export
	}
})

// A checker type-checks sources as the compiler would.
type checker struct {
	fset *token.FileSet
	imp  types.Importer
}

func newChecker(t testing.TB) *checker {
	t.Helper()
	files, err := exports()
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	return &checker{fset, importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		if files[path] == "" {
			return nil, fmt.Errorf("%s is not among the packages for tests", path)
		}
		return os.Open(files[path])
	})}
}

// check returns the first error of the package that the sources are.
func (c *checker) check(sources map[string][]byte) error {
	var files []*ast.File
	for _, path := range slices.Sorted(maps.Keys(sources)) {
		f, err := parser.ParseFile(c.fset, path, sources[path], parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	conf := types.Config{Importer: c.imp, GoVersion: "go1.26"}
	_, err := conf.Check("example.com/module/folder", c.fset, files, nil)
	return err
}

// checkCompiles: what compiles, compiles in both layouts. It reports whether p
// compiles.
func (c *checker) checkCompiles(t *testing.T, p *instrument.Package, opt instrument.Options) bool {
	t.Helper()
	plain := map[string][]byte{}
	for _, f := range p.Files {
		plain[f.Path] = f.Src
	}
	if c.check(plain) != nil {
		return false
	}
	for _, f := range p.Files {
		if _, ok := formatted(f.Src); !ok {
			return false // gofmt itself breaks some comments
		}
	}
	plan, ds := instrument.NewPlan(p, opt)
	if instrument.HasErrors(ds) {
		return true
	}
	for layout, render := range map[string]func() ([]instrument.Output, []instrument.Diagnostic){"build": plan.Build, "source": plan.Source} {
		outputs, ds := render()
		if instrument.HasErrors(ds) {
			t.Errorf("%s layout: %v", layout, ds)
			continue
		}
		sources := maps.Clone(plain)
		var text strings.Builder
		for _, o := range outputs {
			sources[o.Path] = o.Src
			fmt.Fprintf(&text, "-- %s --\n%s", filepath.Base(o.Path), o.Src)
		}
		if err := c.check(sources); err != nil {
			t.Errorf("the %s layout does not compile: %v\n%s", layout, err, text.String())
		}
	}
	return true
}

// FuzzCompiles: what compiles, compiles in both layouts.
func FuzzCompiles(f *testing.F) {
	c := newChecker(f)
	f.Add("package p")
	for _, g := range loadGoldens(f) {
		for name, src := range g.files {
			if strings.HasSuffix(name, ".go") {
				f.Add(string(src))
			}
		}
	}
	all := selectAll(f, filepath.FromSlash("/fuzz/module"))
	f.Fuzz(func(t *testing.T, src string) {
		if strings.Contains(strings.ReplaceAll(src, "//orchestrall:", ""), "orchestrall") {
			return // declares names that are the tool's
		}
		for _, opt := range []instrument.Options{{}, {Config: all}} {
			c.checkCompiles(t, bare(t, single(src)), opt)
		}
	})
}

// FuzzSignatures makes programs up: functions with every mixture of receivers,
// parameters, results, names and bodies. Those that compile must do so in both
// layouts, and keep every other property.
func FuzzSignatures(f *testing.F) {
	c := newChecker(f)
	for seed := range uint64(300) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		src := invent(rand.New(rand.NewPCG(seed, 1)))
		p := single(src)
		if !c.checkCompiles(t, p, instrument.Options{}) {
			return
		}
		checkAll(t, p, instrument.Options{})
		if t.Failed() {
			t.Logf("seed %d:\n%s", seed, src)
		}
	})
}

// TestSignaturesCompile: enough of what is made up compiles for
// [FuzzSignatures] to mean something.
func TestSignaturesCompile(t *testing.T) {
	c := newChecker(t)
	compiled, traced := 0, 0
	for seed := range uint64(100) {
		p := single(invent(rand.New(rand.NewPCG(seed, 1))))
		if c.checkCompiles(t, p, instrument.Options{}) {
			compiled++
			if _, ok := planned(p, instrument.Options{}); ok {
				traced++
			}
		}
	}
	if compiled < 50 || traced < 40 {
		t.Errorf("of 100 sources %d compile and %d are instrumented", compiled, traced)
	}
}

// inventedTypes are types of parameters and results, with a value of each.
var inventedTypes = []struct{ typ, value string }{
	{"context.Context", "nil"},
	{"context.Context", "nil"},
	{"error", "nil"},
	{"error", "nil"},
	{"int", "1"},
	{"string", `"s"`},
	{"*T", "nil"},
	{"T", "T{}"},
	{"Fault", "0"},
	{"*http.Request", "nil"},
	{"func(int) (n int, err error)", "nil"},
	{"<-chan int", "nil"},
	{"chan int", "nil"},
	{"iter.Seq[int]", "nil"},
	{"iter.Seq2[string, error]", "nil"},
	{"interface{ error }", "nil"},
	{"map[string][]T", "nil"},
	{"struct{ A, B int }", "struct{ A, B int }{}"},
	{"any", "nil"},
	{"[2]int", "[2]int{}"},
	{"(*T)", "nil"},
	{"G[int]", "G[int]{}"},
	{"Ctx", "nil"},
	{"*fs.PathError", "nil"},
}

var inventedNames = []string{"ctx", "err", "nil", "error", "context", "_", "_", "a", "b", "s", "result", "any", "int", "string", "T", "panic", "recover", "orchestral", "c", "i", "fmt", "true"}

const inventedHead = `package p

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net/http"
)

type T struct{ Name string }

type G[P any] struct{ P P }

type Fault int

func (f Fault) Error() string { return fmt.Sprint(int(f)) }

type Ctx = context.Context

var (
	_ = errors.New
	_ iter.Seq[int]
	_ *http.Request
	_ *fs.PathError
	shared = errors.New("shared")
)
`

// invent writes a source file of a few functions.
func invent(r *rand.Rand) string {
	var b strings.Builder
	b.WriteString(inventedHead)
	for i := range 1 + r.IntN(3) {
		b.WriteString("\n" + inventFunc(r, i))
	}
	return b.String()
}

func inventFunc(r *rand.Rand, number int) string {
	used := map[string]bool{}
	name := func() string {
		for {
			n := inventedNames[r.IntN(len(inventedNames))]
			if n == "_" || !used[n] {
				used[n] = true
				return n
			}
		}
	}
	var receiver string
	switch r.IntN(6) {
	case 0:
		receiver = "(" + name() + " *T) "
	case 1:
		receiver = "(T) "
	case 2:
		receiver = "(" + name() + " *G[P]) "
	case 3:
		receiver = "(" + name() + " G[_]) "
	}
	typeParams := ""
	if receiver == "" && r.IntN(4) == 0 {
		typeParams = "[" + []string{"P any", "P error", "P, Q any", "error any", "P context.Context"}[r.IntN(5)] + "]"
	}
	params, names := inventList(r, name, true)
	results, values := inventList(r, name, false)
	named := strings.Contains(results, " ") && !strings.HasPrefix(results, "func") // good enough: invalid sources are left out
	var b strings.Builder
	b.WriteString(inventDirective(r, names))
	fmt.Fprintf(&b, "func %sF%d%s(%s) ", receiver, number, typeParams, params)
	if len(values) == 1 && !named && r.IntN(2) == 0 {
		b.WriteString(results + " ")
	} else if len(values) > 0 {
		b.WriteString("(" + results + ") ")
	}
	ret := "return " + strings.Join(values, ", ")
	if len(values) == 0 || named && r.IntN(2) == 0 {
		ret = "return"
	}
	body := []string{
		"{ " + ret + " }",
		"{\n\t" + ret + "\n}",
		"{\n\tdefer func() { _ = recover() }()\n\t" + ret + "\n}",
		"{ // remark\n\tf := func() {\n\t\tfmt.Println(" + strings.Join(names, ", ") + ")\n\t}\n\tf()\n\t" + ret + "\n}",
		"{\nagain:\n\tfor range 2 {\n\t\tcontinue again\n\t}\n\t" + ret + "\n}",
		"{\n\tgo func() { fmt.Println(" + strings.Join(names, ", ") + ") }()\n\tpanic(1)\n}",
		"{ /* empty */ panic(shared) }",
	}
	b.WriteString(body[r.IntN(len(body))] + "\n")
	return b.String()
}

// inventList writes parameters or results, and returns the names that can be
// read, or the values that can be returned.
func inventList(r *rand.Rand, name func() string, params bool) (list string, members []string) {
	n := r.IntN(4)
	named := r.IntN(3) > 0
	sep := ", "
	if r.IntN(5) == 0 && n > 0 {
		sep = ",\n\t"
	}
	var parts []string
	for i := range n {
		t := inventedTypes[r.IntN(len(inventedTypes))]
		typ := t.typ
		if params && i == n-1 && r.IntN(5) == 0 {
			typ = "..." + typ
		}
		if !named {
			parts = append(parts, typ)
		} else {
			id := name()
			if i > 0 && r.IntN(5) == 0 && !strings.HasPrefix(typ, "...") {
				id += ", " + name()
				if !params {
					members = append(members, t.value)
				}
			}
			parts = append(parts, id+" "+typ)
			if params && !strings.Contains(id, "_") {
				members = append(members, strings.Split(id, ", ")...)
			}
		}
		if !params {
			members = append(members, t.value)
		}
	}
	list = strings.Join(parts, sep)
	if sep != ", " {
		list = "\n\t" + list + ",\n"
	}
	return list, members
}

// inventDirective writes a directive whose expressions read names.
func inventDirective(r *rand.Rand, names []string) string {
	var b strings.Builder
	b.WriteString("//orchestrall:trace")
	for i, n := range names {
		if r.IntN(2) == 0 {
			role := []string{"attr", "label", "ctx", "event"}[r.IntN(4)]
			fmt.Fprintf(&b, " %s.k%d=%s", role, i, n)
		}
	}
	if r.IntN(4) == 0 {
		b.WriteString(` name="step {1+1}" kind=step`)
	}
	if r.IntN(4) == 0 {
		b.WriteString(" attr.at_end=" + []string{"err", "result", "result0", "result1"}[r.IntN(4)])
	}
	if r.IntN(6) == 0 {
		b.WriteString(" ignore=shared,context.Canceled")
	}
	return b.String() + "\n"
}
