package instrument_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/scanner"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orchestrall/orchestrall/instrument"
)

// A module is one package on its way through the engine.
type module struct {
	pkg    *instrument.Package
	opt    instrument.Options
	output []instrument.Output // of both layouts
	build  map[string][]byte   // user's files that changed
	source map[string][]byte   // user's files on disk, changed or not
	disk   []instrument.Output // the same, and the generated ones
}

// planned renders p in both layouts; ok is false when the engine reports an
// error, after which no front end writes anything.
func planned(p *instrument.Package, opt instrument.Options) (m *module, ok bool) {
	plan, ds := instrument.NewPlan(p, opt)
	if instrument.HasErrors(ds) {
		return nil, false
	}
	build, ds := plan.Build()
	if instrument.HasErrors(ds) {
		return nil, false
	}
	disk, ds := plan.Source()
	if instrument.HasErrors(ds) {
		return nil, false
	}
	m = &module{pkg: p, opt: opt, output: slices.Concat(build, disk), disk: disk, build: map[string][]byte{}, source: map[string][]byte{}}
	for _, o := range build {
		if !o.Generated {
			m.build[o.Path] = o.Src
		}
	}
	for _, f := range p.Files { // what the plan does not name stays as it is
		m.source[f.Path] = f.Src
		if !slices.ContainsFunc(disk, func(o instrument.Output) bool { return o.Path == f.Path }) {
			m.disk = append(m.disk, instrument.Output{Path: f.Path, Src: f.Src})
		}
	}
	for _, o := range disk {
		if !o.Generated {
			m.source[o.Path] = o.Src
		}
	}
	return m, true
}

// checkParses: what the engine writes is Go.
func checkParses(t *testing.T, m *module) {
	t.Helper()
	for _, o := range m.output {
		if _, err := parser.ParseFile(token.NewFileSet(), o.Path, o.Src, parser.ParseComments); err != nil {
			t.Errorf("does not parse: %v\n%s", err, o.Src)
		}
	}
}

// A placed token is a token, or a comment, and the line that it stands on: in
// the file, and as //line comments have it.
type placed struct {
	tok        token.Token
	lit        string
	line       int
	file       string
	statedLine int
}

func (p placed) String() string {
	return fmt.Sprintf("%d (%s:%d): %s %q", p.line, p.file, p.statedLine, p.tok, p.lit)
}

// is reports whether p became q: itself, a blank that was given a name, or a
// parameter that makes way for a variable of its name.
func (p placed) is(q placed) bool {
	if p.tok == token.IDENT {
		if p.lit == "_" && strings.HasPrefix(q.lit, "orchestrallBlank") {
			q.lit = "_"
		}
		q.lit = strings.TrimPrefix(q.lit, "orchestrallIn_")
	}
	return p == q
}

// tokens scans src. Semicolons that only a line end stands for are left out:
// where one matters, the syntax tree shows it.
func tokens(path string, src []byte) []placed {
	fset := token.NewFileSet()
	file := fset.AddFile(path, -1, len(src))
	var s scanner.Scanner
	s.Init(file, src, nil, scanner.ScanComments)
	var all []placed
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			return all
		}
		if tok == token.SEMICOLON {
			continue
		}
		stated := file.PositionFor(pos, true)
		all = append(all, placed{tok, lit, file.PositionFor(pos, false).Line, stated.Filename, stated.Line})
	}
}

// checkLines: every token and comment of the original stands in the build
// layout on the line on which it stood, in the order in which it stood.
func checkLines(t *testing.T, m *module) {
	t.Helper()
	for _, f := range m.pkg.Files {
		out, ok := m.build[f.Path]
		if !ok {
			continue
		}
		have := tokens(f.Path, out)
		for _, want := range tokens(f.Path, f.Src) {
			i := slices.IndexFunc(have, want.is)
			if i < 0 {
				t.Errorf("%s: the token moved or is gone: %v\n%s", f.Path, want, out)
				return
			}
			have = have[i+1:]
		}
		if bytes.Count(f.Src, []byte("\n")) != bytes.Count(out, []byte("\n")) {
			t.Errorf("%s: the number of lines changed\n%s", f.Path, out)
		}
	}
}

// checkStrip: strip takes out of the source layout exactly what generate put
// in. A source that gofmt would change comes back formatted.
func checkStrip(t *testing.T, m *module) {
	t.Helper()
	for _, f := range m.pkg.Files {
		out, ok := m.source[f.Path]
		if !ok || bytes.Equal(out, f.Src) {
			continue
		}
		want, ok := formatted(f.Src)
		if !ok {
			continue
		}
		got, ds := instrument.Strip(instrument.File{Path: f.Path, Src: out})
		if len(ds) > 0 {
			t.Errorf("strip: %v\n%s", ds, out)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s: strip(generate(x)): -x +got:\n%s\ngenerated:\n%s", f.Path, diff, out)
		}
	}
}

// formatted returns what gofmt makes of src, with the byte order mark and the
// line ends that src has. ok is false where gofmt does not come to rest at
// once.
func formatted(src []byte) (out []byte, ok bool) {
	crlf := bytes.Contains(src, []byte("\r\n"))
	if crlf {
		src = bytes.ReplaceAll(src, []byte("\r\n"), []byte("\n"))
	}
	bare := bytes.TrimPrefix(src, []byte("\ufeff"))
	marked := len(bare) < len(src)
	once, err := format.Source(bare)
	if err != nil {
		return nil, false
	}
	twice, err := format.Source(once)
	ok = err == nil && bytes.Equal(once, twice)
	if crlf {
		once = bytes.ReplaceAll(once, []byte("\n"), []byte("\r\n"))
	}
	if marked {
		once = append([]byte("\ufeff"), once...)
	}
	return once, ok
}

// checkFormatted: every file that the source layout touches is gofmt's.
func checkFormatted(t *testing.T, m *module) {
	t.Helper()
	have := map[string][]byte{}
	for _, f := range m.pkg.Files {
		have[f.Path] = f.Src
	}
	for _, o := range m.disk {
		if bytes.Equal(have[o.Path], o.Src) {
			continue
		}
		if src := have[o.Path]; src != nil {
			if _, ok := formatted(src); !ok {
				continue
			}
		}
		want, ok := formatted(o.Src)
		if !ok {
			t.Errorf("%s: gofmt does not come to rest:\n%s", o.Path, o.Src)
			continue
		}
		if diff := cmp.Diff(string(want), string(o.Src)); diff != "" {
			t.Errorf("%s: not formatted: -gofmt +got:\n%s", o.Path, diff)
		}
	}
}

// checkTwice: a package that is on disk in the source layout stays as it is,
// and a build front end adds nothing to it.
func checkTwice(t *testing.T, m *module) {
	t.Helper()
	again := *m.pkg
	again.Files, again.Generated = nil, nil
	for _, o := range m.disk {
		f := instrument.File{Path: o.Path, Src: o.Src}
		if o.Generated {
			again.Generated = append(again.Generated, f)
			if !instrument.IsGenerated(o.Path) {
				t.Errorf("%s is generated and not named so", o.Path)
			}
		} else {
			again.Files = append(again.Files, f)
		}
	}
	plan, ds := instrument.NewPlan(&again, m.opt)
	if instrument.HasErrors(ds) {
		t.Errorf("generate twice: %v", ds)
		return
	}
	disk, ds := plan.Source()
	if instrument.HasErrors(ds) {
		t.Errorf("generate twice: %v", ds)
	}
	twice := texts(m.disk)
	maps.DeleteFunc(twice, func(path, _ string) bool { return instrument.IsGenerated(path) })
	maps.Copy(twice, texts(disk))
	if diff := cmp.Diff(texts(m.disk), twice); diff != "" {
		t.Errorf("generate twice: -once +twice:\n%s", diff)
	}
	if len(again.Generated) == 0 {
		return
	}
	build, ds := plan.Build()
	if len(build) > 0 || instrument.HasErrors(ds) {
		t.Errorf("a checked-in package is built with changes: %v %v", texts(build), ds)
	}
}

func texts(outputs []instrument.Output) map[string]string {
	all := map[string]string{}
	for _, o := range outputs {
		all[o.Path] = string(o.Src)
	}
	return all
}

// checkSameTree: both layouts are the same program.
func checkSameTree(t *testing.T, m *module) {
	t.Helper()
	for path, build := range m.build {
		if m.opt.Bootstrap && bytes.Contains(build, []byte("func main()")) && !bytes.Contains(build, []byte("//orchestrall:main")) {
			continue // only build front ends weave this one
		}
		// gofmt sorts imports and rewrites literals: let it do so to both.
		build, ok := formatted(build)
		if !ok {
			continue
		}
		a, errA := parser.ParseFile(token.NewFileSet(), path, build, parser.SkipObjectResolution)
		b, errB := parser.ParseFile(token.NewFileSet(), path, m.source[path], parser.SkipObjectResolution)
		if errA != nil || errB != nil {
			t.Errorf("does not parse: %v, %v", errA, errB)
			continue
		}
		if diff := cmp.Diff(tree(a), tree(b)); diff != "" {
			t.Errorf("%s: -build +source:\n%s", path, diff)
		}
	}
	for path, src := range m.source {
		if m.opt.Bootstrap && bytes.Contains(src, []byte("func main()")) && !bytes.Contains(src, []byte("//orchestrall:main")) {
			continue // only build front ends weave this one
		}
		_, built := m.build[path]
		if f := file(m.pkg, path); f != nil && bytes.Equal(f.Src, m.source[path]) == built {
			t.Errorf("%s: changed in one layout only", path)
		}
	}
}

func file(p *instrument.Package, path string) *instrument.File {
	for i := range p.Files {
		if p.Files[i].Path == path {
			return &p.Files[i]
		}
	}
	return nil
}

// tree writes a syntax tree without positions and comments, a line a node.
func tree(f *ast.File) string {
	var b strings.Builder
	depth := 0
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case nil:
			depth--
			return true
		case *ast.CommentGroup, *ast.Comment:
			return false
		default:
			fmt.Fprintf(&b, "%s%T%s\n", strings.Repeat(" ", depth), n, scalars(n))
			depth++
			return true
		}
	})
	return b.String()
}

// scalars lists what a node holds besides its children: names, operators,
// literals, and which of its optional parts are there.
func scalars(n ast.Node) string {
	var b strings.Builder
	v := reflect.ValueOf(n).Elem()
	for i := range v.NumField() {
		field, name := v.Field(i), v.Type().Field(i).Name
		switch x := field.Interface().(type) {
		case string, token.Token, ast.ChanDir, bool:
			fmt.Fprintf(&b, " %s=%v", name, x)
		case token.Pos:
			if name == "Ellipsis" || name == "Assign" || name == "Arrow" {
				fmt.Fprintf(&b, " %s=%v", name, x.IsValid())
			}
		default:
			if field.Kind() == reflect.Pointer || field.Kind() == reflect.Interface || field.Kind() == reflect.Slice {
				if name != "Doc" && name != "Comment" && name != "Comments" && name != "Obj" && name != "Scope" && name != "Unresolved" {
					fmt.Fprintf(&b, " %s=%v", name, !field.IsNil())
				}
			}
		}
	}
	return b.String()
}

// checkComments: both layouts keep every comment, and every //go: directive on
// its declaration.
func checkComments(t *testing.T, m *module) {
	t.Helper()
	for _, f := range m.pkg.Files {
		if out, ok := m.build[f.Path]; ok {
			compareComments(t, "build", f.Path, f.Src, out)
		}
		if out, ok := m.source[f.Path]; ok && !bytes.Equal(out, f.Src) {
			if want, ok := formatted(f.Src); ok {
				compareComments(t, "source", f.Path, want, out)
			}
		}
	}
}

func compareComments(t *testing.T, layout, path string, before, after []byte) {
	t.Helper()
	a, errA := parser.ParseFile(token.NewFileSet(), path, before, parser.ParseComments|parser.SkipObjectResolution)
	b, errB := parser.ParseFile(token.NewFileSet(), path, after, parser.ParseComments|parser.SkipObjectResolution)
	if errA != nil || errB != nil {
		t.Errorf("does not parse: %v, %v", errA, errB)
		return
	}
	have := comments(b)
	for _, want := range comments(a) {
		i := slices.Index(have, want)
		if i < 0 {
			t.Errorf("%s: %s layout lost or moved the comment %q\n%s", path, layout, want, after)
			return
		}
		have = slices.Delete(have, i, i+1)
	}
	if diff := cmp.Diff(pragmas(a), pragmas(b)); diff != "" {
		t.Errorf("%s: %s layout: directives of declarations: -before +after:\n%s", path, layout, diff)
	}
}

// comments returns the text of all comments without the indentation of block
// comments.
func comments(f *ast.File) []string {
	var all []string
	for _, group := range f.Comments {
		for _, c := range group.List {
			var text []string
			for line := range strings.Lines(c.Text) {
				text = append(text, strings.TrimSpace(line))
			}
			all = append(all, strings.Join(text, "\n"))
		}
	}
	return all
}

// pragmas returns the comments of the form //x:y that stand above each
// declaration.
func pragmas(f *ast.File) []string {
	var all []string
	add := func(what string, doc *ast.CommentGroup) {
		if doc == nil {
			return
		}
		for _, c := range doc.List {
			if strings.HasPrefix(c.Text, "//go:") || strings.HasPrefix(c.Text, "//export ") || strings.HasPrefix(c.Text, "//line ") {
				all = append(all, what+" "+strings.TrimRight(c.Text, "\r"))
			}
		}
	}
	add("package", f.Doc)
	for _, decl := range f.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			add(decl.Name.Name, decl.Doc)
		case *ast.GenDecl:
			add(decl.Tok.String(), decl.Doc)
			for _, spec := range decl.Specs {
				if spec, ok := spec.(*ast.ValueSpec); ok {
					add(spec.Names[0].Name, spec.Doc)
				}
			}
		}
	}
	return all
}

// checkIdle: where no file mentions a directive and no rule selects, nothing
// is planned.
func checkIdle(t *testing.T, p *instrument.Package) {
	t.Helper()
	for _, f := range p.Files {
		if instrument.HasDirective(f.Src) {
			return
		}
	}
	plan, ds := instrument.NewPlan(p, instrument.Options{})
	if instrument.HasErrors(ds) {
		return
	}
	if len(plan.Operations()) > 0 {
		t.Errorf("operations without a directive: %+v", plan.Operations())
	}
	if build, ds := plan.Build(); len(build) > 0 || len(ds) > 0 {
		t.Errorf("changes without a directive: %v %v", texts(build), ds)
	}
}

// bare takes out of p what is generated already.
func bare(t *testing.T, p *instrument.Package) *instrument.Package {
	t.Helper()
	b := *p
	b.Files, b.Generated = slices.Clone(p.Files), nil
	for i, f := range b.Files {
		src, ds := instrument.Strip(f)
		if instrument.HasErrors(ds) {
			continue // it does not parse, and NewPlan will say so
		}
		b.Files[i].Src = src
	}
	return &b
}

// checkAll holds every property against one package.
func checkAll(t *testing.T, p *instrument.Package, opt instrument.Options) {
	t.Helper()
	p = bare(t, p)
	checkIdle(t, p)
	m, ok := planned(p, opt)
	if !ok {
		return
	}
	checkParses(t, m)
	checkLines(t, m)
	checkStrip(t, m)
	checkFormatted(t, m)
	checkTwice(t, m)
	checkSameTree(t, m)
	checkComments(t, m)
}

// TestProperties holds every property against every package of the goldens.
func TestProperties(t *testing.T) {
	root := filepath.FromSlash("/golden")
	for _, g := range loadGoldens(t) {
		for _, p := range g.packages(root) {
			t.Run(strings.TrimPrefix(p.ImportPath, "example.com/"), func(t *testing.T) {
				checkAll(t, p, g.options(t, root))
			})
		}
	}
}

// TestPropertiesOfEverything holds them with every function selected.
func TestPropertiesOfEverything(t *testing.T) {
	root := filepath.FromSlash("/golden")
	for _, g := range loadGoldens(t) {
		opt := instrument.Options{Config: selectAll(t, g.dir(root))}
		for _, p := range g.packages(root) {
			t.Run(strings.TrimPrefix(p.ImportPath, "example.com/"), func(t *testing.T) {
				checkAll(t, p, opt)
			})
		}
	}
}
