package lint

import (
	"go/ast"
	"go/token"
	"go/types"
	"go/version"

	"golang.org/x/tools/go/analysis"

	"github.com/orchestrall/orchestrall/instrument"
)

// checkGoroutines finds `go` statements that work on a context made from
// nothing: what they do shows up as a trace of its own, which nobody can find
// from the request that caused it.
func checkGoroutines(pass *analysis.Pass, fn *ast.FuncDecl, f instrument.Traced) {
	if f.Context == "" {
		return
	}
	fresh := freshVariables(pass, fn.Body)
	seen := make(map[*ast.CallExpr]bool)
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		statement, ok := n.(*ast.GoStmt)
		if !ok {
			return true
		}
		ast.Inspect(statement.Call, func(n ast.Node) bool {
			call, _ := n.(*ast.CallExpr)
			if call == nil || !isFresh(pass, call) {
				id, _ := n.(*ast.Ident)
				if id == nil {
					return true
				}
				if call = fresh[pass.TypesInfo.Uses[id]]; call == nil {
					return true
				}
			}
			if !seen[call] {
				seen[call] = true
				reportDropped(pass, call, f)
			}
			return true
		})
		return true
	})
}

func reportDropped(pass *analysis.Pass, call *ast.CallExpr, f instrument.Traced) {
	const message = "a goroutine of a traced function starts from an empty context, so its spans leave the trace"
	// WithoutCancel came with Go 1.21.
	if f.Context == "" || !inScope(pass, call.Pos(), f.Context) || version.Compare(pass.Pkg.GoVersion(), "go1.21") < 0 {
		report(pass, call.Pos(), ruleGo, message, "pass on the function's own context")
		return
	}
	name := call.Fun
	if selector, ok := name.(*ast.SelectorExpr); ok {
		name = selector.Sel
	}
	text := "WithoutCancel(" + f.Context + ")"
	report(pass, call.Pos(), ruleGo, message, "use context."+text, analysis.TextEdit{Pos: name.Pos(), End: call.End(), NewText: []byte(text)})
}

// inScope reports whether the first name of an expression such as r.Context()
// still is a variable at pos.
func inScope(pass *analysis.Pass, pos token.Pos, expr string) bool {
	end := 0
	for end < len(expr) && expr[end] != '.' {
		end++
	}
	scope := pass.Pkg.Scope().Innermost(pos)
	if scope == nil {
		return false
	}
	_, obj := scope.LookupParent(expr[:end], pos)
	_, ok := obj.(*types.Var)
	return ok
}

// isFresh reports whether call is context.Background() or context.TODO().
func isFresh(pass *analysis.Pass, call *ast.CallExpr) bool {
	var id *ast.Ident
	switch f := ast.Unparen(call.Fun).(type) {
	case *ast.SelectorExpr:
		id = f.Sel
	case *ast.Ident:
		id = f
	default:
		return false
	}
	fn, ok := pass.TypesInfo.Uses[id].(*types.Func)
	return ok && (fn.FullName() == "context.Background" || fn.FullName() == "context.TODO")
}

// freshVariables returns the variables that body defines from an empty
// context, directly or through a call such as context.WithTimeout, with the
// call that made it.
func freshVariables(pass *analysis.Pass, body *ast.BlockStmt) map[types.Object]*ast.CallExpr {
	fresh := make(map[types.Object]*ast.CallExpr)
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE && len(n.Rhs) == 1 {
				mark(pass, fresh, n.Rhs[0], n.Lhs...)
			}
		case *ast.ValueSpec:
			if len(n.Values) == 1 {
				names := make([]ast.Expr, len(n.Names))
				for i, name := range n.Names {
					names[i] = name
				}
				mark(pass, fresh, n.Values[0], names...)
			}
		}
		return true
	})
	return fresh
}

func mark(pass *analysis.Pass, fresh map[types.Object]*ast.CallExpr, value ast.Expr, names ...ast.Expr) {
	call := origin(pass, fresh, value)
	if call == nil {
		return
	}
	for _, name := range names {
		id, ok := name.(*ast.Ident)
		if !ok {
			continue
		}
		// Only a new variable: if ctx == nil { ctx = context.Background() }
		// leaves a context that usually is the caller's.
		if obj := pass.TypesInfo.Defs[id]; obj != nil && isContext(obj.Type()) {
			fresh[obj] = call
		}
	}
}

// origin returns the call of context.Background or TODO that value comes from.
func origin(pass *analysis.Pass, fresh map[types.Object]*ast.CallExpr, value ast.Expr) *ast.CallExpr {
	switch x := ast.Unparen(value).(type) {
	case *ast.Ident:
		return fresh[pass.TypesInfo.Uses[x]]
	case *ast.CallExpr:
		if isFresh(pass, x) {
			return x
		}
		if len(x.Args) > 0 && isContext(pass.TypesInfo.TypeOf(x.Args[0])) {
			return origin(pass, fresh, x.Args[0])
		}
	}
	return nil
}

func isContext(t types.Type) bool {
	named, ok := types.Unalias(t).(*types.Named)
	return ok && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == "context" && named.Obj().Name() == "Context"
}
