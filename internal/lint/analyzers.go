package lint

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"strconv"
	"strings"

	"golang.org/x/tools/go/analysis"

	"github.com/orchestrall/orchestrall/instrument"
)

// The rules, as reports name them.
const (
	ruleExpr  = "expr-type"
	ruleRoot  = "root-span"
	ruleGo    = "dropped-context"
	ruleLabel = "unbounded-label"
)

// analyzers returns the rules for the functions that are traced.
func analyzers(traced map[place]instrument.Traced) []*analysis.Analyzer {
	rule := func(name, doc string, check func(*analysis.Pass, *ast.FuncDecl, instrument.Traced)) *analysis.Analyzer {
		return &analysis.Analyzer{Name: strings.ReplaceAll(name, "-", "_"), Doc: doc, Run: func(pass *analysis.Pass) (any, error) {
			eachTraced(pass, traced, check)
			return nil, nil
		}}
	}
	return []*analysis.Analyzer{
		rule(ruleExpr, "an expression of a directive must type-check in its function", checkExprs),
		rule(ruleRoot, "a traced function should have something to take a context from", checkRoot),
		rule(ruleGo, "a goroutine that a traced function starts should keep its context", checkGoroutines),
		rule(ruleLabel, "a metric label should have few values", checkLabels),
	}
}

func eachTraced(pass *analysis.Pass, traced map[place]instrument.Traced, check func(*analysis.Pass, *ast.FuncDecl, instrument.Traced)) {
	for _, file := range pass.Files {
		for _, decl := range file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			at := position(pass.Fset, fn.Pos())
			if f, ok := traced[place{at.Filename, at.Line, fn.Name.Name}]; ok {
				check(pass, fn, f)
			}
		}
	}
}

// posOf returns the place of p, which the engine found in the same bytes, in
// the pass's own positions.
func posOf(pass *analysis.Pass, near token.Pos, p token.Position) token.Pos {
	file := pass.Fset.File(near)
	if p.Filename != file.Name() || p.Offset > file.Size() {
		return near
	}
	return file.Pos(p.Offset)
}

func report(pass *analysis.Pass, pos token.Pos, rule, message, fix string, edits ...analysis.TextEdit) {
	d := analysis.Diagnostic{Pos: pos, Category: rule, Message: message}
	if fix != "" {
		d.SuggestedFixes = []analysis.SuggestedFix{{Message: fix, TextEdits: edits}}
	}
	pass.Report(d)
}

func checkRoot(pass *analysis.Pass, fn *ast.FuncDecl, f instrument.Traced) {
	// main and init can't take anything.
	if free := fn.Recv == nil && (fn.Name.Name == "main" || fn.Name.Name == "init"); f.Context == "" && !free {
		report(pass, posOf(pass, fn.Pos(), f.Directive), ruleRoot,
			fn.Name.Name+" has nothing to take a context from, so its span has no parent",
			"give it a context.Context argument")
	}
}

func checkExprs(pass *analysis.Pass, fn *ast.FuncDecl, f instrument.Traced) {
	for _, e := range f.Fields {
		pos := posOf(pass, fn.Pos(), e.Pos)
		tv, column, err := typeOf(pass, fn, e)
		if err != nil {
			if pass.Fset.File(pos) == pass.Fset.File(fn.Pos()) && pos != fn.Pos() {
				pos += token.Pos(column)
			}
			report(pass, pos, ruleExpr, e.Key+": "+err.Error(), "")
			continue
		}
		if !tv.IsValue() {
			report(pass, pos, ruleExpr, e.Key+": "+shown(e)+" is not a value", "write an expression that has one value")
		} else if tuple, ok := tv.Type.(*types.Tuple); ok && tuple.Len() != 1 {
			report(pass, pos, ruleExpr, e.Key+": "+shown(e)+" has "+strconv.Itoa(tuple.Len())+" values", "write an expression that has one value")
		}
	}
}

// typeOf type-checks e where the function's body begins: parameters and named
// results are in scope and local variables are not. column is where in e the
// error stands.
func typeOf(pass *analysis.Pass, fn *ast.FuncDecl, e instrument.TracedField) (tv types.TypeAndValue, column int, err error) {
	x, err := parser.ParseExprFrom(pass.Fset, "expr", e.Code, parser.SkipObjectResolution)
	if err != nil {
		return tv, 0, err
	}
	x, words := nameResults(pass, fn, x)
	info := &types.Info{Types: make(map[ast.Expr]types.TypeAndValue)}
	if err := types.CheckExpr(pass.Fset, pass.Pkg, fn.Body.Lbrace+1, x, info); err != nil {
		var te types.Error
		if errors.As(err, &te) {
			column = max(0, pass.Fset.PositionFor(te.Pos, false).Column-1)
			// A result's name is longer in the code than in the directive.
			if before := e.Code[:min(column, len(e.Code))]; strings.Contains(before, resultPrefix) || strings.Contains(before, resultErr) {
				column = 0
			}
			return tv, column, errors.New(words.Replace(te.Msg))
		}
		return tv, 0, err
	}
	return info.Types[x], 0, nil
}

// unboundedNames end the names of things that differ from call to call.
var unboundedNames = []string{"id", "uuid", "guid", "email", "token", "url", "query", "input", "prompt", "message"}

// checkLabels warns of labels that look as if every call brought a new value:
// past the limit such a label says "other" and nothing else.
func checkLabels(pass *analysis.Pass, fn *ast.FuncDecl, f instrument.Traced) {
	for _, e := range f.Fields {
		if !e.Label {
			continue
		}
		tv, _, err := typeOf(pass, fn, e)
		if err != nil || !tv.IsValue() || tv.Value != nil {
			continue
		}
		if why := unbounded(shown(e), tv.Type); why != "" {
			report(pass, posOf(pass, fn.Pos(), e.Pos), ruleLabel, e.Key+": "+why+", so the label soon reads \"other\"",
				"record it as attr."+strings.TrimPrefix(e.Key, "label.")+" instead")
		}
	}
}

func unbounded(text string, t types.Type) string {
	if basic, ok := t.Underlying().(*types.Basic); ok {
		switch {
		case basic.Info()&types.IsFloat != 0:
			return text + " is a floating-point number"
		case basic.Info()&types.IsBoolean != 0:
			return ""
		}
	}
	if named, ok := types.Unalias(t).(*types.Named); ok && named.Obj().Pkg() != nil &&
		named.Obj().Pkg().Path() == "time" && named.Obj().Name() != "Month" && named.Obj().Name() != "Weekday" {
		return text + " is a time"
	}
	name := text[strings.LastIndexByte(text, '.')+1:]
	for _, word := range unboundedNames {
		if endsInWord(name, word) {
			return text + " looks different on every call"
		}
	}
	return ""
}

// endsInWord reports whether the last word of a Go name is word: userID and id,
// but not valid.
func endsInWord(name, word string) bool {
	if strings.EqualFold(name, word) {
		return true
	}
	rest := len(name) - len(word)
	if rest <= 0 || !strings.EqualFold(name[rest:], word) {
		return false
	}
	start := name[rest]
	return start >= 'A' && start <= 'Z' && !(name[rest-1] >= 'A' && name[rest-1] <= 'Z') || name[rest-1] == '_'
}
