package weave

import (
	"fmt"
	"go/ast"
	"go/types"
	"strings"

	"github.com/orchestrall/orchestrall/internal/hooks"
)

// parent returns the innermost parent that is no parenthesis and no type
// argument list around e, with e as it stands in it.
func (w *weaver) parent(e ast.Expr) (parent ast.Node, child ast.Expr) {
	child = e
	for i := len(w.parents) - 1; i >= 0; i-- {
		switch p := w.parents[i].(type) {
		case *ast.ParenExpr:
			child = p
			continue
		case *ast.IndexExpr:
			if p.X == child {
				child = p
				continue
			}
		case *ast.IndexListExpr:
			if p.X == child {
				child = p
				continue
			}
		}
		return w.parents[i], child
	}
	return nil, child
}

// callOf returns the call whose function e is, and nil when e is a value.
func (w *weaver) callOf(e ast.Expr) *ast.CallExpr {
	parent, child := w.parent(e)
	if call, ok := parent.(*ast.CallExpr); ok && call.Fun == child {
		return call
	}
	return nil
}

// runsLater reports whether call is that of a go or defer statement.
func (w *weaver) runsLater(call *ast.CallExpr) bool {
	for i := len(w.parents) - 1; i > 0; i-- {
		if w.parents[i] != ast.Node(call) {
			continue
		}
		switch w.parents[i-1].(type) {
		case *ast.GoStmt, *ast.DeferStmt:
			return true
		}
	}
	return false
}

// qualified weaves pkg.Func.
func (w *weaver) qualified(sel *ast.SelectorExpr, pkg *ast.Ident) {
	obj := w.pkg.Info.Uses[sel.Sel]
	if h := w.find(hooks.Function, obj); h != nil {
		if !w.functionContext(h, sel) {
			return
		}
		w.handled[pkg] = true
		w.dropUse(pkg)
		name := w.use(h)
		at := strings.IndexByte(name, '.')
		w.replace(pkg.Pos(), pkg.End(), name[:at])
		if name[at+1:] != sel.Sel.Name {
			w.replace(sel.Sel.Pos(), sel.Sel.End(), name[at+1:])
		}
		w.match(h, sel.Pos())
		return
	}
	if h := w.find(hooks.Result, obj); h != nil {
		w.wrapResults(h, sel, obj.(*types.Func))
		return
	}
	if h := w.find(hooks.Goroutine, obj); h != nil && w.detached(h, sel, pkg) {
		return
	}
	w.fromParameter(sel, pkg, obj)
}

// bare weaves a function that the file names without its package: through a
// dot import, or of the package itself.
func (w *weaver) bare(id *ast.Ident) {
	obj := w.pkg.Info.Uses[id]
	if _, ok := obj.(*types.Func); !ok {
		return
	}
	if h := w.find(hooks.Function, obj); h != nil {
		if !w.functionContext(h, id) {
			return
		}
		if obj.Pkg() != w.pkg.Types {
			w.dropDotUse(id, obj.Pkg())
		}
		w.replace(id.Pos(), id.End(), w.use(h))
		w.match(h, id.Pos())
		return
	}
	if h := w.find(hooks.Result, obj); h != nil {
		w.wrapResults(h, id, obj.(*types.Func))
	}
}

// selection weaves x.Method and (*T).Method.
func (w *weaver) selection(sel *ast.SelectorExpr, s *types.Selection) {
	fn, ok := s.Obj().(*types.Func)
	if !ok {
		return
	}
	h := w.find(hooks.Method, fn)
	if h == nil {
		if h, operator := w.implementation(fn, s); h != nil {
			w.interfaceMethod(h, operator, sel, s)
			return
		}
		if h := w.throughInterface(fn); h != nil {
			w.dynamic(h, sel, s)
			return
		}
	}
	switch {
	case h == nil:
		if h := w.find(hooks.Result, fn); h != nil && s.Kind() == types.MethodVal {
			w.wrapResults(h, sel, fn)
		}
	case s.Kind() == types.MethodExpr:
		w.methodExpr(h, sel, s)
	case s.Kind() == types.MethodVal:
		w.method(h, sel, s)
	}
}

// methodExpr replaces (*T).Method by the hook's function, which has the same
// type.
func (w *weaver) methodExpr(h *Hook, sel *ast.SelectorExpr, s *types.Selection) {
	if h.Point.Context != hooks.Nobody {
		w.note(h, sel.Pos(), "a function value, whose callers may have any context")
		return
	}
	recv := h.fn.Signature().Params().At(0).Type()
	_, wants := types.Unalias(recv).(*types.Pointer)
	_, has := types.Unalias(s.Recv()).(*types.Pointer)
	if len(s.Index()) != 1 || wants != has || w.lines(sel.Pos(), sel.End()) != "" {
		w.note(h, sel.Pos(), "a method expression of another type than the method's own")
		return
	}
	w.dropUses(sel.X)
	name := w.use(h)
	if named := typeArguments(s.Recv()); named != nil && named.TypeArgs().Len() > 0 {
		args, ok := w.spellAll(named.TypeArgs(), sel.Pos())
		if !ok {
			w.note(h, sel.Pos(), "a type argument that cannot be named here")
			return
		}
		name += "[" + strings.Join(args, ", ") + "]"
	}
	w.replace(sel.Pos(), sel.End(), name)
	w.match(h, sel.Pos())
}

func typeArguments(t types.Type) *types.Named {
	t = types.Unalias(t)
	if p, ok := t.(*types.Pointer); ok {
		t = types.Unalias(p.Elem())
	}
	named, _ := t.(*types.Named)
	return named
}

// method weaves x.Method, called or not.
func (w *weaver) method(h *Hook, sel *ast.SelectorExpr, s *types.Selection) {
	operator, path, of, reason := w.receiver(h, s)
	if reason != "" {
		w.note(h, sel.Pos(), "%s", reason)
		return
	}
	open, closing := operator, path
	if operator != "" {
		open, closing = operator+"(", path+")"
	}
	w.methodCall(h, sel, s, open, closing, of)
}

// methodCall weaves x.Method for a hook's function that takes a receiver of type
// recv, which stands between open and closing.
func (w *weaver) methodCall(h *Hook, sel *ast.SelectorExpr, s *types.Selection, open, closing string, recv types.Type) {
	call := w.callOf(sel)
	// A go or defer statement panics itself when the interface is nil, as a
	// method value does.
	later := call != nil && h.Point.Context == hooks.Nobody && types.IsInterface(recv) && w.runsLater(call)
	if call == nil || later || spread(w.pkg.Info, call) || call.Fun != ast.Expr(sel) {
		if h.Point.Context != hooks.Nobody {
			w.note(h, sel.Pos(), "a function value, or one that takes several results, whose callers may have any context")
			return
		}
		w.methodValue(h, sel, s, open, closing, recv)
		return
	}
	if h.Point.Context != hooks.Nobody {
		ctx, ok := w.callerContext(h, call)
		if !ok {
			return
		}
		open = ctx + ", " + open
	}
	lines := w.lines(sel.X.End(), call.Lparen)
	closing += tail(len(call.Args) > 0, lines)
	w.insert(sel.X.Pos(), w.use(h)+"("+open)
	w.replace(sel.X.End(), call.Lparen+1, closing)
	w.match(h, sel.Pos())
}

// tail is what stands between the first argument and those behind it.
func tail(more bool, lines string) string {
	if more || lines != "" {
		return ", " + lines
	}
	return ""
}

// methodValue replaces x.Method by a function over the receiver, which is
// evaluated once and at the same time.
func (w *weaver) methodValue(h *Hook, sel *ast.SelectorExpr, s *types.Selection, open, closing string, of types.Type) {
	sig, ok := s.Type().(*types.Signature)
	var recv, outer, inner, args, check string
	if ok {
		outer, inner, args, ok = w.function(sig, sel.Pos())
	}
	switch {
	case !ok:
	case h.through != nil:
		recv = "interface{ " + sel.Sel.Name + outer + " }"
	default:
		recv, ok = w.spell(of, sel.Pos())
	}
	if types.IsInterface(of) {
		check = "_ = r." + sel.Sel.Name + "; "
	}
	if !ok {
		w.note(h, sel.Pos(), "a method value whose type cannot be written here")
		return
	}
	if args != "" {
		args = ", " + args
	}
	text := fmt.Sprintf("(func(r %s) func%s { %sreturn func%s { %s%s(r%s) } }(%s", recv, outer, check, inner, returns(sig), w.use(h), args, open)
	w.insert(sel.X.Pos(), text)
	lines := w.lines(sel.X.End(), sel.End())
	if lines != "" {
		lines = "," + lines
	}
	w.replace(sel.X.End(), sel.End(), closing+lines+"))")
	w.match(h, sel.Pos())
}

func returns(sig *types.Signature) string {
	if sig.Results().Len() == 0 {
		return ""
	}
	return "return "
}

// receiver returns what leads from the expression before the method to the
// receiver that the hook's function takes, an operator and the path to an
// embedded field, and the type of that receiver.
func (w *weaver) receiver(h *Hook, s *types.Selection) (operator, path string, of types.Type, reason string) {
	path, of, reason = w.embedded(s)
	if reason != "" {
		return "", "", nil, reason
	}
	if _, ok := types.Unalias(of).(*types.TypeParam); ok {
		return "", "", nil, "a method of a type parameter"
	}
	p, has := types.Unalias(of).(*types.Pointer)
	switch wants := h.Point.Target.Pointer; {
	case wants && !has:
		return "&", path, types.NewPointer(of), ""
	case !wants && has:
		return "*", path, p.Elem(), ""
	}
	return "", path, of, ""
}

// embedded returns the path from a value to the embedded field that has the
// method, "" for the value itself, and the type of what is there.
func (w *weaver) embedded(s *types.Selection) (path string, of types.Type, reason string) {
	of = s.Recv()
	index := s.Index()
	for _, i := range index[:len(index)-1] {
		of = types.Unalias(of)
		if p, ok := of.Underlying().(*types.Pointer); ok {
			of = p.Elem()
		}
		st, ok := of.Underlying().(*types.Struct)
		if !ok {
			return "", nil, "a promoted method whose field cannot be found"
		}
		f := st.Field(i)
		if !f.Exported() && f.Pkg() != w.pkg.Types {
			return "", nil, fmt.Sprintf("the method is promoted from the field %s, which only %s can name", f.Name(), f.Pkg().Path())
		}
		path += "." + f.Name()
		of = f.Type()
	}
	return path, of, ""
}

// spread reports whether the only argument of call is a call with several
// results.
func spread(info *types.Info, call *ast.CallExpr) bool {
	if len(call.Args) != 1 {
		return false
	}
	tuple, ok := info.Types[call.Args[0]].Type.(*types.Tuple)
	return ok && tuple.Len() > 1
}

// wrapResults wraps the results of a call, or makes a function that does of a
// value.
func (w *weaver) wrapResults(h *Hook, e ast.Expr, fn *types.Func) {
	call := w.callOf(e)
	if call != nil {
		if w.runsLater(call) {
			w.note(h, e.Pos(), "nobody takes the results of a go or defer statement")
			return
		}
		w.insert(call.Pos(), w.use(h)+"(")
		w.insert(call.End(), ")")
		w.match(h, e.Pos())
		return
	}
	sig, ok := w.pkg.Info.TypeOf(e).(*types.Signature)
	if !ok || sig.TypeParams().Len() > 0 || fn.Signature().TypeParams().Len() > 0 || fn.Signature().Recv() != nil {
		w.note(h, e.Pos(), "a value of a method or of a generic function")
		return
	}
	_, inner, args, ok := w.function(sig, e.Pos())
	if !ok {
		w.note(h, e.Pos(), "a function value whose type cannot be written here")
		return
	}
	w.insert(e.Pos(), fmt.Sprintf("(func%s { return %s(", inner, w.use(h)))
	w.insert(e.End(), fmt.Sprintf("(%s)) })", args))
	w.match(h, e.Pos())
}

// literal wraps a field of a composite literal.
func (w *weaver) literal(lit *ast.CompositeLit) {
	if w.hooks[hooks.Literal] == nil {
		return
	}
	named := typeArguments(w.pkg.Info.TypeOf(lit))
	if named == nil {
		return
	}
	s, ok := SymbolOf(named.Origin().Obj())
	if !ok {
		return
	}
	for _, h := range w.hooks[hooks.Literal][s] {
		w.field(h, lit, named)
	}
}

// wrapper is how the file names the hook's function for a literal of that
// type. Its type arguments cannot be inferred from every value.
func (w *weaver) wrapper(h *Hook, lit *ast.CompositeLit, named *types.Named) (string, bool) {
	name := w.use(h)
	if named.TypeArgs().Len() == 0 {
		return name, true
	}
	args, ok := w.spellAll(named.TypeArgs(), lit.Pos())
	if !ok {
		w.note(h, lit.Pos(), "a type argument that cannot be named here")
	}
	return name + "[" + strings.Join(args, ", ") + "]", ok
}

func (w *weaver) field(h *Hook, lit *ast.CompositeLit, named *types.Named) {
	for _, elt := range lit.Elts {
		kv, ok := elt.(*ast.KeyValueExpr)
		if !ok {
			w.note(h, lit.Pos(), "a literal without the names of its fields")
			return
		}
		if id, ok := kv.Key.(*ast.Ident); ok && id.Name == h.Point.Field {
			if name, ok := w.wrapper(h, lit, named); ok {
				w.insert(kv.Value.Pos(), name+"(")
				w.insert(kv.Value.End(), ")")
				w.match(h, lit.Pos())
			}
			return
		}
	}
	if !h.Point.Absent {
		return
	}
	if w.hidesNil(lit.Pos()) {
		w.note(h, lit.Pos(), "nil means something else here")
		return
	}
	if name, ok := w.wrapper(h, lit, named); ok {
		w.insert(lit.Lbrace+1, fmt.Sprintf("%s: %s(nil), ", h.Point.Field, name))
		w.match(h, lit.Pos())
	}
}

// entry runs the hook's function where a function begins.
func (w *weaver) entry(decl *ast.FuncDecl) {
	if w.hooks[hooks.Entry] == nil || decl.Body == nil {
		return
	}
	h := w.find(hooks.Entry, w.pkg.Info.Defs[decl.Name])
	if h == nil {
		return
	}
	if decl.Doc != nil {
		for _, c := range decl.Doc.List {
			if strings.HasPrefix(c.Text, "//go:nosplit") {
				w.note(h, decl.Name.Pos(), "the function is //go:nosplit")
				return
			}
		}
	}
	var args []string
	for _, list := range []*ast.FieldList{decl.Recv, decl.Type.Params} {
		if list == nil {
			continue
		}
		for _, f := range list.List {
			if len(f.Names) == 0 {
				args = append(args, "")
			}
			for _, name := range f.Names {
				args = append(args, name.Name)
			}
		}
	}
	args = args[:min(h.params, len(args))]
	for i, a := range args {
		if a == "" || a == "_" {
			w.note(h, decl.Name.Pos(), "parameter %d has no name", i+1)
			return
		}
	}
	text := fmt.Sprintf("%s(%s)", w.use(h), strings.Join(args, ", "))
	if !h.calls {
		text = "defer " + text + "()"
	}
	w.insert(decl.Body.Lbrace+1, " "+text+";")
	w.match(h, decl.Name.Pos())
}
