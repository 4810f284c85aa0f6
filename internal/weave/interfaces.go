package weave

import (
	"fmt"
	"go/ast"
	"go/types"
	"slices"
	"strings"

	"github.com/orchestrall/orchestrall/internal/hooks"
)

// bindInterfaces returns the hook for calls of the point's method through
// interfaces, or why there can be none.
func (h *Hook) bindInterfaces(target *types.Package) (*Hook, string) {
	p := h.Point
	fn, ok := h.pkg.Scope().Lookup(p.Interfaces).(*types.Func)
	if !ok {
		return nil, fmt.Sprintf("%s has no function %s", h.pkg.Path(), p.Interfaces)
	}
	method := Lookup(target, p.Target).(*types.Func)
	sig, have := method.Signature(), fn.Signature()
	if sig.RecvTypeParams().Len() > 0 {
		return nil, fmt.Sprintf("%s is a method of a generic type, which interfaces: cannot be", p.Target)
	}
	at := 0
	if p.Context != hooks.Nobody {
		at = 1
	}
	if have.Params().Len() > at {
		recv := have.Params().At(at)
		want := types.NewSignatureType(nil, nil, nil, types.NewTuple(append([]*types.Var{recv}, slices.Collect(sig.Params().Variables())...)...), sig.Results(), sig.Variadic())
		if p.Context != hooks.Nobody {
			want = withContext(want, have)
		}
		if want != nil && have.TypeParams().Len() == 0 && types.Identical(have, want) && hasOnly(recv.Type(), method) {
			return &Hook{Library: h.Library, Point: p, Index: h.Index, pkg: h.pkg, fn: fn, through: method}, ""
		}
	}
	return nil, fmt.Sprintf("%s.%s is %s, which must take an interface{ %s%s } where the method has its receiver",
		h.pkg.Name(), p.Interfaces, brief(have), p.Target.Name, strings.TrimPrefix(brief(sig), "func"))
}

// hasOnly reports whether t is an interface with that method and no other.
func hasOnly(t types.Type, method *types.Func) bool {
	of, ok := t.Underlying().(*types.Interface)
	return ok && of.IsMethodSet() && of.NumMethods() == 1 && of.Method(0).Name() == method.Name() && types.Identical(of.Method(0).Type(), method.Type())
}

// throughInterface returns the first hook that means fn, the method of an
// interface.
func (w *weaver) throughInterface(fn *types.Func) *Hook {
	for _, h := range w.interfaces[fn.Name()] {
		if recv := fn.Signature().Recv(); recv != nil && types.IsInterface(recv.Type()) && types.Identical(fn.Type(), h.through.Type()) {
			return h
		}
	}
	return nil
}

// dynamic weaves x.Method where x is an interface or of a type parameter.
func (w *weaver) dynamic(h *Hook, sel *ast.SelectorExpr, s *types.Selection) {
	if s.Kind() == types.MethodExpr {
		w.dynamicExpr(h, sel, s)
		return
	}
	path, of, reason := w.embedded(s)
	if reason != "" {
		w.note(h, sel.Pos(), "%s", reason)
		return
	}
	w.methodCall(h, sel, s, "", path, of)
}

// dynamicExpr replaces Interface.Method by a function of the same type.
func (w *weaver) dynamicExpr(h *Hook, sel *ast.SelectorExpr, s *types.Selection) {
	sig, ok := s.Type().(*types.Signature)
	var inner, args string
	if ok && h.Point.Context == hooks.Nobody && len(s.Index()) == 1 && w.lines(sel.Pos(), sel.End()) == "" {
		_, inner, args, ok = w.function(sig, sel.Pos())
	} else {
		ok = false
	}
	if !ok {
		w.note(h, sel.Pos(), "a method expression whose type cannot be written here, or whose callers may have any context")
		return
	}
	w.dropUses(sel.X)
	w.replace(sel.Pos(), sel.End(), fmt.Sprintf("(func%s { %s%s(%s) })", inner, returns(sig), w.use(h), args))
	w.match(h, sel.Pos())
}

// dropUses counts the uses of imports in an expression that goes.
func (w *weaver) dropUses(x ast.Expr) {
	ast.Inspect(x, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			w.handled[id] = true
			w.dropUse(id)
		}
		return true
	})
}
