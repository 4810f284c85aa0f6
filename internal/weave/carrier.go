package weave

import (
	"fmt"
	"go/parser"
	"go/token"
	"go/types"

	"github.com/orchestrall/orchestrall/internal/config"
)

// carrier returns how to reach the context of a value of type t, which is that
// of a framework or one of contexts: in orchestrall.yaml.
func (w *weaver) carrier(t types.Type) (config.Context, bool) {
	star := ""
	t = types.Unalias(t)
	if p, ok := t.(*types.Pointer); ok {
		star, t = "*", types.Unalias(p.Elem())
	}
	named, ok := t.(*types.Named)
	if !ok || named.Obj().Pkg() == nil {
		return config.Context{}, false
	}
	return w.pkg.Config.Context(star + named.Obj().Pkg().Path() + "." + named.Obj().Name())
}

func (w *weaver) carries(t types.Type) bool {
	_, ok := w.carrier(t)
	return ok
}

// carried writes the context of a parameter at that place; "" when the
// expression for it is none of a context. A value without one, such as a nil
// pointer, gives a nil context.
//
// Unlike a context or a request, such a value is good only as long as the
// function runs that was given it: frameworks use it again for the next request.
func (w *weaver) carried(v *types.Var, at token.Pos) string {
	of, _ := w.carrier(v.Type())
	expr, err := parser.ParseExpr(of.GetExpr(v.Name()))
	if err != nil {
		return ""
	}
	info := NewInfo()
	if types.CheckExpr(w.pkg.Fset, w.pkg.Types, at, expr, info) != nil || !isNamed(info.TypeOf(expr), "context", "Context") {
		return ""
	}
	typ, ok := w.spell(v.Type(), at)
	if !ok || w.hides("recover", at) {
		return ""
	}
	ctx := w.alias("orchestralltype_", types.Unalias(info.TypeOf(expr)).(*types.Named).Obj().Pkg())
	return fmt.Sprintf("func(v %s) (ctx %s.Context) { defer func() { _ = recover() }(); return %s }(%s)", typ, ctx, of.GetExpr("v"), v.Name())
}
