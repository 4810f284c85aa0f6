package weave

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
)

// spell writes a type as woven code at that place can name it, with imports
// that are added for it.
func (w *weaver) spell(t types.Type, at token.Pos) (string, bool) {
	ok := true
	text := types.TypeString(t, func(p *types.Package) string {
		if p == w.pkg.Types {
			return ""
		}
		if isInternal(p.Path()) {
			ok = false
			return "hidden"
		}
		return w.alias("orchestralltype_", p)
	})
	if !ok {
		return "", false
	}
	expr, err := parser.ParseExpr(text)
	if err != nil {
		return "", false
	}
	scope := w.pkg.Types.Scope().Innermost(at)
	if scope == nil {
		scope = w.pkg.Types.Scope()
	}
	ast.Inspect(expr, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			ok = ok && n.Sel.IsExported()
			return false
		case *ast.Field:
			ast.Inspect(n.Type, func(n ast.Node) bool { return w.visible(n, scope, at, &ok) })
			return false
		default:
			return w.visible(n, scope, at, &ok)
		}
	})
	return text, ok
}

// visible clears ok when a name of the type means something else at that place.
func (w *weaver) visible(n ast.Node, scope *types.Scope, at token.Pos, ok *bool) bool {
	switch n := n.(type) {
	case *ast.SelectorExpr:
		*ok = *ok && n.Sel.IsExported()
		return false
	case *ast.StructType, *ast.InterfaceType:
		// Their members would have to be told from the names of types.
		if len(fieldsOf(n)) > 0 {
			*ok = false
		}
		return false
	case *ast.Field:
		ast.Inspect(n.Type, func(n ast.Node) bool { return w.visible(n, scope, at, ok) })
		return false
	case *ast.Ident:
		_, obj := scope.LookupParent(n.Name, at)
		if obj == nil {
			*ok = false
			return false
		}
		switch obj.Parent() {
		case types.Universe:
			*ok = *ok && types.Universe.Lookup(n.Name) == obj
		case w.pkg.Types.Scope():
		default:
			*ok = false // a local type, or a name that hides the one meant
		}
	}
	return true
}

func fieldsOf(n ast.Node) []*ast.Field {
	switch n := n.(type) {
	case *ast.StructType:
		return n.Fields.List
	case *ast.InterfaceType:
		return n.Methods.List
	}
	return nil
}

func (w *weaver) spellAll(list *types.TypeList, at token.Pos) ([]string, bool) {
	var all []string
	for t := range list.Types() {
		text, ok := w.spell(t, at)
		if !ok {
			return nil, false
		}
		all = append(all, text)
	}
	return all, true
}

// function writes a signature without names, the same with names p0, p1, …,
// and these names as arguments.
func (w *weaver) function(sig *types.Signature, at token.Pos) (outer, inner, args string, ok bool) {
	var plain, named, names []string
	for i := range sig.Params().Len() {
		t := sig.Params().At(i).Type()
		dots := ""
		if sig.Variadic() && i == sig.Params().Len()-1 {
			slice, isSlice := t.(*types.Slice)
			if !isSlice {
				return "", "", "", false
			}
			t, dots = slice.Elem(), "..."
		}
		text, ok := w.spell(t, at)
		if !ok {
			return "", "", "", false
		}
		plain = append(plain, dots+text)
		named = append(named, fmt.Sprintf("p%d %s%s", i, dots, text))
		names = append(names, fmt.Sprintf("p%d%s", i, dots))
	}
	var results []string
	for v := range sig.Results().Variables() {
		text, ok := w.spell(v.Type(), at)
		if !ok {
			return "", "", "", false
		}
		results = append(results, text)
	}
	end := ""
	if len(results) > 0 {
		end = " (" + strings.Join(results, ", ") + ")"
	}
	return "(" + strings.Join(plain, ", ") + ")" + end, "(" + strings.Join(named, ", ") + ")" + end, strings.Join(names, ", "), true
}

// isInternal reports whether only some packages may import that path.
func isInternal(path string) bool {
	return path == "internal" || strings.HasPrefix(path, "internal/") || strings.HasSuffix(path, "/internal") ||
		strings.Contains(path, "/internal/") || strings.HasPrefix(path, "vendor/")
}
