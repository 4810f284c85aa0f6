package lint

import (
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orchestrall/orchestrall/instrument"
)

// module writes files as a module of their own and returns its folder.
func module(t *testing.T, files map[string]string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	files["go.mod"] = "module example.com/lint\n\ngo 1.24\n"
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// traced describes the function on whose name line marker stands, with one
// expression for each key=EXPR.
func traced(t *testing.T, dir, src, name, context string, exprs ...string) instrument.Traced {
	t.Helper()
	path := filepath.Join(dir, "a.go")
	f := instrument.Traced{File: path, Name: name, Context: context}
	for i, line := range strings.Split(src, "\n") {
		if strings.HasPrefix(line, "func ") && strings.Contains(line, name+"(") {
			f.Line = i + 1
		}
	}
	if f.Line == 0 {
		t.Fatalf("no function %s", name)
	}
	f.Directive = token.Position{Filename: path, Line: 1, Column: 1}
	for _, e := range exprs {
		key, text, _ := strings.Cut(e, "=")
		offset := strings.Index(src, e) + len(key) + 1
		f.Fields = append(f.Fields, instrument.TracedField{
			Key: key, Code: code.Replace(text), Label: strings.HasPrefix(key, "label."),
			Pos: token.Position{Filename: path, Offset: offset, Line: 1 + strings.Count(src[:offset], "\n"), Column: 1},
		})
	}
	return f
}

// code names results as instrumented code does.
var code = strings.NewReplacer("result1", "orchestrallResult1", "result.", "orchestrallResult0.", "err.", "orchestrallErr.")

func run(t *testing.T, dir string, functions ...instrument.Traced) []Finding {
	t.Helper()
	found, err := Run(Config{Dir: dir, Patterns: []string{"."}, Functions: functions})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func lines(dir string, found []Finding) []string {
	var out []string
	for _, f := range found {
		out = append(out, strings.ReplaceAll(f.String(), dir+string(filepath.Separator), ""))
	}
	return out
}

func TestExpressions(t *testing.T) {
	const src = `package a

import "context"

type Input struct{ Name string }

func (Input) Two() (int, int) { return 1, 2 }

// attr.ok=in.Name attr.typo=in.Nmae attr.result=result.Name attr.n=result1 attr.e=err.Error() attr.bad=result.Nmae
// attr.two=in.Two() attr.type=Input attr.local=local
func Do(ctx context.Context, in Input) (*Input, int, error) {
	local := 1
	_ = local
	return &in, 0, nil
}
`
	dir := module(t, map[string]string{"a.go": src})
	found := run(t, dir, traced(t, dir, src, "Do", "ctx",
		"attr.ok=in.Name", "attr.typo=in.Nmae", "attr.result=result.Name", "attr.n=result1", "attr.e=err.Error()",
		"attr.bad=result.Nmae", "attr.two=in.Two()", "attr.type=Input", "attr.local=local"))
	want := []string{
		"a.go:9:33: attr.typo: in.Nmae undefined (type Input has no field or method Nmae)",
		"a.go:9:105: attr.bad: result0.Nmae undefined (type *Input has no field or method Nmae)",
		"a.go:10:13: attr.two: in.Two() has 2 values; write an expression that has one value",
		"a.go:10:32: attr.type: Input is not a value; write an expression that has one value",
		"a.go:10:49: attr.local: undefined: local",
	}
	if diff := cmp.Diff(want, lines(dir, found)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestLabels(t *testing.T) {
	const src = `package a

import (
	"context"
	"time"
)

type Input struct{ Kind, UserID string; Valid bool; Score float64; At time.Time; Day time.Weekday }

// label.kind=in.Kind label.valid=in.Valid label.day=in.Day
// label.user=in.UserID label.score=in.Score label.at=in.At
func Do(ctx context.Context, in Input) {}
`
	dir := module(t, map[string]string{"a.go": src})
	found := run(t, dir, traced(t, dir, src, "Do", "ctx",
		"label.kind=in.Kind", "label.valid=in.Valid", "label.day=in.Day",
		"label.user=in.UserID", "label.score=in.Score", "label.at=in.At"))
	want := []string{
		`a.go:11:15: warning: label.user: in.UserID looks different on every call, so the label soon reads "other"; record it as attr.user instead`,
		`a.go:11:37: warning: label.score: in.Score is a floating-point number, so the label soon reads "other"; record it as attr.score instead`,
		`a.go:11:55: warning: label.at: in.At is a time, so the label soon reads "other"; record it as attr.at instead`,
	}
	if diff := cmp.Diff(want, lines(dir, found)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestGoroutinesAndRoots(t *testing.T) {
	const src = `package a

import (
	"context"
	"time"
)

func work(context.Context) {}

func Do(ctx context.Context) {
	go work(ctx)
	go work(context.Background())
	go func() { work(context.TODO()) }()
	late, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	go work(late)
	if ctx == nil {
		ctx = context.Background()
	}
	go work(ctx)
	work(context.Background())
}

func Root() { go work(context.Background()) }
`
	dir := module(t, map[string]string{"a.go": src})
	found := run(t, dir, traced(t, dir, src, "Do", "ctx"), traced(t, dir, src, "Root", ""))
	const dropped = ": warning: a goroutine of a traced function starts from an empty context, so its spans leave the trace; use context.WithoutCancel(ctx)"
	want := []string{
		"a.go:1:1: warning: Root has nothing to take a context from, so its span has no parent; give it a context.Context argument",
		"a.go:12:10" + dropped,
		"a.go:13:19" + dropped,
		"a.go:14:38" + dropped,
	}
	if diff := cmp.Diff(want, lines(dir, found)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}

	changed, left, err := Fix(found, os.ReadFile)
	if err != nil || len(left) != 1 {
		t.Fatalf("findings %v are left, error %v; want one", left, err)
	}
	fixed := strings.NewReplacer(
		"go work(context.Background())\n\tgo", "go work(context.WithoutCancel(ctx))\n\tgo",
		"context.TODO()", "context.WithoutCancel(ctx)",
		"WithTimeout(context.Background()", "WithTimeout(context.WithoutCancel(ctx)",
	).Replace(src)
	if diff := cmp.Diff(fixed, string(changed[filepath.Join(dir, "a.go")])); diff != "" {
		t.Errorf("fixed (-want +got):\n%s", diff)
	}
	if err := os.WriteFile(filepath.Join(dir, "a.go"), []byte(fixed), 0o666); err != nil {
		t.Fatal(err)
	}
	if again := run(t, dir, traced(t, dir, fixed, "Do", "ctx")); len(again) > 0 {
		t.Errorf("findings after the fix: %v", lines(dir, again))
	}
}

func TestCodeThatDoesNotCompile(t *testing.T) {
	dir := module(t, map[string]string{"a.go": "package a\n\nvar x int = \"text\"\n"})
	_, err := Run(Config{Dir: dir, Patterns: []string{"."}})
	if err == nil || !strings.Contains(err.Error(), "a.go:3:13") {
		t.Errorf("error = %v, want one at a.go:3:13", err)
	}
}
