package instrument

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/format"
	"go/token"
	"slices"
	"strings"

	"github.com/orchestrall/orchestrall/rewrite"
	"github.com/orchestrall/orchestrall/templates"
)

// Build renders the build layout: the files that change and those that are
// added. Every token of a user's file stays on its line. A package whose
// instrumentation is checked in has no output but what is woven into it.
func (p *Plan) Build() ([]Output, []Diagnostic) {
	if p.pkg.CheckedIn() {
		return p.buildWoven()
	}
	if p.Empty() && len(p.opt.Woven) == 0 {
		return nil, nil
	}
	var out []Output
	var ds []Diagnostic
	for _, f := range p.touched(p.mains, p.woven()...) {
		src, err := rewrite.Apply(f.Src, p.buildEdits(f))
		if err != nil {
			ds = append(ds, internalError(f, err))
			continue
		}
		out = append(out, Output{Path: f.Path, Src: src})
	}
	gen, bad := p.generated(p.mains, p.place)
	out, ds = append(out, gen...), append(ds, bad...)
	sortOutputs(out)
	return out, ds
}

// woven returns the files that have edits of their own.
func (p *Plan) woven() []*pkgFile {
	var files []*pkgFile
	for _, f := range p.pkg.Files {
		if len(p.opt.Woven[f.Path]) == 0 {
			continue
		}
		// The offsets are those of the file on disk: one that was stripped in
		// memory has others.
		if pf := p.m.file(f); pf != nil && pf.lines == nil {
			files = append(files, pf)
		}
	}
	return files
}

// buildWoven renders a package whose instrumentation stands in its sources.
func (p *Plan) buildWoven() ([]Output, []Diagnostic) {
	var out []Output
	var ds []Diagnostic
	for _, f := range p.pkg.Files {
		edits := p.opt.Woven[f.Path]
		if len(edits) == 0 {
			continue
		}
		onDisk, bad := parseFile(f)
		if onDisk == nil {
			return nil, bad
		}
		src, err := rewrite.Apply(f.Src, append(p.pathEdit(onDisk), edits...))
		if err != nil {
			ds = append(ds, internalError(onDisk, err))
			continue
		}
		out = append(out, Output{Path: f.Path, Src: src})
	}
	sortOutputs(out)
	return out, ds
}

// pathEdit tells the compiler, which reads a copy, the path of the file.
func (p *Plan) pathEdit(f *pkgFile) []rewrite.Edit {
	at := f.pos(f.tree.Package)
	if !p.opt.Paths || strings.Contains(f.Path, "*/") || strings.ContainsAny(f.Path, "\r\n") {
		return nil
	}
	return []rewrite.Edit{rewrite.Insert(at.Offset, fmt.Sprintf("/*line %s:%d:%d*/", f.Path, at.Line, at.Column))}
}

// buildEdits puts everything that a function gets behind its opening brace.
func (p *Plan) buildEdits(f *pkgFile) []rewrite.Edit {
	positions := !bytes.Contains(f.Src, []byte("//line ")) && !bytes.Contains(f.Src, []byte("/*line "))
	edits := p.pathEdit(f)
	for _, m := range p.mains {
		if m.file == f {
			edits = append(edits, rewrite.Insert(f.offset(m.decl.Body.Lbrace)+1, " "+templates.Main+";"))
		}
	}
	for _, fn := range p.funcs {
		if fn.file != f {
			continue
		}
		edits = append(edits, fn.edits...)
		brace := f.pos(fn.decl.Body.Lbrace)
		moved := false
		line := templates.OneLine(fn.prologue(func(fd field) string {
			if !positions || fd.expr.pos.Filename != f.Path {
				return fd.code
			}
			moved = true
			return fmt.Sprintf("/*line :%d:%d*/%s", fd.expr.pos.Line, fd.expr.pos.Column, fd.code)
		}).Lines())
		text := " " + line + ";"
		if moved { // what the compiler says of an EXPR stands at the directive, and of the rest where it was
			text += fmt.Sprintf("/*line :%d:%d*/", brace.Line, brace.Column+1)
		}
		edits = append(edits, rewrite.Insert(brace.Offset+1, text))
	}
	if f.lines == nil {
		edits = append(edits, p.opt.Woven[f.Path]...)
	}
	return edits
}

// Source renders the source layout: every file that holds, or held, inserted
// code and every generated file, whether it differs from what is on disk or
// not. A file of pkg.Files that it does not name stays as it is; one of
// pkg.Generated is stale.
func (p *Plan) Source() ([]Output, []Diagnostic) {
	if formatted, warnings := p.formatted(); formatted != nil {
		out, ds := formatted.source()
		return out, append(warnings, ds...)
	}
	return p.source()
}

// formatted returns the plan of the package with the touched files formatted,
// or nil when they all are: what stands on one line is only known then.
func (p *Plan) formatted() (*Plan, []Diagnostic) {
	var warnings []Diagnostic
	pkg := *p.pkg
	pkg.Files = slices.Clone(p.pkg.Files)
	for _, f := range p.touched(p.asked()) {
		if f.lines != nil {
			continue // strip has formatted it
		}
		src, err := formatLike(f.Src, f.Src)
		if err != nil || bytes.Equal(src, f.Src) {
			continue
		}
		for range 3 { // what gofmt writes it may write differently once more
			if again, err := formatLike(src, src); err == nil {
				src = again
			}
		}
		d := errorf(token.Position{Filename: f.Path, Line: 1, Column: 1}, "formatted", "run gofmt first to see what generate alone changes", "the file is not gofmt'd: it is formatted too")
		d.Severity = Warning
		warnings = append(warnings, d)
		at := slices.IndexFunc(pkg.Files, func(o File) bool { return o.Path == f.Path })
		pkg.Files[at].Src = src
	}
	if warnings == nil {
		return nil, nil
	}
	formatted, ds := NewPlan(&pkg, p.opt)
	return formatted, append(warnings, ds...)
}

// asked are the mains that //orchestrall:main stands above.
func (p *Plan) asked() []mainFunc {
	return slices.DeleteFunc(slices.Clone(p.mains), func(m mainFunc) bool { return !m.asked })
}

func (p *Plan) source() ([]Output, []Diagnostic) {
	asked := p.asked()
	var out []Output
	var ds []Diagnostic
	lines := make(map[*function]int)
	for _, f := range p.touched(asked) {
		raw, err := rewrite.Apply(f.Src, p.sourceEdits(f, asked))
		if err != nil {
			ds = append(ds, internalError(f, err))
			continue
		}
		src, err := formatLike(f.Src, raw)
		if err != nil {
			ds = append(ds, internalError(f, err))
			continue
		}
		out = append(out, Output{Path: f.Path, Src: src})
		p.countLines(f, src, lines)
	}
	if len(p.funcs) > 0 || len(asked) > 0 {
		gen, bad := p.generated(asked, func(fn *function) (string, int) {
			file, line := p.place(fn)
			if l := lines[fn]; l > 0 && file == p.relative(fn.file.Path) {
				line = l
			}
			return file, line
		})
		out, ds = append(out, gen...), append(ds, bad...)
	}
	for path, f := range p.m.parsed { // what once had generated code and has none now
		if f != nil && f.lines != nil && !slices.ContainsFunc(out, func(o Output) bool { return o.Path == path }) {
			out = append(out, Output{Path: path, Src: f.Src})
		}
	}
	sortOutputs(out)
	return out, ds
}

// countLines records on which line of src the functions of f stand.
func (p *Plan) countLines(f *pkgFile, src []byte, lines map[*function]int) {
	after, ds := parseFile(File{Path: f.Path, Src: src})
	if HasErrors(ds) || len(after.tree.Decls) != len(f.tree.Decls) {
		return
	}
	for i, decl := range f.tree.Decls {
		for _, fn := range p.funcs {
			if ast.Decl(fn.decl) == decl {
				lines[fn] = after.pos(after.tree.Decls[i].(*ast.FuncDecl).Name.Pos()).Line
			}
		}
	}
}

func (p *Plan) sourceEdits(f *pkgFile, mains []mainFunc) []rewrite.Edit {
	var edits []rewrite.Edit
	inserted := make(map[*ast.FuncDecl][]string)
	var order []*ast.FuncDecl
	add := func(decl *ast.FuncDecl, lines ...string) {
		if inserted[decl] == nil {
			order = append(order, decl)
		}
		inserted[decl] = append(inserted[decl], lines...)
	}
	for _, m := range mains {
		if m.file == f {
			add(m.decl, templates.Main)
		}
	}
	for _, fn := range p.funcs {
		if fn.file == f {
			edits = append(edits, fn.edits...)
			add(fn.decl, fn.prologue(func(fd field) string { return fd.code }).Lines()...)
		}
	}
	for _, decl := range order {
		edits = append(edits, f.insertLines(decl, inserted[decl])...)
	}
	return edits
}

// insertLines puts marked lines at the top of a body, and breaks a body that
// stands on one line.
func (f *pkgFile) insertLines(decl *ast.FuncDecl, lines []string) []rewrite.Edit {
	open, end := f.offset(decl.Body.Lbrace)+1, f.offset(decl.Body.Rbrace)
	oneLine := bytes.IndexByte(f.Src[open:end], '\n') < 0
	var text strings.Builder
	for i, line := range lines {
		text.WriteString(line + " " + templates.Marker)
		if i == 0 && oneLine {
			text.WriteString(" " + markOneLine)
		}
		text.WriteString("\n")
	}
	if !oneLine {
		if at, ok := f.lineAfter(decl); ok {
			return []rewrite.Edit{rewrite.Insert(at, text.String())}
		}
		return []rewrite.Edit{rewrite.Insert(open, "\n"+text.String())}
	}
	edits := []rewrite.Edit{rewrite.Insert(open, "\n"+text.String())}
	stmts := decl.Body.List
	for i := range max(len(stmts)-1, 0) {
		from, to := f.offset(stmts[i].End()), f.offset(stmts[i+1].Pos())
		if semi := bytes.IndexByte(f.Src[from:to], ';'); semi >= 0 {
			edits = append(edits, rewrite.Edit{Start: from + semi, End: from + semi + 1, Text: "\n"})
		}
	}
	if len(bytes.TrimSpace(f.Src[open:end])) > 0 {
		edits = append(edits, rewrite.Insert(end, "\n"))
	}
	return edits
}

// lineAfter returns the start of the first line below the opening brace of
// decl and the comments that begin behind it, when nothing else stands there.
func (f *pkgFile) lineAfter(decl *ast.FuncDecl) (int, bool) {
	at := f.offset(decl.Body.Lbrace) + 1
	for {
		rest := bytes.TrimLeft(f.Src[at:], " \t\r")
		at = len(f.Src) - len(rest)
		switch {
		case bytes.HasPrefix(rest, []byte("\n")):
			return at + 1, true
		case bytes.HasPrefix(rest, []byte("//")):
			at += bytes.IndexByte(rest, '\n')
		case bytes.HasPrefix(rest, []byte("/*")):
			at += bytes.Index(rest, []byte("*/")) + 2
		default:
			return 0, false
		}
	}
}

// touched returns the files that functions or mains are in, and more, in order.
func (p *Plan) touched(mains []mainFunc, more ...*pkgFile) []*pkgFile {
	var files []*pkgFile
	add := func(f *pkgFile) {
		if !slices.Contains(files, f) {
			files = append(files, f)
		}
	}
	for _, fn := range p.funcs {
		add(fn.file)
	}
	for _, m := range mains {
		add(m.file)
	}
	for _, f := range more {
		add(f)
	}
	slices.SortFunc(files, func(a, b *pkgFile) int { return cmp.Compare(a.Path, b.Path) })
	return files
}

var bom = []byte("\xef\xbb\xbf")

// formatLike formats src and keeps what gofmt would take from a file like
// model: a byte order mark, and line ends of two bytes.
func formatLike(model, src []byte) ([]byte, error) {
	crlf := bytes.Contains(model, []byte("\r\n"))
	if crlf {
		src = bytes.ReplaceAll(src, []byte("\r\n"), []byte("\n"))
	}
	out, err := format.Source(bytes.TrimPrefix(src, bom))
	if err != nil {
		return nil, err
	}
	if crlf {
		out = bytes.ReplaceAll(out, []byte("\n"), []byte("\r\n"))
	}
	if bytes.HasPrefix(model, bom) {
		out = append(slices.Clip(slices.Clone(bom)), out...)
	}
	return out, nil
}

func sortOutputs(out []Output) {
	slices.SortFunc(out, func(a, b Output) int { return cmp.Compare(a.Path, b.Path) })
}

func internalError(f *pkgFile, err error) Diagnostic {
	return errorf(f.pos(f.tree.Package), "internal", "report it as a bug with this file", "the file can't be instrumented: %v", err)
}
