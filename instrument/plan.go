package instrument

import (
	"bytes"
	"go/ast"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orchestrall/orchestrall/internal/config"
	"github.com/orchestrall/orchestrall/templates"
)

// A Plan says what every function of a package gets. It is made before
// anything is edited; both layouts render the same plan.
type Plan struct {
	pkg   *Package
	opt   Options
	m     *model
	funcs []*function
	mains []mainFunc
	// selects: a rule of orchestrall.yaml may select functions of the package.
	selects bool
}

// A mainFunc is a func main that starts the SDK. A package has several when
// build constraints choose among them.
type mainFunc struct {
	file  *pkgFile
	decl  *ast.FuncDecl
	asked bool // by //orchestrall:main, which holds for every layout
}

// An Operation is one instrumented function as lists and catalogs show it.
type Operation struct {
	Name       string        `json:"name"`
	SpanName   string        `json:"spanName"` // with {expr} as it was written
	Kind       string        `json:"kind"`
	Metric     string        `json:"metric"` // "off" = none
	Labels     []string      `json:"labels,omitempty"`
	Attributes []string      `json:"attributes,omitempty"`
	Carried    []string      `json:"carried,omitempty"`
	Log        string        `json:"log,omitempty"`
	Slow       time.Duration `json:"slow,omitempty"` // nanoseconds
	Hang       time.Duration `json:"hang,omitempty"`
	Min        time.Duration `json:"min,omitempty"`
	Sample     string        `json:"sample,omitempty"`
	SLO        string        `json:"slo,omitempty"`
	Package    string        `json:"package"`
	Function   string        `json:"function"` // as runtime.Func names it
	File       string        `json:"file"`     // relative to the module, with slashes
	Line       int           `json:"line"`
	Context    bool          `json:"context"` // false: every call is a root span
}

// NewPlan reads the directives of pkg. When a diagnostic is an [Error] the
// plan is incomplete and nothing must be written.
func NewPlan(pkg *Package, opt Options) (*Plan, []Diagnostic) {
	p := &Plan{pkg: pkg, opt: opt, m: newModel(pkg.Files)}
	ds := p.read()
	ds = append(ds, p.m.ds...)
	ds = p.onDisk(ds)
	SortDiagnostics(ds)
	return p, slices.CompactFunc(ds, func(a, b Diagnostic) bool { return a == b })
}

func (p *Plan) read() []Diagnostic {
	var files []*pkgFile
	p.selects = p.opt.Config.SelectsIn(p.pkg.ImportPath, p.pkg.Dir)
	whole := p.selects
	for _, f := range p.pkg.Files {
		if p.selects || HasDirective(f.Src) || hasMarker(f.Src) {
			pf := p.m.file(f)
			if pf == nil {
				continue
			}
			files = append(files, pf)
			whole = whole || pf.wide()
		}
	}
	if whole {
		files = files[:0]
		for _, f := range p.pkg.Files {
			if pf := p.m.file(f); pf != nil {
				files = append(files, pf)
			}
		}
	}
	r := newReader(p, files)
	ds := r.readAll()
	p.funcs = r.funcs
	if len(p.funcs) > 0 {
		ds = append(ds, p.reservedDecls()...)
	}
	p.nameOperations()
	p.mains = r.mains
	if p.opt.Bootstrap {
		p.findMains()
	}
	return ds
}

// reservedDecls finds declarations of the package that could collide with
// those of the generated file. It parses only files that hold such a name.
func (p *Plan) reservedDecls() []Diagnostic {
	var ds []Diagnostic
	for _, f := range p.pkg.Files {
		if !holdsReserved(f.Src) {
			continue
		}
		pf := p.m.file(f)
		if pf == nil {
			continue
		}
		for _, decl := range pf.tree.Decls {
			for _, id := range declared(decl) {
				if strings.HasPrefix(id.Name, reserved+"_") || templates.Declares(id.Name) {
					ds = append(ds, errorf(pf.pos(id.Pos()), "reserved-name", "rename it", "the name %s is the tool's", id.Name))
				}
			}
		}
	}
	return ds
}

// holdsReserved reports whether a name that the tool may give stands in src.
func holdsReserved(src []byte) bool {
	for {
		at := bytes.Index(src, []byte(reserved))
		if at < 0 || at+len(reserved) == len(src) {
			return false
		}
		src = src[at+len(reserved):]
		if c := src[0]; c == '_' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' {
			return true
		}
	}
}

// declared returns the names that decl puts into the package's scope.
func declared(decl ast.Decl) []*ast.Ident {
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		if decl.Recv == nil {
			return []*ast.Ident{decl.Name}
		}
	case *ast.GenDecl:
		var names []*ast.Ident
		for _, spec := range decl.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				names = append(names, spec.Name)
			case *ast.ValueSpec:
				names = append(names, spec.Names...)
			}
		}
		return names
	}
	return nil
}

// findMains adds the func main of every file of a package main.
func (p *Plan) findMains() {
	for _, f := range p.pkg.Files {
		if strings.HasSuffix(f.Path, "_test.go") {
			continue
		}
		pf := p.m.file(f)
		if pf == nil || pf.packageName() != "main" || pf.condition().ignored() {
			continue
		}
		decl := pf.mainFunc()
		if decl != nil && !slices.ContainsFunc(p.mains, func(m mainFunc) bool { return m.decl == decl }) {
			p.mains = append(p.mains, mainFunc{file: pf, decl: decl})
		}
	}
}

// mainFunc returns func main of the file.
func (f *pkgFile) mainFunc() *ast.FuncDecl {
	for _, decl := range f.tree.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "main" && fn.Body != nil {
			return fn
		}
	}
	return nil
}

// wide reports whether a directive of the file reaches beyond it: one on the
// package clause or on a type.
func (f *pkgFile) wide() bool {
	for _, c := range f.comments {
		if (c.verb == verbTrace || c.verb == verbIgnore) && !f.aboveFunc(c) {
			return true
		}
	}
	return false
}

func (f *pkgFile) aboveFunc(c *comment) bool {
	for _, decl := range f.tree.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && f.within(fn.Doc, c) {
			return true
		}
	}
	return false
}

func (f *pkgFile) within(group *ast.CommentGroup, c *comment) bool {
	return group != nil && f.offset(group.Pos()) <= c.pos.Offset && c.pos.Offset < f.offset(group.End())
}

// nameOperations gives every function its variable. The same function under
// several build constraints shares one.
func (p *Plan) nameOperations() {
	type owner struct {
		recv, name string
		test       string
	}
	taken := make(map[string]owner)
	for _, fn := range p.funcs {
		o := owner{receiverType(fn.decl), fn.decl.Name.Name, ""}
		base := "orchestrall_" + fn.decl.Name.Name
		if o.recv != "" {
			base = "orchestrall_" + o.recv + "_" + fn.decl.Name.Name
		}
		many := o.recv == "" && (o.name == "init" || o.name == "_")
		for n := 1; ; n++ {
			name := base
			if n > 1 {
				name = base + "_" + strconv.Itoa(n)
			}
			key := fn.file.packageName() + "." + name
			if have, used := taken[key]; used && (have != o || many) {
				continue
			}
			taken[key] = o
			fn.opVar = name
			break
		}
	}
}

// onDisk moves diagnostics of files that were stripped in memory to the lines
// that the user sees.
func (p *Plan) onDisk(ds []Diagnostic) []Diagnostic {
	for i := range ds {
		ds[i].Pos = p.diskPosition(ds[i].Pos)
	}
	return ds
}

func (f *pkgFile) diskLine(line int) int {
	if line > 0 && line < len(f.lines) {
		return f.lines[line]
	}
	return line
}

// Empty reports whether the plan changes nothing.
func (p *Plan) Empty() bool { return len(p.funcs) == 0 && len(p.mains) == 0 }

// Operations returns what is instrumented, in the order of files and lines.
func (p *Plan) Operations() []Operation {
	ops := make([]Operation, 0, len(p.funcs))
	for _, fn := range p.funcs {
		ops = append(ops, p.operation(fn))
	}
	return ops
}

func (p *Plan) operation(fn *function) Operation {
	d := fn.d
	op := Operation{
		Name: fn.name, SpanName: fn.name, Kind: d.kind, Metric: d.metric, Log: d.log, Slow: d.slow, Hang: d.hang, Min: d.min, Sample: d.sample, SLO: d.slo,
		Package: p.importPath(fn.file), Function: p.funcName(fn), Context: fn.ctx != "",
	}
	op.File, op.Line = p.place(fn)
	if d.spanName != "" {
		op.SpanName = d.spanName
	}
	if op.Metric == "" {
		op.Metric = family(d.kind)
	}
	for _, f := range d.fields {
		switch f.role {
		case roleLabel:
			op.Labels = append(op.Labels, f.key)
		case roleAttribute:
			op.Attributes = append(op.Attributes, f.key)
		case roleCarried:
			op.Carried = append(op.Carried, f.key)
		}
	}
	return op
}

// place returns where the compiler says that fn stands.
func (p *Plan) place(fn *function) (file string, line int) {
	pos := fn.file.fset.Position(fn.decl.Name.Pos())
	if pos.Filename == fn.file.Path {
		pos.Line = fn.file.diskLine(pos.Line)
	}
	return p.relative(pos.Filename), pos.Line
}

// importPath is the package's path, with _test for an external test package.
func (p *Plan) importPath(f *pkgFile) string {
	if f.isTest() && strings.HasSuffix(f.packageName(), "_test") {
		return p.pkg.ImportPath + "_test"
	}
	return p.pkg.ImportPath
}

// funcName is the function's name as runtime.Func gives it.
func (p *Plan) funcName(fn *function) string {
	path := p.importPath(fn.file)
	if fn.file.packageName() == "main" {
		path = "main"
	}
	recv := receiverType(fn.decl)
	if recv == "" {
		return path + "." + fn.decl.Name.Name
	}
	if _, pointer := ast.Unparen(fn.decl.Recv.List[0].Type).(*ast.StarExpr); pointer {
		recv = "(*" + recv + ")"
	}
	return path + "." + recv + "." + fn.decl.Name.Name
}

// relative returns path relative to the module, with slashes.
func (p *Plan) relative(path string) string {
	rel, err := filepath.Rel(p.pkg.ModuleDir, path)
	if err != nil || strings.HasPrefix(rel, "..") {
		return filepath.ToSlash(path)
	}
	return filepath.ToSlash(rel)
}

// selection asks orchestrall.yaml about a function.
func (p *Plan) selection(f *pkgFile, decl *ast.FuncDecl) (config.Selection, bool) {
	if !p.selects {
		return config.Selection{}, false
	}
	return p.opt.Config.Match(config.Function{
		ImportPath: p.pkg.ImportPath,
		Dir:        p.pkg.Dir,
		File:       filepath.Base(f.Path),
		Receiver:   receiverType(decl),
		Name:       decl.Name.Name,
		Exported:   exported(decl),
		Context:    p.takesContext(f, decl),
		Error:      p.returnsError(f, decl),
	})
}

func exported(decl *ast.FuncDecl) bool {
	if recv := receiverType(decl); recv != "" && !token.IsExported(recv) {
		return false
	}
	return decl.Name.IsExported()
}

func (p *Plan) takesContext(f *pkgFile, decl *ast.FuncDecl) bool {
	return slices.ContainsFunc(slots(decl.Type.Params, noName, noName), func(s slot) bool {
		_, ok := carries(p.m, p.opt.Config, f, s.typ)
		return ok
	})
}

func (p *Plan) returnsError(f *pkgFile, decl *ast.FuncDecl) bool {
	fn := &function{file: f, decl: decl}
	return fn.findError(p.m, slots(decl.Type.Results, noName, noName)) >= 0
}
