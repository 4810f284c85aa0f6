package instrument

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// A reader attaches directives to declarations and binds them.
type reader struct {
	p     *Plan
	files []*pkgFile
	pkg   *level // what the package clause says
	types map[string]*level
	funcs []*function
	mains []mainFunc
}

// A level is what the comments above one declaration say.
type level struct {
	file   *pkgFile
	pos    token.Position
	trace  bool
	ignore bool
	args   []argument
	used   bool // a function was instrumented, or left out, because of it
}

func newReader(p *Plan, files []*pkgFile) *reader {
	return &reader{p: p, files: files, types: make(map[string]*level)}
}

func (r *reader) readAll() []Diagnostic {
	var ds []Diagnostic
	for _, f := range r.files {
		ds = append(ds, r.readWide(f)...)
	}
	for _, f := range r.files {
		for _, decl := range f.tree.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok {
				ds = append(ds, r.function(f, fn)...)
			}
		}
	}
	for _, l := range r.wideLevels() {
		if l.trace && !l.used {
			ds = append(ds, errorf(l.pos, "no-effect", "put it on a function, or take it away", "the directive has no effect: there is no exported function or method it applies to"))
		}
	}
	for _, f := range r.files {
		ds = append(ds, f.stray()...)
	}
	return ds
}

func (r *reader) wideLevels() []*level {
	var all []*level
	if r.pkg != nil {
		all = append(all, r.pkg)
	}
	for _, l := range r.types {
		all = append(all, l)
	}
	return all
}

// readWide reads the directives of the package clause and of types.
func (r *reader) readWide(f *pkgFile) []Diagnostic {
	var ds []Diagnostic
	if l, bad := f.level(f.tree.Doc, true); l != nil {
		ds = append(ds, bad...)
		if r.pkg != nil {
			ds = append(ds, errorf(l.pos, "duplicate-directive", "keep one", "the package already has a directive at %s", r.pkg.pos))
		}
		r.pkg = l
	}
	for _, decl := range f.tree.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.TYPE {
			continue
		}
		for _, spec := range gen.Specs {
			spec := spec.(*ast.TypeSpec)
			doc := spec.Doc
			if doc == nil && !gen.Lparen.IsValid() {
				doc = gen.Doc
			}
			l, bad := f.level(doc, true)
			if l == nil {
				continue
			}
			ds = append(ds, bad...)
			if _, isInterface := spec.Type.(*ast.InterfaceType); isInterface && l.trace {
				ds = append(ds, errorf(l.pos, "no-effect", "put it on a type that implements it", "the interface %s has no code to instrument", spec.Name.Name))
				l.used = true
			}
			r.types[f.packageName()+"."+spec.Name.Name] = l
		}
	}
	return ds
}

// level reads the directives of one comment group; nil when it has none.
func (f *pkgFile) level(doc *ast.CommentGroup, wide bool) (*level, []Diagnostic) {
	var l *level
	var ds []Diagnostic
	for _, c := range f.comments {
		if !f.within(doc, c) || c.verb == verbMain {
			continue
		}
		c.done = true
		if l == nil {
			l = &level{file: f, pos: c.pos}
		}
		ds = append(ds, l.add(c, wide)...)
	}
	if l != nil && l.ignore && (l.trace || len(l.args) > 0) {
		ds = append(ds, errorf(l.pos, "contradiction", "keep one of the two", "the declaration is both traced and ignored"))
	}
	return l, ds
}

func (l *level) add(c *comment, wide bool) []Diagnostic {
	switch c.verb {
	case verbIgnore:
		if text := strings.TrimSpace(c.args); text != "" && !strings.HasPrefix(text, "//") {
			return []Diagnostic{errorf(c.at, "bad-argument", "write a reason behind //", "//orchestrall:ignore takes no argument")}
		}
		l.ignore = true
		return nil
	case verbTrace:
		if l.trace {
			return []Diagnostic{errorf(c.pos, "duplicate-directive", "write one //orchestrall:trace, and //orchestrall:attr lines below it", "the declaration already has a directive at line %d", l.pos.Line)}
		}
		l.trace, l.pos = true, c.pos
		args, ds := splitArguments(c.args, c.at)
		l.args = append(l.args, args...)
		return append(ds, l.wideArgs(args, wide)...)
	}
	if !l.trace {
		return []Diagnostic{errorf(c.pos, "no-trace", "put it below a //orchestrall:trace line", "//orchestrall:%s continues no directive", c.verb)}
	}
	a, ds := restArgument(c.args, c.at)
	if ds != nil {
		return ds
	}
	a.key = c.verb + "." + a.key
	a.prefixed = len(c.verb) + 1
	l.args = append(l.args, a)
	return l.wideArgs([]argument{a}, wide)
}

// wideArgs refuses what makes no sense for many functions at once.
func (l *level) wideArgs(args []argument, wide bool) []Diagnostic {
	if !wide {
		return nil
	}
	var ds []Diagnostic
	for _, a := range args {
		_, isField := fieldRole(a.key)
		switch {
		case a.key == "" || a.key == "name":
			ds = append(ds, errorf(a.keyPos, "misplaced-key", "put it on the function", "a type or package has many functions, which can't share one name"))
		case isField:
			ds = append(ds, errorf(a.keyPos, "misplaced-key", "put it on the function", "%s names a value of one function, but stands on a type or package", a.key))
		}
	}
	return ds
}

// function finds out what applies to decl and binds it.
func (r *reader) function(f *pkgFile, decl *ast.FuncDecl) []Diagnostic {
	l, ds := f.level(decl.Doc, false)
	if at := f.mainDirective(decl); at != nil {
		ds = append(ds, r.weave(f, decl, at)...)
	}
	if l != nil && l.ignore {
		return ds
	}
	own := l != nil && l.trace
	if l != nil && !own && len(ds) > 0 {
		return ds
	}
	var args []argument
	pos := f.pos(decl.Pos())
	if own {
		args, pos = l.args, l.pos
	}
	outer, selected, bad := r.outer(f, decl)
	ds = append(ds, bad...)
	if !own && !selected {
		return ds
	}
	d, bad := parseDirective(pos, merge(args, outer))
	ds = append(ds, bad...)
	if c := f.condition(); c.ignored() {
		if own {
			ds = append(ds, errorf(pos, "ignored-file", "take the directive away", "the directive has no effect: //go:build %s keeps this file out of every build", c))
		}
		return ds
	}
	if why := refusedPackage(r.p.pkg.ImportPath); why != "" {
		if own || len(outer) > 0 {
			ds = append(ds, errorf(pos, "refused-package", "put the directive on its caller", "%s", why))
		}
		return ds
	}
	fn, bad := bind(r.p.m, r.p.opt.Config, f, decl, d)
	if fn == nil && !own {
		for i := range bad { // a rule can't know; a comment should
			bad[i].Severity = Warning
		}
	}
	ds = append(ds, bad...)
	if fn != nil {
		r.funcs = append(r.funcs, fn)
	}
	return ds
}

// outer returns the arguments that decl gets from its type, its package and
// orchestrall.yaml, the nearest first.
func (r *reader) outer(f *pkgFile, decl *ast.FuncDecl) (args []argument, selected bool, ds []Diagnostic) {
	if sel, ok := r.p.selection(f, decl); ok {
		ruleArgs, bad := splitArguments(sel.Directive, sel.Pos)
		args, selected, ds = ruleArgs, true, bad
	}
	if f.isTest() {
		return args, selected, ds
	}
	if r.pkg != nil && exported(decl) && (r.p.takesContext(f, decl) || r.p.returnsError(f, decl)) && f.packageName() == r.pkg.file.packageName() {
		if r.pkg.ignore {
			return nil, false, nil
		}
		if r.pkg.trace {
			r.pkg.used = true
			args, selected = merge(r.pkg.args, args), true
		}
	} else if r.pkg != nil && r.pkg.ignore {
		return nil, false, nil
	}
	if l := r.types[f.packageName()+"."+receiverType(decl)]; l != nil && decl.Recv != nil {
		if l.ignore {
			return nil, false, nil
		}
		if l.trace && decl.Name.IsExported() {
			l.used = true
			args, selected = merge(l.args, args), true
		}
	}
	return args, selected, ds
}

// merge returns inner and those arguments of outer whose key inner lacks.
func merge(inner, outer []argument) []argument {
	if len(outer) == 0 {
		return inner
	}
	all := slices.Clone(inner)
	for _, a := range outer {
		if a.key == "" && len(inner) > 0 && slices.ContainsFunc(inner, func(b argument) bool { return b.key == "" }) {
			continue
		}
		if a.key != "" && slices.ContainsFunc(inner, func(b argument) bool { return b.key == a.key }) {
			continue
		}
		all = append(all, a)
	}
	return all
}

// mainDirective returns the //orchestrall:main above decl.
func (f *pkgFile) mainDirective(decl *ast.FuncDecl) *comment {
	for _, c := range f.comments {
		if c.verb == verbMain && f.within(decl.Doc, c) {
			c.done = true
			return c
		}
	}
	return nil
}

func (r *reader) weave(f *pkgFile, decl *ast.FuncDecl, at *comment) []Diagnostic {
	if f.packageName() != "main" || decl.Name.Name != "main" || decl.Recv != nil || decl.Body == nil {
		return []Diagnostic{errorf(at.pos, "misplaced-directive", "put it above func main of package main", "//orchestrall:main stands above %s", decl.Name.Name)}
	}
	r.mains = append(r.mains, mainFunc{file: f, decl: decl, asked: true})
	return nil
}

// stray reports the directives that no declaration took.
func (f *pkgFile) stray() []Diagnostic {
	var ds []Diagnostic
	for _, c := range f.comments {
		if c.done {
			continue
		}
		where, fix := f.place(c)
		ds = append(ds, errorf(c.pos, "misplaced-directive", fix, "//orchestrall:%s %s", c.verb, where))
	}
	return ds
}

// place tells where a directive stands that applies to nothing.
func (f *pkgFile) place(c *comment) (where, fix string) {
	fix = "put it directly above a function, a method, a type or the package clause"
	for _, decl := range f.tree.Decls {
		start, end := f.offset(decl.Pos()), f.offset(decl.End())
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if start <= c.pos.Offset && c.pos.Offset < end {
				return "stands inside " + decl.Name.Name, "put it above the function; a function literal can't be instrumented"
			}
		case *ast.GenDecl:
			if f.within(decl.Doc, c) || start <= c.pos.Offset && c.pos.Offset < end {
				if decl.Tok == token.TYPE {
					return "stands inside a type declaration", fix
				}
				return "stands on the declaration of " + map[token.Token]string{token.IMPORT: "an import", token.VAR: "a variable", token.CONST: "a constant"}[decl.Tok] + ", not on a function", fix
			}
		}
		if start > c.pos.Offset {
			if fn, ok := decl.(*ast.FuncDecl); ok {
				return "no longer sits on a function: " + fn.Name.Name + " does not follow directly", "remove the lines between them"
			}
			break
		}
	}
	return "sits on nothing", fix
}

// refusedPackage tells why no function of a package may be instrumented: the
// runtime calls it, so it would call itself.
func refusedPackage(importPath string) string {
	for _, prefix := range []string{
		"github.com/orchestrall/orchestrall/runtime", "go.opentelemetry.io/otel", "go.opentelemetry.io/contrib/exporters",
		"go.opentelemetry.io/proto", "github.com/prometheus/client_golang", "github.com/prometheus/client_model",
		"github.com/prometheus/common", "google.golang.org/protobuf", "google.golang.org/grpc",
		"github.com/beorn7/perks/quantile", "github.com/cespare/xxhash", "github.com/go-logr", "github.com/munnerz/goautoneg",
		"github.com/prometheus/procfs", "go.opentelemetry.io/auto/sdk", "go.yaml.in/yaml/v2", "golang.org/x/sys",
	} {
		if importPath == prefix || strings.HasPrefix(importPath, prefix+"/") {
			return "package " + importPath + " is refused: the runtime itself depends on it"
		}
	}
	return ""
}
