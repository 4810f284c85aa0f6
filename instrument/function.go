package instrument

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"strings"

	"github.com/orchestrall/orchestrall/internal/config"
	"github.com/orchestrall/orchestrall/rewrite"
	"github.com/orchestrall/orchestrall/templates"
)

// A function is one function that is going to be instrumented: its directive
// bound to its signature.
type function struct {
	file  *pkgFile
	decl  *ast.FuncDecl
	d     *Directive
	name  string // operation
	opVar string
	edits []rewrite.Edit // of the signature

	ctx    string // the parameter that carries the context, as the code names it
	ctxIn  string // the name the parameter itself gets when ctx becomes a variable of its own
	get    string // how to read and to replace the context, when ctx is no context
	set    string
	err    string // the result that carries the error
	errFit errorness
	stream string // the result that is a stream
	how    templates.Stream
	// yieldsErrors: the stream is an iter.Seq2 over values and errors.
	yieldsErrors bool
}

// A result is one result of a signature, or one parameter.
type slot struct {
	name *ast.Ident // nil when the signature has no names
	typ  ast.Expr
	code string // the name it has, or gets if anything needs it
}

// slots lists the names of a field list. unnamed(i) and blank(i) name those
// that have none.
func slots(list *ast.FieldList, unnamed, blank func(i int) string) []slot {
	if list == nil {
		return nil
	}
	var out []slot
	for _, field := range list.List {
		if len(field.Names) == 0 {
			out = append(out, slot{typ: field.Type, code: unnamed(len(out))})
			continue
		}
		for _, name := range field.Names {
			s := slot{name: name, typ: field.Type, code: name.Name}
			if name.Name == "_" {
				s.code = blank(len(out))
			}
			out = append(out, s)
		}
	}
	return out
}

// Names that the tool gives. [strip] turns those with the blank prefix into _
// again and takes the others away.
const (
	reserved   = "orchestrall"
	nameErr    = "orchestrallErr"
	nameResult = "orchestrallResult"
	nameParam  = "orchestrallParam"
	nameCtx    = "orchestrallCtx"
	nameBlank  = "orchestrallBlank"
	nameIn     = "orchestrallIn_" // and the user's own name
)

// bind fits the directive d to decl. The diagnostics of a function that can't
// be instrumented are errors, and the function is nil.
func bind(m *model, cfg *config.Config, f *pkgFile, decl *ast.FuncDecl, d *Directive) (*function, []Diagnostic) {
	if ds := refuse(f, decl); ds != nil {
		return nil, ds
	}
	fn := &function{file: f, decl: decl, d: d, name: d.name}
	if fn.name == "" {
		fn.name = operationName(f, decl)
	}
	params := slots(decl.Type.Params,
		func(i int) string { return fmt.Sprint(nameParam, i) },
		func(i int) string { return fmt.Sprint(nameBlank, "In", i) })
	results := slots(decl.Type.Results,
		func(i int) string { return fmt.Sprint(nameResult, i) },
		func(i int) string { return fmt.Sprint(nameBlank, i) })
	fn.findContext(m, cfg, params)
	errAt := fn.findError(m, results)
	streamAt := fn.findStream(m, results)

	sc := &scope{params: make(map[string]bool), results: make(map[string]string), m: m, f: f}
	for _, p := range slots(decl.Recv, noName, noName) {
		sc.params[p.code] = true
		if len(recvTypeParams(p.typ)) > 0 {
			sc.others = append(sc.others, recvTypeParams(p.typ)...)
		}
	}
	delete(sc.params, "")
	for _, p := range params {
		if p.name != nil && p.name.Name != "_" {
			sc.params[p.code] = true
		}
	}
	if tp := decl.Type.TypeParams; tp != nil {
		for _, field := range tp.List {
			for _, n := range field.Names {
				sc.others = append(sc.others, n.Name)
			}
		}
	}
	sc.nameResults(results, errAt)

	var ds []Diagnostic
	needed := make(map[int]bool)
	if errAt >= 0 {
		needed[errAt] = true
	}
	if streamAt >= 0 {
		needed[streamAt] = true
	}
	for i := range d.fields {
		fd := &d.fields[i]
		var bad []Diagnostic
		fd.code, fd.atEnd, bad = sc.bind(fd.expr)
		ds = append(ds, bad...)
		if fd.atEnd && fd.role == roleCarried {
			ds = append(ds, errorf(fd.expr.pos, "late-value", "use attr."+fd.key+" for a result", "ctx.%s reads a result, but it is carried from the start of the call", fd.key))
		}
		if fd.atEnd && fd.role == roleNamePart {
			ds = append(ds, errorf(fd.expr.pos, "late-value", "name it by parameters", "the span is named at the start of the call, before there is a result"))
		}
		if speaksItself(decl, fd.code) {
			ds = append(ds, errorf(fd.expr.pos, "endless", "record its parts", "%s is recorded as text, which %s gives: the call would start itself without end", fd.expr.text, decl.Name.Name))
		}
		for j, r := range results {
			needed[j] = needed[j] || fd.atEnd && mentions(fd.code, r.code)
		}
	}
	fn.addModel(params, results, errAt, streamAt, needed)
	for i := range d.ignore {
		ds = append(ds, sc.checkIgnore(d.ignore[i])...)
	}
	if len(d.ignore) > 0 && errAt < 0 && !fn.yieldsErrors {
		ds = append(ds, errorf(d.ignore[0].pos, "no-effect", "take it away", "ignore= has no effect: %s returns no error", fn.name))
	}
	if fn.stream != "" && m.index(f.packageName()).names["recover"] {
		ds = append(ds, errorf(f.pos(decl.Name.Pos()), "shadowed-builtin", "rename it", "package %s declares its own recover, which the end of a stream needs", f.packageName()))
	}
	fn.nameSlots(decl.Type.Results, results, needed)
	fn.keepOffHeap(params)
	return fn, ds
}

// speaksItself reports whether code is the receiver of a method that the
// runtime calls to record a value.
func speaksItself(decl *ast.FuncDecl, code string) bool {
	switch decl.Name.Name {
	case "String", "Error", "GoString", "Format", "LogValue", "MarshalText", "MarshalJSON":
	default:
		return false
	}
	recv := slots(decl.Recv, noName, noName)
	return len(recv) == 1 && recv[0].code != "" && strings.Trim(code, "&*() ") == recv[0].code
}

// keepOffHeap gives the parameter another name where a function literal
// captures the context, so that the user's name is a variable that is assigned
// once and captured by value.
func (fn *function) keepOffHeap(params []slot) {
	if fn.get != "" || !capturesUnchanged(fn.decl.Body, fn.ctx) {
		return
	}
	for _, f := range fn.d.fields {
		if mentions(f.code, fn.ctx) {
			return
		}
	}
	for _, p := range params {
		if p.name != nil && p.name.Name == fn.ctx {
			fn.ctxIn = nameIn + fn.ctx
			at := fn.file.offset(p.name.Pos())
			fn.edits = append(fn.edits, rewrite.Edit{Start: at, End: at + len(fn.ctx), Text: fn.ctxIn})
		}
	}
}

func noName(int) string { return "" }

// refuse tells why a function can't be instrumented.
func refuse(f *pkgFile, decl *ast.FuncDecl) []Diagnostic {
	pos := f.pos(decl.Name.Pos())
	if decl.Body == nil {
		return []Diagnostic{errorf(pos, "no-body", "put the directive on a caller written in Go", "%s has no body, so there is nothing to instrument", decl.Name.Name)}
	}
	if decl.Doc != nil {
		for _, c := range decl.Doc.List {
			word, _ := cutSpace(strings.TrimRight(c.Text, "\r"))
			switch word {
			case "//go:nosplit", "//go:systemstack", "//go:nowritebarrier", "//go:nowritebarrierrec", "//go:yeswritebarrierrec":
				return []Diagnostic{errorf(pos, "unsafe-function", "put the directive on a caller", "%s is marked %s, which leaves no room for a call", decl.Name.Name, word)}
			}
		}
	}
	return reservedNames(f, decl)
}

// reservedName reports whether the tool may give a name of that form.
func reservedName(name string) bool {
	rest, prefixed := strings.CutPrefix(name, reserved)
	return prefixed && rest != "" && (rest[0] == '_' || rest[0] >= 'A' && rest[0] <= 'Z')
}

// reservedNames finds names in decl that the inserted code could collide with.
func reservedNames(f *pkgFile, decl *ast.FuncDecl) (ds []Diagnostic) {
	var visit func(ast.Node) bool
	visit = func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			ast.Inspect(n.X, visit)
			return false
		case *ast.Ident:
			if reservedName(n.Name) {
				ds = append(ds, errorf(f.pos(n.Pos()), "reserved-name", "rename it", "the name %s is the tool's", n.Name))
			}
		}
		return true
	}
	if decl.Recv != nil {
		ast.Inspect(decl.Recv, visit)
	}
	ast.Inspect(decl.Type, visit)
	ast.Inspect(decl.Body, visit)
	return ds
}

// operationName is Type.Method for a method and package.Func for a function.
func operationName(f *pkgFile, decl *ast.FuncDecl) string {
	if recv := receiverType(decl); recv != "" {
		return recv + "." + decl.Name.Name
	}
	return f.packageName() + "." + decl.Name.Name
}

// findContext chooses the parameter that carries the context: the one named
// ctx, else the first.
func (fn *function) findContext(m *model, cfg *config.Config, params []slot) {
	at := -1
	var carrier config.Context
	for i, p := range params {
		how, ok := carries(m, cfg, fn.file, p.typ)
		if !ok {
			continue
		}
		named := p.name != nil && p.name.Name == "ctx"
		if at < 0 || named {
			at, carrier = i, how
		}
		if named {
			break
		}
	}
	if at < 0 {
		return
	}
	p := params[at]
	fn.ctx = p.code
	switch {
	case p.name == nil:
		fn.ctx = nameCtx
		for j, q := range params {
			name := q.code
			if j == at {
				name = nameCtx
			}
			fn.edits = append(fn.edits, rewrite.Insert(fn.file.offset(q.typ.Pos()), name+" "))
		}
	case p.name.Name == "_":
		start := fn.file.offset(p.name.Pos())
		fn.edits = append(fn.edits, rewrite.Edit{Start: start, End: start + 1, Text: p.code})
	}
	if carrier.Type != "" {
		fn.get, fn.set = carrier.GetExpr(fn.ctx), carrier.SetStmt(fn.ctx, templates.NewContext)
	}
}

// carries reports whether a parameter of that type carries a context, and how
// to reach it when the type is not context.Context itself.
func carries(m *model, cfg *config.Config, f *pkgFile, typ ast.Expr) (config.Context, bool) {
	if m.isContext(f, typ) {
		return config.Context{}, true
	}
	if name := m.typeName(f, typ); name != "" {
		return cfg.Context(name)
	}
	return config.Context{}, false
}

// mentions reports whether name stands in code as a word.
func mentions(code, name string) bool {
	x, err := parser.ParseExpr(code)
	if err != nil {
		return false
	}
	for id := range roots(x) {
		if id.Name == name {
			return true
		}
	}
	return false
}

// findError chooses the result that carries the error: the last one whose type
// implements error.
func (fn *function) findError(m *model, results []slot) int {
	for i := len(results) - 1; i >= 0; i-- {
		fit := m.errorness(fn.file, fn.decl.Type.TypeParams, results[i].typ, i == len(results)-1)
		if fit == noError {
			continue
		}
		if results[i].name == nil {
			results[i].code = nameErr
		}
		fn.err, fn.errFit = results[i].code, fit
		return i
	}
	return -1
}

// findStream finds a result that goes on after the function has returned.
func (fn *function) findStream(m *model, results []slot) int {
	for i, r := range results {
		how := templates.NoStream
		switch t := r.typ.(type) {
		case *ast.ChanType:
			if t.Dir == ast.RECV {
				how = templates.Chan
			}
		case *ast.IndexExpr:
			if sel, ok := t.X.(*ast.SelectorExpr); ok && m.qualified(fn.file, sel) == "iter.Seq" {
				how = templates.Seq
			}
		case *ast.IndexListExpr:
			if sel, ok := t.X.(*ast.SelectorExpr); ok && m.qualified(fn.file, sel) == "iter.Seq2" {
				how = templates.Seq2
				fn.yieldsErrors = m.errorness(fn.file, fn.decl.Type.TypeParams, t.Indices[len(t.Indices)-1], true) == certainlyThat
			}
		}
		if how != templates.NoStream {
			fn.stream, fn.how = r.code, how
			return i
		}
	}
	return -1
}

// nameResults fills in how an EXPR can name the results.
func (s *scope) nameResults(results []slot, errAt int) {
	first := true
	for i, r := range results {
		if r.name != nil {
			if r.name.Name != "_" {
				s.results[r.name.Name] = r.code
			}
			continue
		}
		alias := func(name string) {
			if !s.params[name] {
				s.results[name] = r.code
			}
		}
		alias(fmt.Sprint("result", i))
		if i == errAt {
			alias("err")
		} else if first {
			alias("result")
			first = false
		}
	}
}

// checkIgnore checks that an error of ignore= can be named where the
// operations are registered.
func (s *scope) checkIgnore(src source) []Diagnostic {
	pkg, _, qualified := strings.Cut(src.text, ".")
	if !qualified {
		if s.m.index(s.f.packageName()).names[src.text] {
			return nil
		}
		return []Diagnostic{errorf(src.pos, "unknown-name", "declare it in this package or qualify it", "%s is not declared in package %s", src.text, s.f.packageName())}
	}
	if _, ok := s.f.importPath(pkg); ok {
		return nil
	}
	if _, ok := ignorable[pkg]; ok {
		return nil
	}
	return []Diagnostic{errorf(src.pos, "unknown-name", "import it in this file", "package %s is not imported here", pkg)}
}

// ignorable are the packages whose errors can be named without an import in
// the user's file; all of them belong to what the runtime is built from.
var ignorable = map[string]string{
	"context": "context", "io": "io", "os": "os", "fs": "io/fs", "http": "net/http", "net": "net", "errors": "errors",
	"sql": "database/sql",
}

// nameSlots names the results that the code needs, and with them all others of
// a list without names.
func (fn *function) nameSlots(list *ast.FieldList, results []slot, needed map[int]bool) {
	any := false
	for i := range results {
		any = any || needed[i]
	}
	if !any {
		return
	}
	if results[0].name == nil {
		if !list.Opening.IsValid() {
			fn.edits = append(fn.edits, rewrite.Insert(fn.file.offset(list.Pos()), "("))
		}
		for _, r := range results {
			fn.edits = append(fn.edits, rewrite.Insert(fn.file.offset(r.typ.Pos()), r.code+" "))
		}
		if !list.Opening.IsValid() {
			fn.edits = append(fn.edits, rewrite.Insert(fn.file.offset(list.End()), ")"))
		}
		return
	}
	for i, r := range results {
		if needed[i] && r.name.Name == "_" {
			at := fn.file.offset(r.name.Pos())
			fn.edits = append(fn.edits, rewrite.Edit{Start: at, End: at + 1, Text: r.code})
		}
	}
}

// recvTypeParams returns the names in [A, B] of a receiver's type.
func recvTypeParams(x ast.Expr) []string {
	var list []ast.Expr
	switch x := x.(type) {
	case *ast.StarExpr:
		return recvTypeParams(x.X)
	case *ast.ParenExpr:
		return recvTypeParams(x.X)
	case *ast.IndexExpr:
		list = []ast.Expr{x.Index}
	case *ast.IndexListExpr:
		list = x.Indices
	}
	var names []string
	for _, e := range list {
		if id, ok := e.(*ast.Ident); ok {
			names = append(names, id.Name)
		}
	}
	return names
}

// prologue is what the function gets, with each EXPR as expr writes it.
func (fn *function) prologue(expr func(field) string) templates.Prologue {
	p := templates.Prologue{Op: fn.opVar, Ctx: fn.ctx, In: cmp.Or(fn.ctxIn, fn.ctx), Get: fn.get, Set: fn.set, Stream: fn.how, Result: fn.stream, Err: fn.err, MaybeError: fn.errFit == maybeError}
	for i, f := range fn.d.fields {
		c := templates.Case{Index: i, Expr: expr(f)}
		if f.atEnd {
			p.AtEnd = append(p.AtEnd, c)
		} else {
			p.AtStart = append(p.AtStart, c)
		}
	}
	return p
}
