package weave

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
)

// detached weaves pkg.Func() in what a go statement starts, or in its
// arguments: the hook's function gets the context of the function around the
// statement. It reports whether there is one. A parameter that stays as it is
// can be read by the goroutine; any other context is read by the statement.
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
	if obj != nil && (!w.visibleAt(obj, call.Pos()) || later && w.changes(body, obj) || !later && !w.readable(obj, w.parents[at].Pos())) {
		obj = nil
	}
	var ctx string
	switch {
	case obj == nil && later:
		ctx = w.capture(h, sel, at)
	case obj == nil:
		ctx = w.contextOfStatement(at)
	case isRequest(obj.Type()):
		ctx = w.contextOf(obj)
	default:
		ctx = obj.Name()
	}
	if ctx == "" {
		return false
	}
	w.madeFrom(h, sel, pkg, call, ctx)
	return true
}

// contextOfStatement writes the context that the go statement among the parents
// can read; "" when there is none but what is made from nothing.
func (w *weaver) contextOfStatement(at int) string {
	inside := w.parents
	defer func() { w.parents = inside }()
	w.parents = inside[:at]
	text, _ := w.contextsAt(inside[at].Pos())
	return text
}

// capture returns the variable of a function literal in the go statement that
// has the context of the statement; "" when there can be none. The literal
// becomes what a function returns that is called when the statement is executed.
func (w *weaver) capture(h *Hook, sel *ast.SelectorExpr, at int) string {
	var lit *ast.FuncLit
	for _, n := range w.parents[at:] {
		if f, ok := n.(*ast.FuncLit); ok {
			lit = f
			break
		}
	}
	if name := w.captured[lit]; name != "" {
		return name
	}
	text := w.contextOfStatement(at)
	if text == "" {
		return ""
	}
	typ, ok := w.spell(h.fn.Signature().Params().At(0).Type(), w.parents[at].Pos())
	if !ok || w.lines(lit.Type.Pos(), lit.Type.End()) != "" {
		w.note(h, sel.Pos(), "the function that the go statement starts has a type of several lines, or hides a name")
		return ""
	}
	name := w.unique("orchestrallcontext")
	of := string(w.file.Src[w.offset(lit.Type.Pos()):w.offset(lit.Type.End())])
	w.insert(lit.Pos(), fmt.Sprintf("func(%s %s) %s { return ", name, typ, of))
	w.insert(lit.End(), " }("+text+")")
	w.captured[lit] = name
	return name
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
// that the current node belongs to, or of the call that stands for one, and
// whether the node runs in the goroutine and not when the statement does.
func (w *weaver) goStatement() (at int, later bool) {
	for i := len(w.parents) - 1; i > 0; i-- {
		switch n := w.parents[i].(type) {
		case *ast.GoStmt:
		case *ast.CallExpr:
			if !w.starts(n) || i+1 == len(w.parents) || w.parents[i+1].Pos() < n.Lparen {
				continue
			}
		default:
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

// starts reports whether a call starts a goroutine with the function that it is
// given.
func (w *weaver) starts(call *ast.CallExpr) bool {
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok {
		return false
	}
	method, ok := w.pkg.Info.Uses[sel.Sel].(*types.Func)
	if !ok || method.Signature().Recv() == nil {
		return false
	}
	receiver, ok := types.Unalias(method.Signature().Recv().Type()).(*types.Pointer)
	if !ok {
		return false
	}
	switch method.Name() {
	case "Go":
		return isNamed(receiver.Elem(), "sync", "WaitGroup") || isNamed(receiver.Elem(), "golang.org/x/sync/errgroup", "Group")
	case "TryGo":
		return isNamed(receiver.Elem(), "golang.org/x/sync/errgroup", "Group")
	}
	return false
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
