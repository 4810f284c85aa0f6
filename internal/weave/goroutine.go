package weave

import (
	"go/ast"
	"go/token"
	"go/types"
)

// detached weaves pkg.Func() in what a go statement starts, or in its
// arguments: the hook's function gets the context of the function around the
// statement. It reports whether there is one.
func (w *weaver) detached(h *Hook, sel *ast.SelectorExpr, pkg *ast.Ident) bool {
	call := w.callOf(sel)
	if call == nil || len(call.Args) > 0 || call.Fun != ast.Expr(sel) {
		return false
	}
	at, later := w.goStatement()
	if at < 0 {
		return false
	}
	obj, body := w.contextAround(at)
	if obj == nil || !w.visibleAt(obj, call.Pos()) {
		return false
	}
	if later && w.changes(body, obj) {
		w.note(h, sel.Pos(), "%s is assigned in the function around the go statement, so the goroutine cannot read it", obj.Name())
		return true
	}
	ctx := obj.Name()
	if isRequest(obj.Type()) {
		ctx = w.contextOf(obj)
	}
	w.madeFrom(h, sel, pkg, call, ctx)
	return true
}

// madeFrom replaces pkg.Func() by the hook's function of what arg says.
func (w *weaver) madeFrom(h *Hook, sel *ast.SelectorExpr, pkg *ast.Ident, call *ast.CallExpr, arg string) {
	w.handled[pkg] = true
	w.dropUse(pkg)
	text := w.use(h) + "(" + arg
	if lines := w.lines(sel.Pos(), call.Rparen); lines != "" {
		text += "," + lines
	}
	w.replace(sel.Pos(), call.Rparen, text)
	w.match(h, sel.Pos())
}

// goStatement returns the index of the innermost go statement among the parents
// that the current node belongs to, and whether the node runs in the goroutine
// and not when the statement does.
func (w *weaver) goStatement() (at int, later bool) {
	for i := len(w.parents) - 1; i > 0; i-- {
		if _, ok := w.parents[i].(*ast.GoStmt); !ok {
			continue
		}
		// A function literal in the statement, its own or an argument, runs later.
		for j := i + 1; j < len(w.parents); j++ {
			if _, ok := w.parents[j].(*ast.FuncLit); ok {
				return i, true
			}
		}
		return i, false
	}
	return -1, false
}

// contextAround returns the context that the nearest of the functions around
// parents[at] is given, or else its request, with the body of that function.
func (w *weaver) contextAround(at int) (*types.Var, *ast.BlockStmt) {
	for i := at - 1; i >= 0; i-- {
		var params *ast.FieldList
		var body *ast.BlockStmt
		switch f := w.parents[i].(type) {
		case *ast.FuncDecl:
			params, body = f.Type.Params, f.Body
		case *ast.FuncLit:
			params, body = f.Type.Params, f.Body
		default:
			continue
		}
		var request *types.Var
		for _, field := range params.List {
			for _, id := range field.Names {
				obj, ok := w.pkg.Info.Defs[id].(*types.Var)
				switch {
				case !ok || id.Name == "_":
				case isNamed(obj.Type(), "context", "Context"):
					return obj, body
				case isRequest(obj.Type()):
					request = obj
				}
			}
		}
		if request != nil {
			return request, body
		}
	}
	return nil, nil
}

// changes reports whether the body assigns obj, or what it points to, or takes
// its address: then a
// goroutine that reads it could meet a write.
func (w *weaver) changes(body *ast.BlockStmt, obj types.Object) bool {
	found := false
	is := func(e ast.Expr) {
		if id, ok := ast.Unparen(e).(*ast.Ident); ok && w.pkg.Info.Uses[id] == obj {
			found = true
		}
	}
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, e := range n.Lhs {
				if star, ok := ast.Unparen(e).(*ast.StarExpr); ok {
					e = star.X // *r = *r.WithContext(ctx)
				}
				is(e)
			}
		case *ast.RangeStmt:
			if n.Tok == token.ASSIGN {
				is(n.Key)
				is(n.Value)
			}
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				is(n.X)
			}
		}
		return !found
	})
	return found
}
