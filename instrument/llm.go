package instrument

import (
	"go/ast"
	"slices"
)

// addModel gives a function of kind llm what nobody has to ask for: the model
// and the tokens, from the arguments and the result where these offer them.
// What the directive says itself stands. needed gets the result that is read.
func (fn *function) addModel(params, results []slot, errAt, streamAt int, needed map[int]bool) {
	if fn.d.kind != "llm" {
		return
	}
	fn.d.fields = slices.Clone(fn.d.fields) // a directive on a type belongs to several functions
	add := func(key, code string, atEnd bool) bool {
		if slices.ContainsFunc(fn.d.fields, func(f field) bool { return f.role == roleAttribute && f.key == key }) {
			return false
		}
		fn.d.fields = append(fn.d.fields, field{role: roleAttribute, key: key, code: code, atEnd: atEnd, implicit: true})
		return true
	}
	if code := fn.requestModel(params); code != "" {
		add("gen_ai.request.model", code, false)
	}
	at := slices.IndexFunc(results, func(r slot) bool { return mayOffer(r.typ) })
	if at < 0 || at == errAt || at == streamAt {
		return
	}
	result := results[at].code
	for _, f := range [][2]string{
		{"gen_ai.response.model", "orchestrallModel(" + result + ")"},
		{"gen_ai.usage.input_tokens", "orchestrallUsage(" + result + ", 0)"},
		{"gen_ai.usage.output_tokens", "orchestrallUsage(" + result + ", 1)"},
	} {
		if add(f[0], f[1], true) {
			needed[at] = true
		}
	}
}

// requestModel is a parameter that names the model, or the only one that may
// have a field which does.
func (fn *function) requestModel(params []slot) string {
	var found []string
	for _, p := range params {
		if p.name == nil || p.name.Name == "_" || p.code == fn.ctx || p.code == fn.ctxIn {
			continue
		}
		if id, ok := p.typ.(*ast.Ident); ok && id.Name == "string" && p.name.Name == "model" {
			return p.code
		}
		if mayOffer(p.typ) {
			found = append(found, p.code)
		}
	}
	if len(found) != 1 {
		return ""
	}
	return "orchestrallModel(" + found[0] + ")"
}

// mayOffer reports whether a value of the type may be a struct, or point to one.
func mayOffer(t ast.Expr) bool {
	switch t := t.(type) {
	case *ast.Ident:
		return !plainTypes[t.Name]
	case *ast.StarExpr:
		return mayOffer(t.X)
	case *ast.SelectorExpr, *ast.IndexExpr, *ast.IndexListExpr, *ast.StructType:
		return true
	}
	return false
}

var plainTypes = map[string]bool{
	"bool": true, "string": true, "error": true, "byte": true, "rune": true, "uintptr": true,
	"int": true, "int8": true, "int16": true, "int32": true, "int64": true,
	"uint": true, "uint8": true, "uint16": true, "uint32": true, "uint64": true,
	"float32": true, "float64": true, "complex64": true, "complex128": true,
}
