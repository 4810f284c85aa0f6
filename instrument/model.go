package instrument

import (
	"bytes"
	"go/ast"
	"slices"
	"strings"
)

// A model answers questions about a package from syntax alone. It parses a
// file when a question first needs it.
type model struct {
	files   []File
	parsed  map[string]*pkgFile // by path; nil for a file that does not parse
	ds      []Diagnostic
	indexes map[string]*index // by package name
	error   *bool             // whether a file may declare its own error; nil = not looked yet
	depth   int               // of [model.errorness]: invalid sources hold types that are made of themselves
}

func newModel(files []File) *model {
	return &model{files: files, parsed: make(map[string]*pkgFile), indexes: make(map[string]*index)}
}

// file parses f once, with its generated code taken out. It returns nil for a
// file that does not parse, which the model's diagnostics then tell.
func (m *model) file(f File) *pkgFile {
	if p, done := m.parsed[f.Path]; done {
		return p
	}
	var lines []int
	if hasMarker(f.Src) {
		src, lineMap, ds := strip(f)
		if HasErrors(ds) {
			m.ds = append(m.ds, ds...)
			m.parsed[f.Path] = nil
			return nil
		}
		f.Src, lines = src, lineMap
	}
	p, ds := parseFile(f)
	if p != nil {
		p.lines = lines
		p.comments, ds = directives(p.fset, p.tree)
	}
	m.ds = append(m.ds, ds...)
	m.parsed[f.Path] = p
	return p
}

// An index holds what a package declares at its top level.
type index struct {
	names   map[string]bool
	types   map[string]*ast.TypeSpec
	owner   map[string]*pkgFile        // file of a type
	methods map[string]map[string]bool // by receiver type
}

// index reads every file of the package of that name: its own files and, as
// the compiler sees them together, its test files.
func (m *model) index(pkgName string) *index {
	if ix := m.indexes[pkgName]; ix != nil {
		return ix
	}
	ix := &index{
		names:   make(map[string]bool),
		types:   make(map[string]*ast.TypeSpec),
		owner:   make(map[string]*pkgFile),
		methods: make(map[string]map[string]bool),
	}
	m.indexes[pkgName] = ix
	for _, f := range m.files {
		if p := m.file(f); p != nil && p.packageName() == pkgName {
			ix.add(p)
		}
	}
	return ix
}

func (ix *index) add(f *pkgFile) {
	for _, decl := range f.tree.Decls {
		for _, id := range declared(decl) {
			ix.names[id.Name] = true
		}
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if recv := receiverType(decl); recv != "" {
				if ix.methods[recv] == nil {
					ix.methods[recv] = make(map[string]bool)
				}
				ix.methods[recv][decl.Name.Name] = true
			}
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				if spec, ok := spec.(*ast.TypeSpec); ok {
					ix.types[spec.Name.Name] = spec
					ix.owner[spec.Name.Name] = f
				}
			}
		}
	}
}

// receiverType returns the name of the type that a method belongs to, or ""
// for a function.
func receiverType(decl *ast.FuncDecl) string {
	if decl.Recv == nil || len(decl.Recv.List) == 0 {
		return ""
	}
	if id := baseIdent(decl.Recv.List[0].Type); id != nil {
		return id.Name
	}
	return ""
}

// baseIdent finds T in T, *T, (T), T[A] and *T[A, B].
func baseIdent(x ast.Expr) *ast.Ident {
	switch x := x.(type) {
	case *ast.Ident:
		return x
	case *ast.StarExpr:
		return baseIdent(x.X)
	case *ast.ParenExpr:
		return baseIdent(x.X)
	case *ast.IndexExpr:
		return baseIdent(x.X)
	case *ast.IndexListExpr:
		return baseIdent(x.X)
	}
	return nil
}

// An errorness says how sure syntax is that a type implements error.
type errorness uint8

const (
	noError       errorness = iota
	maybeError              // asked at run time
	certainlyThat           // the predeclared error itself
)

// errorness judges the type x of the last result of a function in f.
func (m *model) errorness(f *pkgFile, typeParams *ast.FieldList, x ast.Expr, last bool) errorness {
	if m.depth > 50 {
		return noError
	}
	m.depth++
	defer func() { m.depth-- }()
	switch x := x.(type) {
	case *ast.ParenExpr:
		return m.errorness(f, typeParams, x.X, last)
	case *ast.Ident:
		if constraint := typeParam(typeParams, x.Name); constraint != nil {
			if id, ok := constraint.(*ast.Ident); ok && id.Name == "error" {
				return maybeError
			}
			return noError
		}
		return m.namedErrorness(f, x.Name, last)
	case *ast.StarExpr:
		switch elem := x.X.(type) {
		case *ast.Ident:
			if m.index(f.packageName()).methods[elem.Name]["Error"] {
				return maybeError
			}
			if !m.index(f.packageName()).names[elem.Name] && f.dotImport() && last {
				return maybeError
			}
			return m.embedded(f, elem.Name)
		case *ast.IndexExpr, *ast.IndexListExpr:
			if id := baseIdent(elem); id != nil && m.index(f.packageName()).methods[id.Name]["Error"] {
				return maybeError
			}
		case *ast.SelectorExpr:
			// Asking a pointer at run time costs a type assertion, nothing more.
			if last {
				return maybeError
			}
		}
	case *ast.SelectorExpr:
		// A struct would be copied to be asked, so its name must speak for it.
		if name := x.Sel.Name; last && (strings.HasSuffix(name, "Error") || strings.HasPrefix(name, "Err") || strings.HasSuffix(name, "Errno")) {
			return maybeError
		}
	case *ast.IndexExpr:
		return m.errorness(f, typeParams, x.X, last)
	case *ast.InterfaceType:
		for _, field := range x.Methods.List {
			if len(field.Names) == 0 && m.errorness(f, typeParams, field.Type, last) != noError {
				return maybeError
			}
			if len(field.Names) == 1 && field.Names[0].Name == "Error" {
				return maybeError
			}
		}
	}
	return noError
}

// namedErrorness judges a type that is named without a qualifier.
func (m *model) namedErrorness(f *pkgFile, name string, last bool) errorness {
	ix := m.indexIfNeeded(f, name)
	if ix == nil {
		return certainlyThat // error, and no file declares another
	}
	if ix.methods[name]["Error"] {
		return maybeError
	}
	spec := ix.types[name]
	switch {
	case spec == nil && name == "error":
		return certainlyThat
	case spec == nil && f.dotImport() && last && !slices.Contains(universeTypes, name):
		return maybeError
	case spec == nil:
		return noError
	}
	if spec.Assign.IsValid() { // an alias is what it stands for
		if id, ok := spec.Type.(*ast.Ident); ok && id.Name == name {
			return noError
		}
		return m.errorness(ix.owner[name], spec.TypeParams, spec.Type, last)
	}
	switch t := spec.Type.(type) {
	case *ast.InterfaceType:
		return m.errorness(ix.owner[name], spec.TypeParams, t, last)
	case *ast.Ident:
		if t.Name != name && m.namedErrorness(ix.owner[name], t.Name, last) == certainlyThat {
			return maybeError // type E error
		}
	}
	return m.embedded(f, name)
}

// indexIfNeeded returns nil when name is error and nothing in the package
// mentions a declaration of that name, which saves parsing the other files.
func (m *model) indexIfNeeded(f *pkgFile, name string) *index {
	if name == "error" && !m.declaresError() {
		return nil
	}
	return m.index(f.packageName())
}

// declaresError looks, once, for bytes that could declare an identifier error
// at the top level.
func (m *model) declaresError() bool {
	if m.error == nil {
		found := slices.ContainsFunc(m.files, func(f File) bool {
			return slices.ContainsFunc(errorDeclarations, func(text []byte) bool { return bytes.Contains(f.Src, text) })
		})
		m.error = &found
	}
	return *m.error
}

var errorDeclarations = [][]byte{
	[]byte("type error"), []byte("var error"), []byte("func error"), []byte("const error"), []byte("\terror ="),
	[]byte("\terror  "), []byte("\terror struct"), []byte("\terror interface"),
}

// embedded reports whether the struct type of that name embeds something that
// could give it an Error method.
func (m *model) embedded(f *pkgFile, name string) errorness {
	ix := m.index(f.packageName())
	spec := ix.types[name]
	if spec == nil {
		return noError
	}
	st, ok := spec.Type.(*ast.StructType)
	if !ok {
		return noError
	}
	for _, field := range st.Fields.List {
		if len(field.Names) > 0 {
			continue
		}
		switch t := field.Type.(type) {
		case *ast.Ident:
			if t.Name == "error" || ix.methods[t.Name]["Error"] {
				return maybeError
			}
		case *ast.StarExpr:
			if id, ok := t.X.(*ast.Ident); ok && ix.methods[id.Name]["Error"] {
				return maybeError
			}
		}
	}
	return noError
}

// typeParam returns the constraint of the type parameter of that name.
func typeParam(params *ast.FieldList, name string) ast.Expr {
	if params == nil {
		return nil
	}
	for _, field := range params.List {
		for _, n := range field.Names {
			if n.Name == name {
				return field.Type
			}
		}
	}
	return nil
}

// isContext reports whether x is context.Context, under whatever name the file
// imports it, or a package-level alias of it.
func (m *model) isContext(f *pkgFile, x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.SelectorExpr:
		return m.qualified(f, x) == "context.Context"
	case *ast.Ident:
		if slices.Contains(universeTypes, x.Name) {
			return false
		}
		if path, ok := f.importPath("."); ok && path == "context" && x.Name == "Context" {
			return true
		}
		if !strings.Contains(strings.ToLower(x.Name), "ctx") && !strings.Contains(strings.ToLower(x.Name), "context") {
			return false
		}
		ix := m.index(f.packageName())
		spec := ix.types[x.Name]
		return spec != nil && spec.Assign.IsValid() && spec.Type != x && m.isContext(ix.owner[x.Name], spec.Type)
	}
	return false
}

// qualified returns "import/path.Name" for a qualified identifier of f.
func (m *model) qualified(f *pkgFile, x *ast.SelectorExpr) string {
	id, ok := x.X.(*ast.Ident)
	if !ok {
		return ""
	}
	path, ok := f.importPath(id.Name)
	if !ok {
		return ""
	}
	return path + "." + x.Sel.Name
}

// typeName spells x as orchestrall.yaml does: *net/http.Request.
func (m *model) typeName(f *pkgFile, x ast.Expr) string {
	switch x := x.(type) {
	case *ast.StarExpr:
		if name := m.typeName(f, x.X); name != "" {
			return "*" + name
		}
	case *ast.SelectorExpr:
		return m.qualified(f, x)
	}
	return ""
}

var universeTypes = []string{
	"any", "bool", "byte", "comparable", "complex64", "complex128", "error", "float32", "float64", "int", "int8",
	"int16", "int32", "int64", "rune", "string", "uint", "uint8", "uint16", "uint32", "uint64", "uintptr",
}

var universeValues = []string{
	"append", "cap", "complex", "copy", "false", "imag", "iota", "len", "make", "max", "min", "new", "nil", "real",
	"true",
}
