package weave

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"unicode"

	"github.com/orchestrall/orchestrall/internal/config"
	"github.com/orchestrall/orchestrall/internal/hooks"
	"github.com/orchestrall/orchestrall/rewrite"
)

// A Package is one type-checked package. Types and Info may be incomplete where
// the code has mistakes: what they don't know is not woven.
type Package struct {
	Fset  *token.FileSet
	Types *types.Package
	Info  *types.Info
	Files []File
	// Config tells how types of the user's own carry a context; nil for none.
	Config *config.Config
}

// A File is one file of a package.
type File struct {
	Path string
	Src  []byte
	Tree *ast.File
}

// A Result is what weaving a package comes to.
type Result struct {
	Edits   map[string][]rewrite.Edit // by path
	Matches []Match
	Notes   []Note
	// Imports are the packages that the edits make files import, sorted.
	Imports []string
}

// A Match is a place that was woven.
type Match struct {
	Library string
	Point   int // index in the library's points
	Pos     token.Position
}

// A Note is a place that a point means and that can't be woven.
type Note struct {
	Library string
	Pos     token.Position
	Reason  string
}

// NewInfo returns an Info with the maps that Weave and References read.
func NewInfo() *types.Info {
	return &types.Info{
		Types:      make(map[ast.Expr]types.TypeAndValue),
		Defs:       make(map[*ast.Ident]types.Object),
		Uses:       make(map[*ast.Ident]types.Object),
		Implicits:  make(map[ast.Node]types.Object),
		Selections: make(map[*ast.SelectorExpr]*types.Selection),
		Scopes:     make(map[ast.Node]*types.Scope),
	}
}

// Weave plans the edits of pkg. Where several hooks mean one place the first
// has it.
func Weave(pkg *Package, all []*Hook) *Result {
	r := &Result{Edits: make(map[string][]rewrite.Edit)}
	w := &weaver{pkg: pkg, result: r, hooks: make(map[hooks.Kind]map[hooks.Symbol][]*Hook), implements: make(map[string][]*Hook), interfaces: make(map[string][]*Hook)}
	for _, h := range all {
		if pkg.Types.Path() == h.Library.Hook {
			continue // a hook package calls what it hooks
		}
		w.index(h)
	}
	for i := range pkg.Files {
		w.weaveFile(&pkg.Files[i])
	}
	w.sideEffects()
	slices.Sort(r.Imports)
	r.Imports = slices.Compact(r.Imports)
	return r
}

type weaver struct {
	pkg    *Package
	hooks  map[hooks.Kind]map[hooks.Symbol][]*Hook
	result *Result
	// Hooks that no symbol leads to.
	implements map[string][]*Hook // by the method's name
	interfaces map[string][]*Hook // by the method's name
	parameters []*Hook
	imports    []*Hook

	// Of the file that is woven.
	file     *File
	edits    []rewrite.Edit
	marks    bool // columns are restored behind edits
	aliases  map[string]string
	names    map[string]bool // identifiers of the file
	replaced map[*types.PkgName]int
	dropped  map[*ast.Ident]bool
	handled  map[ast.Node]bool
	captured map[*ast.FuncLit]string // its variable that has the context of its go statement
	parents  []ast.Node
}

func (w *weaver) weaveFile(f *File) {
	w.file, w.edits, w.aliases, w.names = f, nil, make(map[string]string), nil
	w.replaced, w.dropped, w.handled = make(map[*types.PkgName]int), make(map[*ast.Ident]bool), make(map[ast.Node]bool)
	w.captured = make(map[*ast.FuncLit]string)
	w.marks = marked(f)
	w.parents = w.parents[:0]
	ast.Inspect(f.Tree, func(n ast.Node) bool {
		if n == nil {
			w.parents = w.parents[:len(w.parents)-1]
			return true
		}
		w.node(n)
		w.parents = append(w.parents, n)
		return true
	})
	if len(w.edits) == 0 {
		return
	}
	w.addImports()
	w.keepImports()
	w.result.Edits[f.Path] = w.edits
}

func (w *weaver) node(n ast.Node) {
	switch n := n.(type) {
	case *ast.FuncDecl:
		w.entry(n)
	case *ast.CompositeLit:
		w.literal(n)
	case *ast.SelectorExpr:
		w.handled[n.Sel] = true
		if id, ok := n.X.(*ast.Ident); ok {
			if _, ok := w.pkg.Info.Uses[id].(*types.PkgName); ok {
				w.qualified(n, id)
				return
			}
		}
		if s := w.pkg.Info.Selections[n]; s != nil {
			w.selection(n, s)
		}
	case *ast.Ident:
		if !w.handled[n] {
			w.bare(n)
		}
	}
}

// find returns the first hook of that kind for what obj is.
func (w *weaver) find(kind hooks.Kind, obj types.Object) *Hook {
	of := w.hooks[kind]
	if of == nil {
		return nil
	}
	s, ok := SymbolOf(obj)
	if !ok {
		return nil
	}
	if all := of[s]; len(all) > 0 {
		return all[0]
	}
	return nil
}

// SymbolOf names a package-level function or type, or a method of a type that
// is no interface.
func SymbolOf(obj types.Object) (hooks.Symbol, bool) {
	switch obj := obj.(type) {
	case *types.TypeName:
		if obj.Pkg() != nil && obj.Parent() == obj.Pkg().Scope() {
			return hooks.Symbol{Package: obj.Pkg().Path(), Name: obj.Name()}, true
		}
	case *types.Func:
		if obj.Pkg() == nil {
			return hooks.Symbol{}, false
		}
		obj = obj.Origin()
		s := hooks.Symbol{Package: obj.Pkg().Path(), Name: obj.Name()}
		recv := obj.Signature().Recv()
		if recv == nil {
			return s, obj.Parent() == obj.Pkg().Scope()
		}
		t := types.Unalias(recv.Type())
		if p, ok := t.(*types.Pointer); ok {
			s.Pointer, t = true, types.Unalias(p.Elem())
		}
		named, ok := t.(*types.Named)
		if !ok || types.IsInterface(named) {
			return s, false
		}
		s.Receiver = named.Obj().Name()
		return s, true
	}
	return hooks.Symbol{}, false
}

func (w *weaver) offset(p token.Pos) int { return w.pkg.Fset.PositionFor(p, false).Offset }

func (w *weaver) position(p token.Pos) token.Position {
	at := w.pkg.Fset.PositionFor(p, false)
	at.Filename = w.file.Path
	return at
}

// mark is a comment that tells the compiler which column of the user's line
// comes next.
func (w *weaver) mark(p token.Pos) string {
	if !w.marks {
		return ""
	}
	at := w.pkg.Fset.PositionFor(p, false)
	return fmt.Sprintf("/*line :%d:%d*/", at.Line, at.Column)
}

// insert puts text before p.
func (w *weaver) insert(p token.Pos, text string) {
	w.edits = append(w.edits, rewrite.Insert(w.offset(p), text+w.mark(p)))
}

// replace puts text in place of [from, to), which must not hold a line's end
// that text has not.
func (w *weaver) replace(from, to token.Pos, text string) {
	w.edits = append(w.edits, rewrite.Edit{Start: w.offset(from), End: w.offset(to), Text: text + w.mark(to)})
}

// marked reports whether the compiler is told columns in the file: one with
// line directives of its own has none.
func marked(f *File) bool {
	return !bytes.Contains(f.Src, []byte("//line ")) && !bytes.Contains(f.Src, []byte("/*line "))
}

// lines returns the line ends in [from, to).
func (w *weaver) lines(from, to token.Pos) string {
	return strings.Repeat("\n", bytes.Count(w.file.Src[w.offset(from):w.offset(to)], []byte("\n")))
}

func (w *weaver) match(h *Hook, p token.Pos) {
	w.result.Matches = append(w.result.Matches, Match{h.Library.Name, h.Index, w.position(p)})
}

func (w *weaver) note(h *Hook, p token.Pos, format string, args ...any) {
	w.result.Notes = append(w.result.Notes, Note{h.Library.Name, w.position(p), fmt.Sprintf(format, args...)})
}

// use returns how the file names the hook's function.
func (w *weaver) use(h *Hook) string {
	return w.alias("orchestrallhook_", h.fn.Pkg()) + "." + h.fn.Name()
}

// alias returns the name under which the file imports pkg for woven code.
func (w *weaver) alias(prefix string, pkg *types.Package) string {
	if name := w.aliases[pkg.Path()]; name != "" {
		return name
	}
	name := w.unique(prefix + pkg.Name())
	w.aliases[pkg.Path()] = name
	return name
}

// unique returns a name that the file has no use for.
func (w *weaver) unique(want string) string {
	if w.names == nil {
		w.names = make(map[string]bool)
		ast.Inspect(w.file.Tree, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				w.names[id.Name] = true
			}
			return true
		})
	}
	name := want
	for n := 2; w.names[name] || w.pkg.Types.Scope().Lookup(name) != nil; n++ {
		name = fmt.Sprintf("%s_%d", want, n)
	}
	w.names[name] = true
	return name
}

// addImports adds what the edits need behind the package clause.
func (w *weaver) addImports() {
	used := w.inserted()
	paths := make([]string, 0, len(w.aliases))
	for path, name := range w.aliases {
		if used[name] { // else it was for a type that could not be written after all
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	var text strings.Builder
	for _, path := range paths {
		fmt.Fprintf(&text, "; import %s %q", w.aliases[path], path)
		w.result.Imports = append(w.result.Imports, path)
	}
	if text.Len() > 0 {
		w.insert(w.file.Tree.Name.End(), text.String())
	}
}

// inserted returns the names in the text of the edits.
func (w *weaver) inserted() map[string]bool {
	names := make(map[string]bool)
	for _, e := range w.edits {
		for _, name := range strings.FieldsFunc(e.Text, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			names[name] = true
		}
	}
	return names
}

// keepImports uses the imports that the edits have left without a use.
func (w *weaver) keepImports() {
	var text strings.Builder
	for _, spec := range w.file.Tree.Imports {
		pkgName := w.importedBy(spec)
		if pkgName == nil || w.replaced[pkgName] == 0 || w.stillUsed(pkgName) {
			continue
		}
		if use := reference(pkgName); use != "" {
			text.WriteString("\n" + use)
		}
	}
	if text.Len() > 0 {
		size := len(w.file.Src)
		w.edits = append(w.edits, rewrite.Insert(size, text.String()+"\n"))
	}
}

func (w *weaver) importedBy(spec *ast.ImportSpec) *types.PkgName {
	obj := w.pkg.Info.Implicits[spec]
	if spec.Name != nil {
		obj = w.pkg.Info.Defs[spec.Name]
	}
	pkgName, _ := obj.(*types.PkgName)
	return pkgName
}

// stillUsed reports whether the file uses the import where nothing was
// replaced.
func (w *weaver) stillUsed(name *types.PkgName) bool {
	dot := name.Name() == "."
	used := false
	ast.Inspect(w.file.Tree, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok || used || w.dropped[id] {
			return !used
		}
		obj := w.pkg.Info.Uses[id]
		if dot {
			used = obj != nil && obj.Pkg() == name.Imported() && obj.Parent() == name.Imported().Scope() && !w.handled[id]
		} else {
			used = obj == types.Object(name)
		}
		return !used
	})
	return used
}

// reference returns a declaration that uses an import and compiles to nothing.
func reference(name *types.PkgName) string {
	prefix := name.Name() + "."
	if name.Name() == "." {
		prefix = ""
	}
	scope := name.Imported().Scope()
	var fallback string
	for _, id := range scope.Names() { // sorted
		if !token.IsExported(id) {
			continue
		}
		switch obj := scope.Lookup(id).(type) {
		case *types.TypeName:
			generic := false
			switch t := obj.Type().(type) {
			case *types.Named:
				generic = t.TypeParams().Len() > 0
			case *types.Alias:
				generic = t.TypeParams().Len() > 0
			}
			if !generic {
				return "type _ = " + prefix + id
			}
		case *types.Const:
			fallback = "const _ = " + prefix + id
		case *types.Func:
			if fallback == "" && obj.Signature().TypeParams().Len() == 0 {
				fallback = "var _ = " + prefix + id
			}
		case *types.Var:
			if fallback == "" {
				fallback = "var _ = " + prefix + id
			}
		}
	}
	return fallback
}

// dropUse counts one use of an import that goes.
func (w *weaver) dropUse(id *ast.Ident) {
	if name, ok := w.pkg.Info.Uses[id].(*types.PkgName); ok {
		w.replaced[name]++
		w.dropped[id] = true
	}
}

// dropDotUse counts a use of a dot import that goes.
func (w *weaver) dropDotUse(id *ast.Ident, pkg *types.Package) {
	w.dropped[id] = true
	for _, spec := range w.file.Tree.Imports {
		if name := w.importedBy(spec); name != nil && name.Name() == "." && name.Imported() == pkg {
			w.replaced[name]++
		}
	}
}
