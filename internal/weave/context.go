package weave

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/orchestrall/orchestrall/internal/hooks"
)

// withContext is want with the context in front that have takes, and nil when
// have takes none.
func withContext(want, have *types.Signature) *types.Signature {
	if have.Params().Len() == 0 || !isNamed(have.Params().At(0).Type(), "context", "Context") {
		return nil
	}
	params := append([]*types.Var{have.Params().At(0)}, slices.Collect(want.Params().Variables())...)
	return types.NewSignatureType(nil, nil, slices.Collect(want.TypeParams().TypeParams()), types.NewTuple(params...), want.Results(), want.Variadic())
}

func isNamed(t types.Type, path, name string) bool {
	named, ok := types.Unalias(t).(*types.Named)
	return ok && named.Obj().Name() == name && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == path
}

func isRequest(t types.Type) bool {
	p, ok := types.Unalias(t).(*types.Pointer)
	return ok && isNamed(p.Elem(), "net/http", "Request")
}

// functionContext gives a call of a function the context that the hook's
// function takes. It reports whether the reference is to be replaced.
func (w *weaver) functionContext(h *Hook, fun ast.Expr) bool {
	if h.Point.Context == hooks.Nobody {
		return true
	}
	call := w.callOf(fun)
	if call == nil || spread(w.pkg.Info, call) {
		w.note(h, fun.Pos(), "a function value, or one that takes several results, whose callers may have any context")
		return false
	}
	ctx, ok := w.callerContext(h, call)
	if ok {
		w.insert(call.Lparen+1, ctx+", ")
	}
	return ok
}

// callerContext returns the innermost context that call can read, and nil, the
// word, where there is none and the hook does without.
func (w *weaver) callerContext(h *Hook, call *ast.CallExpr) (string, bool) {
	if text := w.contextAt(call.Pos()); text != "" {
		return text, true
	}
	if h.Point.Context == hooks.Carrying {
		return "", false
	}
	if w.hidesNil(call.Pos()) {
		w.note(h, call.Pos(), "nil means something else here")
		return "", false
	}
	return "nil", true
}

// hidesNil reports whether nil is a variable, or the like, at that place.
func (w *weaver) hidesNil(at token.Pos) bool { return w.hides("nil", at) }

// hides reports whether a name of the language means something else at that
// place.
func (w *weaver) hides(name string, at token.Pos) bool {
	scope := w.pkg.Types.Scope().Innermost(at)
	if scope == nil {
		return false
	}
	_, obj := scope.LookupParent(name, at)
	return obj != nil && obj.Parent() != types.Universe
}

// visibleAt reports whether the name of obj means obj at that place.
func (w *weaver) visibleAt(obj types.Object, at token.Pos) bool {
	scope := w.pkg.Types.Scope().Innermost(at)
	if scope == nil {
		return false
	}
	_, seen := scope.LookupParent(obj.Name(), at)
	return seen == obj
}

// contextAt writes the innermost context at that place; "" when there is none.
func (w *weaver) contextAt(at token.Pos) string {
	found, fallback := w.contextsAt(at)
	if found != "" {
		return found
	}
	return fallback
}

// contextsAt writes the innermost context at that place: a variable, or what a
// request, or another carrier, that the function was handed carries. One that is
// made from nothing is a fallback, behind the others of the same function.
func (w *weaver) contextsAt(at token.Pos) (found, fallback string) {
	function := w.enclosing()
	for scope := w.pkg.Types.Scope().Innermost(at); scope != nil && scope != w.pkg.Types.Scope() && scope != types.Universe; scope = scope.Parent() {
		if fallback != "" && !within(scope, function) {
			break
		}
		var contexts, requests, carriers []*types.Var
		for _, name := range scope.Names() {
			v, ok := scope.Lookup(name).(*types.Var)
			if !ok || name == "_" || v.Kind() == types.ResultVar || !w.visibleAt(v, at) {
				continue
			}
			switch t := v.Type(); {
			case isRequest(t):
				if v.Kind() == types.ParamVar && w.readable(v, at) {
					requests = append(requests, v)
				}
			case !isNamed(t, "context", "Context"):
				if v.Kind() == types.ParamVar && w.carries(t) && w.readable(v, at) && !w.literalBetween(w.bodyOf(v), at) {
					carriers = append(carriers, v)
				}
			case !w.readable(v, at):
			case !w.madeFromNothing(v):
				contexts = append(contexts, v)
			case fallback == "":
				fallback = v.Name()
			}
		}
		last := func(a, b *types.Var) int { return int(a.Pos() - b.Pos()) }
		if len(contexts) > 0 {
			return slices.MaxFunc(contexts, last).Name(), fallback
		}
		if len(requests) > 0 {
			return w.contextOf(slices.MaxFunc(requests, last)), fallback
		}
		if len(carriers) > 0 {
			if text := w.carried(slices.MaxFunc(carriers, last), at); text != "" {
				return text, fallback
			}
		}
	}
	return "", fallback
}

// enclosing returns the function that the current node stands in.
func (w *weaver) enclosing() ast.Node {
	for i := len(w.parents) - 1; i >= 0; i-- {
		switch f := w.parents[i].(type) {
		case *ast.FuncLit, *ast.FuncDecl:
			return f
		}
	}
	return nil
}

func within(scope *types.Scope, n ast.Node) bool {
	return n != nil && n.Pos() <= scope.Pos() && scope.End() <= n.End()
}

// madeFromNothing reports whether v is context.Background() or context.TODO()
// and stays so.
func (w *weaver) madeFromNothing(v *types.Var) bool {
	body := w.bodyOf(v)
	if body == nil || v.Kind() != types.LocalVar || w.changes(body, v) {
		return false
	}
	found := false
	is := func(id, value ast.Expr) {
		name, ok := id.(*ast.Ident)
		if !ok || w.pkg.Info.Defs[name] != types.Object(v) {
			return
		}
		call, ok := ast.Unparen(value).(*ast.CallExpr)
		if !ok {
			return
		}
		if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok {
			of, known := SymbolOf(w.pkg.Info.Uses[sel.Sel])
			found = known && (of == hooks.Symbol{Package: "context", Name: "Background"} || of == hooks.Symbol{Package: "context", Name: "TODO"})
		}
	}
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i := 0; n.Tok == token.DEFINE && len(n.Lhs) == len(n.Rhs) && i < len(n.Lhs); i++ {
				is(n.Lhs[i], n.Rhs[i])
			}
		case *ast.ValueSpec:
			for i := 0; len(n.Names) == len(n.Values) && i < len(n.Names); i++ {
				is(n.Names[i], n.Values[i])
			}
		}
		return !found
	})
	return found
}

// contextOf writes the context of a request, which may be nil.
func (w *weaver) contextOf(v *types.Var) string {
	request := types.Unalias(v.Type()).(*types.Pointer).Elem()
	pkg := types.Unalias(request).(*types.Named).Obj().Pkg()
	m, _, _ := types.LookupFieldOrMethod(v.Type(), false, pkg, "Context")
	fn, ok := m.(*types.Func)
	if !ok || fn.Signature().Results().Len() != 1 {
		return ""
	}
	named, ok := types.Unalias(fn.Signature().Results().At(0).Type()).(*types.Named)
	if !ok {
		return ""
	}
	ctx := w.alias("orchestralltype_", named.Obj().Pkg())
	return fmt.Sprintf("func(r *%s.Request) (c %s.Context) { var none *%[1]s.Request; c = %[2]s.Background(); if r != none { c = r.Context() }; return }(%s)",
		w.alias("orchestralltype_", pkg), ctx, v.Name())
}

// readable reports whether code at that place can read v without meeting a
// write of another goroutine that is not the program's own mistake: what a
// function literal reads must not change, and what is changed by one, or
// through a pointer, may change at any time.
func (w *weaver) readable(v *types.Var, at token.Pos) bool {
	body := w.bodyOf(v)
	if body == nil {
		return false
	}
	captured := w.literalBetween(body, at)
	if captured && w.changes(body, v) {
		return false
	}
	elsewhere := false
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			elsewhere = elsewhere || w.changes(n.Body, v)
			return false
		case *ast.UnaryExpr:
			if id, ok := ast.Unparen(n.X).(*ast.Ident); ok && n.Op == token.AND && w.pkg.Info.Uses[id] == types.Object(v) {
				elsewhere = true
			}
		}
		return !elsewhere
	})
	return !elsewhere
}

// bodyOf returns the body of the function that declares v, among those around
// the current node.
func (w *weaver) bodyOf(v *types.Var) *ast.BlockStmt {
	for i := len(w.parents) - 1; i >= 0; i-- {
		switch f := w.parents[i].(type) {
		case *ast.FuncLit:
			if f.Pos() <= v.Pos() && v.Pos() < f.End() {
				return f.Body
			}
		case *ast.FuncDecl:
			if f.Pos() <= v.Pos() && v.Pos() < f.End() {
				return f.Body
			}
		}
	}
	return nil
}

// literalBetween reports whether the current node stands in a function literal
// inside of body.
func (w *weaver) literalBetween(body *ast.BlockStmt, at token.Pos) bool {
	for i := len(w.parents) - 1; i >= 0; i-- {
		if f, ok := w.parents[i].(*ast.FuncLit); ok {
			return f.Body != body && body.Pos() <= f.Pos() && at < body.End()
		}
	}
	return false
}
