package instrument

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"slices"
	"strconv"
	"strings"

	"github.com/orchestrall/orchestrall/internal/nearest"
	"github.com/orchestrall/orchestrall/rewrite"
)

// A scope is what an EXPR of one function can name.
type scope struct {
	params  map[string]bool
	results map[string]string // what the user writes → the name in the code
	others  []string          // type parameters
	m       *model
	f       *pkgFile
}

// bind checks an EXPR and returns the code that evaluates it and whether it
// reads a result, which makes it an expression for the end of the call.
func (s *scope) bind(src source) (code string, atEnd bool, ds []Diagnostic) {
	x, err := parser.ParseExpr(src.text)
	if err != nil {
		var list scanner.ErrorList
		pos, msg := src.pos, err.Error()
		if errors.As(err, &list) && len(list) > 0 {
			pos, msg = advance(src.pos, min(list[0].Pos.Offset, len(src.text))), list[0].Msg
		}
		return "", false, []Diagnostic{errorf(pos, "bad-expression", "write a Go expression over receiver, parameters and results", "%q does not parse: %s", src.text, msg)}
	}
	problem, at := unfit(x)
	if problem == "" {
		problem, at = s.noValue(src.text, x)
	}
	if problem != "" {
		return "", false, []Diagnostic{errorf(advance(src.pos, int(at)-1), "bad-expression", "keep it to values that can be read at once", "%s", problem)}
	}
	var edits []rewrite.Edit
	for id := range roots(x) {
		pos := advance(src.pos, int(id.Pos())-1)
		if name, isResult := s.results[id.Name]; isResult {
			atEnd = true
			if name != id.Name {
				at := int(id.Pos()) - 1
				edits = append(edits, rewrite.Edit{Start: at, End: at + len(id.Name), Text: name})
			}
			continue
		}
		if !s.knows(id.Name) {
			ds = append(ds, errorf(pos, "unknown-name", s.suggest(id.Name), "%s is not in scope", id.Name))
		}
	}
	out, err := rewrite.Apply([]byte(src.text), edits)
	if err != nil {
		ds = append(ds, errorf(src.pos, "bad-expression", "", "%v", err))
	}
	return string(out), atEnd, ds
}

func (s *scope) knows(name string) bool {
	if s.params[name] || slices.Contains(s.others, name) {
		return true
	}
	if name == "_" {
		return false
	}
	if slices.Contains(universeTypes, name) || slices.Contains(universeValues, name) {
		return true
	}
	if _, imported := s.f.importPath(name); imported || s.f.dotImport() {
		return true
	}
	return s.m.index(s.f.packageName()).names[name] || s.importedUnder(name)
}

// importedUnder reports whether an import whose path does not tell its
// package's name could be the one that name means: the name is an element of
// the path, or the file uses it as a qualifier and declares it nowhere.
func (s *scope) importedUnder(name string) bool {
	unsure := false
	for _, spec := range s.f.tree.Imports {
		if spec.Name != nil {
			continue
		}
		importPath, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		if strings.Contains(importPath, ".") { // the standard library's paths tell their names
			unsure = true
		}
		for element := range strings.SplitSeq(importPath, "/") {
			if element == name || guessName(element) == name {
				return true
			}
		}
	}
	return unsure && s.f.qualifies(name)
}

// qualifies reports whether the file selects something from name and declares
// it nowhere, so that it must be an imported package.
func (f *pkgFile) qualifies(name string) bool {
	selected, declared := false, false
	is := func(x ast.Expr) bool {
		id, ok := x.(*ast.Ident)
		return ok && id.Name == name
	}
	ast.Inspect(f.tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			selected = selected || is(n.X)
		case *ast.AssignStmt:
			declared = declared || n.Tok == token.DEFINE && slices.ContainsFunc(n.Lhs, is)
		case *ast.RangeStmt:
			declared = declared || is(n.Key) || is(n.Value)
		case *ast.ValueSpec:
			declared = declared || slices.ContainsFunc(n.Names, func(id *ast.Ident) bool { return id.Name == name })
		case *ast.Field:
			declared = declared || slices.ContainsFunc(n.Names, func(id *ast.Ident) bool { return id.Name == name })
		}
		return true
	})
	return selected && !declared
}

// suggest names what is in scope and looks like name.
func (s *scope) suggest(name string) string {
	var near []string
	for n := range s.params {
		near = append(near, n)
	}
	for n := range s.results {
		near = append(near, n)
	}
	slices.Sort(near)
	if nearest.Name(name, near) != "" {
		return nearest.Fix(name, near)
	}
	far := slices.Clone(near)
	for n := range s.f.imports {
		far = append(far, n)
	}
	for n := range s.m.index(s.f.packageName()).names {
		far = append(far, n)
	}
	slices.Sort(far)
	if nearest.Name(name, far) != "" {
		return nearest.Fix(name, far)
	}
	if len(near) == 0 {
		return "the function has no parameter or result; name something of the package"
	}
	return nearest.Fix(name, near)
}

// noValue finds a comment, which would swallow what follows it, and a type
// where a value belongs.
func (s *scope) noValue(text string, x ast.Expr) (problem string, at token.Pos) {
	var sc scanner.Scanner
	fset := token.NewFileSet()
	file := fset.AddFile("", -1, len(text))
	sc.Init(file, []byte(text), nil, scanner.ScanComments)
	for {
		pos, tok, _ := sc.Scan()
		if tok == token.EOF {
			break
		}
		if tok == token.COMMENT {
			return "an expression holds no comment", token.Pos(file.Offset(pos) + 1)
		}
	}
	id, ok := ast.Unparen(x).(*ast.Ident)
	if !ok || s.params[id.Name] {
		return "", token.NoPos
	}
	if _, isResult := s.results[id.Name]; isResult {
		return "", token.NoPos
	}
	if slices.Contains(s.others, id.Name) || slices.Contains(universeTypes, id.Name) && !s.m.index(s.f.packageName()).names[id.Name] {
		return id.Name + " is a type, not a value", id.Pos()
	}
	return "", token.NoPos
}

// roots yields the identifiers of x that are looked up in scope: not the
// fields and methods that are selected from them.
func roots(x ast.Expr) func(yield func(*ast.Ident) bool) {
	return func(yield func(*ast.Ident) bool) {
		stopped := false
		var visit func(n ast.Node) bool
		visit = func(n ast.Node) bool {
			if stopped {
				return false
			}
			switch n := n.(type) {
			case *ast.SelectorExpr:
				ast.Inspect(n.X, visit)
				return false
			case *ast.KeyValueExpr:
				if _, isName := n.Key.(*ast.Ident); !isName {
					ast.Inspect(n.Key, visit)
				}
				ast.Inspect(n.Value, visit)
				return false
			case *ast.Ident:
				stopped = !yield(n)
			}
			return true
		}
		ast.Inspect(x, visit)
	}
}

// unfit finds what an EXPR must not hold because reading it could block or
// change the program, and where.
func unfit(x ast.Expr) (problem string, at token.Pos) {
	ast.Inspect(x, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			problem, at = "an expression holds no function", n.Pos()
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				problem, at = "receiving from a channel would change the program", n.Pos()
			}
		case *ast.CallExpr:
			if id, ok := n.Fun.(*ast.Ident); ok && slices.Contains([]string{"panic", "recover", "close", "delete", "clear", "print", "println", "append", "copy"}, id.Name) {
				problem, at = id.Name+" would change the program", n.Pos()
			}
		case *ast.BadExpr, *ast.StructType, *ast.InterfaceType, *ast.ChanType:
			problem, at = "this is no value", n.Pos()
		}
		return problem == ""
	})
	switch x := ast.Unparen(x).(type) {
	case *ast.ArrayType, *ast.MapType, *ast.FuncType:
		problem, at = "this is a type, not a value", x.Pos()
	}
	if id, ok := x.(*ast.Ident); ok && id.Name == "nil" {
		return "nil says nothing", id.Pos()
	}
	return problem, at
}
