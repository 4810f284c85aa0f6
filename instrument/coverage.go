package instrument

import (
	"bytes"
	"go/ast"
	"go/token"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orchestrall/orchestrall/internal/config"
	"github.com/orchestrall/orchestrall/rewrite"
)

// A Coverage tells which functions of a package somebody would expect to find
// in its telemetry, and which of them are not there.
type Coverage struct {
	Traced  int        // of those that could be expected
	Missing []Untraced // in the order of files and lines
}

// An Untraced is an exported function with a context or an error result that
// nothing instruments.
type Untraced struct {
	Pos      token.Position // of the func keyword, in the user's file
	Function string         // as runtime.Func names it
	Name     string         // what its operation would be called
	Package  string
	Context  bool // takes a context: its spans would have a parent
	Error    bool // returns an error

	decl *ast.FuncDecl
	file *pkgFile
}

// Coverage looks at the functions that are part of the program: not those of
// tests and of generated files, not those that a comment or a rule takes out,
// and not those that can't be instrumented.
func (p *Plan) Coverage() (Coverage, []Diagnostic) {
	var c Coverage
	if refusedPackage(p.pkg.ImportPath) != "" {
		return c, nil
	}
	known := len(p.m.ds)
	var files []*pkgFile
	for _, f := range p.pkg.Files {
		if strings.HasSuffix(f.Path, "_test.go") {
			continue
		}
		if pf := p.m.file(f); pf != nil && !ast.IsGenerated(pf.tree) && !pf.condition().ignored() {
			files = append(files, pf)
		}
	}
	r := newReader(p, files)
	for _, f := range files {
		_ = r.readWide(f) // NewPlan told what is wrong with the directives
	}
	for _, f := range files {
		for _, decl := range f.tree.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || !exported(fn) {
				continue
			}
			u := Untraced{decl: fn, file: f, Context: p.takesContext(f, fn), Error: p.returnsError(f, fn)}
			switch {
			case !u.Context && !u.Error:
			case slices.ContainsFunc(p.funcs, func(t *function) bool { return t.decl == fn }):
				c.Traced++
			case r.waived(f, fn, u.Context, u.Error):
			default:
				d, _ := parseDirective(f.pos(fn.Pos()), nil)
				bound, _ := bind(p.m, p.opt.Config, f, fn, d)
				if bound == nil {
					continue
				}
				u.Name, u.Function, u.Package = bound.name, p.funcName(bound), p.importPath(f)
				u.Pos = p.diskPosition(f.pos(fn.Pos()))
				c.Missing = append(c.Missing, u)
			}
		}
	}
	return c, p.onDisk(slices.Clone(p.m.ds[known:]))
}

// waived reports whether somebody decided that decl is not traced.
func (r *reader) waived(f *pkgFile, decl *ast.FuncDecl, takesContext, returnsError bool) bool {
	if l, _ := f.level(decl.Doc, false); l != nil && l.ignore {
		return true
	}
	if r.pkg != nil && r.pkg.ignore {
		return true
	}
	if l := r.types[f.packageName()+"."+receiverType(decl)]; l != nil && l.ignore && decl.Recv != nil {
		return true
	}
	return r.p.opt.Config.Excludes(config.Function{
		ImportPath: r.p.pkg.ImportPath,
		Dir:        r.p.pkg.Dir,
		File:       filepath.Base(f.Path),
		Receiver:   receiverType(decl),
		Name:       decl.Name.Name,
		Exported:   true,
		Context:    takesContext,
		Error:      returnsError,
	})
}

// Annotate returns the files of the package with //orchestrall:trace above the
// functions of missing. A function that shares its line with other code is a
// warning and stays as it is.
func (p *Plan) Annotate(missing []Untraced) ([]Output, []Diagnostic) {
	var outputs []Output
	var ds []Diagnostic
	for _, f := range p.pkg.Files {
		var edits []rewrite.Edit
		for _, u := range missing {
			if u.file.Path != f.Path {
				continue
			}
			at := lineStart(f.Src, u.Pos.Line)
			if len(bytes.TrimLeft(f.Src[at:u.Pos.Offset], " \t")) > 0 {
				ds = append(ds, Diagnostic{
					Pos: u.Pos, Severity: Warning, Rule: "shared-line", Message: u.Name + " shares its line with other code",
					Fix: "put it on a line of its own",
				})
				continue
			}
			newline := "\n"
			if end := lineStart(f.Src, u.Pos.Line+1); end >= 2 && f.Src[end-2] == '\r' {
				newline = "\r\n"
			}
			text := "//" + tool + ":" + verbTrace + newline
			if u.proseEnds() {
				text = "//" + newline + text
			}
			edits = append(edits, rewrite.Insert(at, text))
		}
		if len(edits) == 0 {
			continue
		}
		src, err := rewrite.Apply(f.Src, edits)
		if err != nil {
			ds = append(ds, errorf(token.Position{Filename: f.Path}, "internal", "report it", "%v", err))
			continue
		}
		outputs = append(outputs, Output{Path: f.Path, Src: src})
	}
	return outputs, ds
}

// proseEnds reports whether gofmt wants an empty comment line between the
// documentation of the function and a directive below it.
func (u Untraced) proseEnds() bool {
	doc := u.decl.Doc
	if doc == nil || !strings.HasPrefix(doc.List[0].Text, "//") {
		return false
	}
	last := strings.TrimRight(doc.List[len(doc.List)-1].Text, " \t\r")
	return last != "//" && !isDirective(last)
}

// isDirective reports whether gofmt takes a comment for a directive, which it
// keeps below the documentation.
func isDirective(text string) bool {
	if _, ok := ast.ParseDirective(token.NoPos, text); ok {
		return true
	}
	return strings.HasPrefix(text, "//line ") || strings.HasPrefix(text, "//extern ") || strings.HasPrefix(text, "//export ")
}
