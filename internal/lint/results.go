package lint

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/astutil"
)

// nameResults replaces the names by which a directive reaches results that the
// user left unnamed (result, result0, err) by a value of the result's type:
//
//	result.Count → (*(*T)(nil)).Count
func nameResults(pass *analysis.Pass, fn *ast.FuncDecl, x ast.Expr) ast.Expr {
	names := resultNames(pass, fn)
	if len(names) == 0 {
		return x
	}
	replaced := astutil.Apply(x, func(c *astutil.Cursor) bool {
		id, ok := c.Node().(*ast.Ident)
		if !ok {
			return true
		}
		if _, selector := c.Parent().(*ast.SelectorExpr); selector && c.Name() == "Sel" {
			return true
		}
		if typ, ok := names[id.Name]; ok {
			c.Replace(valueOf(typ, id.Pos()))
			return false
		}
		return true
	}, nil)
	if out, ok := replaced.(ast.Expr); ok {
		return out
	}
	return x
}

// valueOf returns (*(*typ)(nil)), placed at pos so that errors point there.
func valueOf(typ ast.Expr, pos token.Pos) ast.Expr {
	pointer := &ast.ParenExpr{Lparen: pos, X: &ast.StarExpr{Star: pos, X: typ}, Rparen: pos}
	null := &ast.CallExpr{Fun: pointer, Lparen: pos, Args: []ast.Expr{&ast.Ident{Name: "nil", NamePos: pos}}, Rparen: pos}
	return &ast.ParenExpr{Lparen: pos, X: &ast.StarExpr{Star: pos, X: null}, Rparen: pos}
}

// resultNames returns the types of the unnamed results by the names that the
// engine gives them: resultN for each, err for the last that is an error,
// result for the first of the others. A parameter of that name comes first.
func resultNames(pass *analysis.Pass, fn *ast.FuncDecl) map[string]ast.Expr {
	results := fn.Type.Results
	if results == nil || len(results.List[0].Names) > 0 {
		return nil
	}
	taken := make(map[string]bool)
	for _, list := range []*ast.FieldList{fn.Recv, fn.Type.Params} {
		if list == nil {
			continue
		}
		for _, field := range list.List {
			for _, name := range field.Names {
				taken[name.Name] = true
			}
		}
	}
	last := -1
	for i, field := range results.List {
		if t := pass.TypesInfo.TypeOf(field.Type); t != nil && implementsError(t) {
			last = i
		}
	}
	names := make(map[string]ast.Expr)
	alias := func(name string, typ ast.Expr) {
		if _, found := names[name]; !found && !taken[name] {
			names[name] = typ
		}
	}
	for i, field := range results.List {
		alias(fmt.Sprint("result", i), field.Type)
		if i == last {
			alias("err", field.Type)
		} else {
			alias("result", field.Type)
		}
	}
	return names
}

func implementsError(t types.Type) bool {
	err, ok := types.Universe.Lookup("error").Type().Underlying().(*types.Interface)
	return ok && types.Implements(t, err)
}
