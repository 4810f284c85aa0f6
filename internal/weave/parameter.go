package weave

import (
	"fmt"
	"go/ast"
	"go/types"
)

// bindParameter returns why the hook's function makes no context of the type.
func (h *Hook) bindParameter(obj types.Object, have *types.Signature) string {
	p := h.Point
	name, ok := obj.(*types.TypeName)
	if !ok {
		return fmt.Sprintf("%s is no type", p.Target)
	}
	h.target = name.Type()
	if p.Target.Pointer {
		h.target = types.NewPointer(h.target)
	}
	if have.Recv() != nil || have.TypeParams().Len() > 0 || have.Params().Len() != 1 || have.Variadic() || have.Results().Len() != 1 ||
		!types.Identical(have.Params().At(0).Type(), h.target) || !isNamed(have.Results().At(0).Type(), "context", "Context") {
		return fmt.Sprintf("%s.%s is %s, which must take a %s and return a context", h.fn.Pkg().Name(), p.Func, brief(have), brief(h.target))
	}
	return ""
}

// fromParameter weaves context.Background() and context.TODO() in a function
// that has a parameter from which a hook makes a context, and no context.
func (w *weaver) fromParameter(sel *ast.SelectorExpr, pkg *ast.Ident, obj types.Object) {
	if len(w.parameters) == 0 || obj == nil || obj.Pkg() == nil || obj.Pkg().Path() != "context" || obj.Name() != "Background" && obj.Name() != "TODO" {
		return
	}
	call := w.callOf(sel)
	if call == nil || len(call.Args) > 0 || call.Fun != ast.Expr(sel) {
		return
	}
	captured := false
	for i := len(w.parents) - 1; i >= 0; i-- {
		var params *ast.FieldList
		var body *ast.BlockStmt
		switch f := w.parents[i].(type) {
		case *ast.FuncLit:
			params, body = f.Type.Params, f.Body
		case *ast.FuncDecl:
			params, body = f.Type.Params, f.Body
		default:
			continue
		}
		h, v, carries := w.parameter(params)
		switch {
		case carries:
			return
		case h == nil:
			captured = true
			continue
		case !w.visibleAt(v, call.Pos()):
			return
		case captured && w.changes(body, v):
			w.note(h, sel.Pos(), "%s is assigned in the function around the literal", v.Name())
			return
		}
		w.madeFrom(h, sel, pkg, call, v.Name())
		return
	}
}

// parameter returns the first parameter that a hook means, and whether there is
// a context among them.
func (w *weaver) parameter(params *ast.FieldList) (h *Hook, v *types.Var, carries bool) {
	for _, field := range params.List {
		t := w.pkg.Info.TypeOf(field.Type)
		if t == nil {
			continue
		}
		carries = carries || isNamed(t, "context", "Context")
		for _, id := range field.Names {
			of, ok := w.pkg.Info.Defs[id].(*types.Var)
			if !ok || id.Name == "_" || h != nil {
				continue
			}
			for _, candidate := range w.parameters {
				if types.Identical(of.Type(), candidate.target) {
					h, v = candidate, of
					break
				}
			}
		}
	}
	return h, v, carries
}
