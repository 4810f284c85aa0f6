package lint

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"

	"github.com/orchestrall/orchestrall/instrument"
)

// prefixes turn the role of a registered field into the key of its directive.
var prefixes = map[string]string{"Attribute": "attr.", "Carried": "ctx.", "Label": "label.", "Event": "event.", "NamePart": "name"}

// Functions reads the functions of one package back from what a front end made
// of it: files and generated files together. Both layouts have the same syntax
// tree, so code that is checked in and code that only a build sees are read
// alike. original returns the user's own bytes of a file.
func Functions(instrumented []instrument.Output, original func(path string) []byte) ([]Function, error) {
	fset := token.NewFileSet()
	fields := make(map[string][]Expr) // by operation variable
	trees := make([]*ast.File, len(instrumented))
	for i, out := range instrumented {
		tree, err := parser.ParseFile(fset, out.Path, out.Src, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		trees[i] = tree
		if out.Generated {
			registered(tree, fields)
		}
	}
	var functions []Function
	for i, out := range instrumented {
		if out.Generated {
			continue
		}
		r := reader{fset: fset, src: out.Src, original: original(out.Path)}
		for _, decl := range trees[i].Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Body != nil {
				if f, ok := r.function(fn, fields); ok {
					functions = append(functions, f)
				}
			}
		}
	}
	return functions, nil
}

// registered collects the fields of each op.Register(Spec{…}) of a generated
// file.
func registered(tree *ast.File, fields map[string][]Expr) {
	ast.Inspect(tree, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) != 1 {
			return true
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		spec, isSpec := call.Args[0].(*ast.CompositeLit)
		if !ok || !isSpec || method.Sel.Name != "Register" {
			return true
		}
		op, ok := method.X.(*ast.Ident)
		if !ok {
			return true
		}
		if list, ok := element(spec, "Fields").(*ast.CompositeLit); ok {
			for _, item := range list.Elts {
				if lit, ok := item.(*ast.CompositeLit); ok {
					fields[op.Name] = append(fields[op.Name], fieldOf(lit))
				}
			}
		}
		return false
	})
}

func element(lit *ast.CompositeLit, key string) ast.Expr {
	for _, e := range lit.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if id, ok := kv.Key.(*ast.Ident); ok && id.Name == key {
				return kv.Value
			}
		}
	}
	return nil
}

func fieldOf(lit *ast.CompositeLit) Expr {
	var e Expr
	if role, ok := element(lit, "Role").(*ast.SelectorExpr); ok {
		e.Key, e.Label = prefixes[role.Sel.Name], role.Sel.Name == "Label"
	}
	if key, ok := element(lit, "Key").(*ast.BasicLit); ok {
		if text, err := strconv.Unquote(key.Value); err == nil {
			e.Key += text
		}
	}
	e.AtEnd = element(lit, "AtEnd") != nil // written only where it is true
	return e
}

// A reader finds what was inserted into the functions of one file.
type reader struct {
	fset          *token.FileSet
	src, original []byte
}

// function reads the call of Start at the top of fn and the defer behind it:
//
//	ctx, orchestrallCall := OP.Start(ctx, func…)
//	defer orchestrallCall.EndErr(&err, func…)
func (r reader) function(fn *ast.FuncDecl, fields map[string][]Expr) (Function, bool) {
	for i, statement := range fn.Body.List[:min(2, len(fn.Body.List))] {
		assign, ok := statement.(*ast.AssignStmt)
		if !ok || len(assign.Rhs) != 1 {
			continue
		}
		call, ok := assign.Rhs[0].(*ast.CallExpr)
		if !ok {
			continue
		}
		start, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			continue
		}
		op, ok := start.X.(*ast.Ident)
		last, isName := assign.Lhs[len(assign.Lhs)-1].(*ast.Ident)
		if !ok || !isName || last.Name != "orchestrallCall" || i+1 >= len(fn.Body.List) {
			continue
		}
		at := r.fset.PositionFor(fn.Pos(), false)
		f := Function{File: at.Filename, Line: at.Line, Name: fn.Name.Name, Directive: r.fset.PositionFor(fn.Name.Pos(), false)}
		f.Directive.Offset = r.offset(f.Directive)
		switch start.Sel.Name {
		case "StartRoot":
			f.Root = true
		case "StartVia":
			f.Context = r.returned(call)
		default:
			f.Context = r.text(assign.Lhs[0])
		}
		f.Exprs = r.exprs(fields[op.Name], call, fn.Body.List[i+1], f.Directive)
		return f, true
	}
	return Function{}, false
}

// returned is the expression of the first argument func() T { return EXPR }.
func (r reader) returned(call *ast.CallExpr) string {
	if len(call.Args) > 0 {
		if get, ok := call.Args[0].(*ast.FuncLit); ok && len(get.Body.List) == 1 {
			if ret, ok := get.Body.List[0].(*ast.ReturnStmt); ok && len(ret.Results) == 1 {
				return r.text(ret.Results[0])
			}
		}
	}
	return ""
}

// exprs fills the expressions in: the closures hold them in the order of the
// fields.
func (r reader) exprs(fields []Expr, start, end ast.Node, fallback token.Position) []Expr {
	values := map[bool][]ast.Expr{false: evaluated(start), true: evaluated(end)}
	var out []Expr
	for _, e := range fields {
		list := values[e.AtEnd]
		if len(list) == 0 {
			continue
		}
		values[e.AtEnd] = list[1:]
		e.Text, e.Pos = r.text(list[0]), fallback
		// A build tells the compiler where the expression stands in the
		// directive, unless that is another file.
		plain := r.fset.PositionFor(list[0].Pos(), false)
		if moved := r.fset.Position(list[0].Pos()); moved.Filename == plain.Filename && (moved.Line != plain.Line || moved.Column != plain.Column) {
			if offset := r.offset(moved); offset >= 0 {
				e.Pos = moved
				e.Pos.Offset = offset
			}
		}
		out = append(out, e)
	}
	return out
}

// evaluated returns the arguments of orchestrallOf in n.
func evaluated(n ast.Node) []ast.Expr {
	var list []ast.Expr
	ast.Inspect(n, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) != 1 {
			return true
		}
		if id, ok := call.Fun.(*ast.Ident); ok && id.Name == "orchestrallOf" {
			list = append(list, call.Args[0])
			return false
		}
		return true
	})
	return list
}

func (r reader) text(n ast.Node) string {
	return string(r.src[r.fset.PositionFor(n.Pos(), false).Offset:r.fset.PositionFor(n.End(), false).Offset])
}

// offset returns where a line and column are in the user's own bytes, or -1.
func (r reader) offset(at token.Position) int {
	start := 0
	for range at.Line - 1 {
		next := bytes.IndexByte(r.original[start:], '\n')
		if next < 0 {
			return -1
		}
		start += next + 1
	}
	if offset := start + at.Column - 1; offset < len(r.original) {
		return offset
	}
	return -1
}

// The names that the tool gives to results without one are shown as a user
// writes them.
var resultWords = strings.NewReplacer(resultPrefix, "result", resultErr, "err")
