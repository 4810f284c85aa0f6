package lint

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/astutil"

	"github.com/orchestrall/orchestrall/instrument"
)

// The names that instrumented code gives to results that the user left
// unnamed: the number of the result, or the one error.
const (
	resultPrefix = "orchestrallResult"
	resultErr    = "orchestrallErr"
)

// resultWords shows the names that the tool gives to results without one as a
// user writes them.
var resultWords = strings.NewReplacer(resultPrefix, "result", resultErr, "err")

// shown is the expression as a user writes it.
func shown(e instrument.TracedField) string { return resultWords.Replace(e.Code) }

// nameResults replaces the names of unnamed results by a value of their type,
// because the user's function has no such variable:
//
//	orchestrallResult0.Count → (*(*T)(nil)).Count
//
// words turns what a type error says back to what the user wrote.
func nameResults(pass *analysis.Pass, fn *ast.FuncDecl, x ast.Expr) (replaced ast.Expr, words *strings.Replacer) {
	names := resultNames(pass, fn)
	if len(names) == 0 {
		return x, resultWords
	}
	pairs := []string{resultPrefix, "result", resultErr, "err"}
	node := astutil.Apply(x, func(c *astutil.Cursor) bool {
		id, ok := c.Node().(*ast.Ident)
		if !ok {
			return true
		}
		if _, selector := c.Parent().(*ast.SelectorExpr); selector && c.Name() == "Sel" {
			return true
		}
		if typ, ok := names[id.Name]; ok {
			value := valueOf(typ, id.Pos())
			pairs = append([]string{types.ExprString(value), resultWords.Replace(id.Name)}, pairs...)
			c.Replace(value)
			return false
		}
		return true
	}, nil)
	if out, ok := node.(ast.Expr); ok {
		return out, strings.NewReplacer(pairs...)
	}
	return x, resultWords
}

// valueOf returns (*(*typ)(nil)), placed at pos so that errors point there.
func valueOf(typ ast.Expr, pos token.Pos) ast.Expr {
	pointer := &ast.ParenExpr{Lparen: pos, X: &ast.StarExpr{Star: pos, X: typ}, Rparen: pos}
	null := &ast.CallExpr{Fun: pointer, Lparen: pos, Args: []ast.Expr{&ast.Ident{Name: "nil", NamePos: pos}}, Rparen: pos}
	return &ast.ParenExpr{Lparen: pos, X: &ast.StarExpr{Star: pos, X: null}, Rparen: pos}
}

// resultNames returns the types of the unnamed results by the names that
// instrumented code has for them; the error is the last one that is an error.
func resultNames(pass *analysis.Pass, fn *ast.FuncDecl) map[string]ast.Expr {
	results := fn.Type.Results
	if results == nil || len(results.List) == 0 || len(results.List[0].Names) > 0 {
		return nil
	}
	names := make(map[string]ast.Expr)
	for i, field := range results.List {
		names[fmt.Sprint(resultPrefix, i)] = field.Type
		if t := pass.TypesInfo.TypeOf(field.Type); t != nil && implementsError(t) {
			names[resultErr] = field.Type
		}
	}
	return names
}

func implementsError(t types.Type) bool {
	err, ok := types.Universe.Lookup("error").Type().Underlying().(*types.Interface)
	return ok && types.Implements(t, err)
}
