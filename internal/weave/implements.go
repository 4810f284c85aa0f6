package weave

import (
	"go/ast"
	"go/token"
	"go/types"

	"github.com/orchestrall/orchestrall/internal/hooks"
)

// implemented returns the signature of an interface's method with the interface
// that the point names as its receiver, also where the method stands in one that
// is embedded, and that interface. It returns nil for a generic one.
func (h *Hook) implemented(target *types.Package, sig *types.Signature) (*types.Signature, types.Type) {
	of := target.Scope().Lookup(h.Point.Target.Receiver).Type()
	if named, ok := types.Unalias(of).(*types.Named); !ok || named.TypeParams().Len() > 0 {
		return nil, nil
	}
	recv := types.NewVar(token.NoPos, nil, "", of)
	return types.NewSignatureType(recv, nil, nil, sig.Params(), sig.Results(), sig.Variadic()), of
}

// implementation returns the first hook for a method that a value has because
// its type implements an interface. What leads from the expression to the value
// is an operator: the method may be that of a pointer to the variable.
func (w *weaver) implementation(fn *types.Func, s *types.Selection) (h *Hook, operator string) {
	for _, h := range w.implements[fn.Name()] {
		of := h.target.Underlying().(*types.Interface)
		m, _, _ := types.LookupFieldOrMethod(h.target, false, fn.Pkg(), fn.Name())
		if m == nil || !types.Identical(m.Type(), fn.Type()) {
			continue
		}
		t := s.Recv()
		switch {
		case types.Implements(t, of):
			return h, ""
		case s.Kind() == types.MethodVal && !types.IsInterface(t) && types.Implements(types.NewPointer(t), of):
			return h, "&"
		}
	}
	return nil, ""
}

// interfaceMethod weaves x.Method where x implements the interface.
func (w *weaver) interfaceMethod(h *Hook, operator string, sel *ast.SelectorExpr, s *types.Selection) {
	if s.Kind() == types.MethodExpr {
		if types.Identical(s.Recv(), h.target) {
			w.methodExpr(h, sel, s)
		} else {
			w.note(h, sel.Pos(), "a method expression of a type that implements %s", brief(h.target))
		}
		return
	}
	open, closing := operator, ""
	if operator != "" {
		open, closing = operator+"(", ")"
	}
	w.methodCall(h, sel, s, open, closing, h.target)
}

// index puts a hook where the places that it means are looked up.
func (w *weaver) index(h *Hook) {
	switch p := h.Point; {
	case p.Kind == hooks.Import:
		w.imports = append(w.imports, h)
	case p.Kind == hooks.Parameter:
		w.parameters = append(w.parameters, h)
	case h.through != nil:
		w.interfaces[p.Target.Name] = append(w.interfaces[p.Target.Name], h)
	case p.Implements:
		w.implements[p.Target.Name] = append(w.implements[p.Target.Name], h)
	default:
		of := w.hooks[p.Kind]
		if of == nil {
			of = make(map[hooks.Symbol][]*Hook)
			w.hooks[p.Kind] = of
		}
		of[p.Target] = append(of[p.Target], h)
	}
}
