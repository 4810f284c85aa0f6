// Package deep edits packages of the standard library such that hooks reach
// callers that are nobody's own: it is pure, and takes and returns files.
//
// A standard package cannot import a hook package. It gets one more file, with
// a variable for each hook, and a line that asks the variable. The hook package
// declares the same variables with go:linkname and fills them when it is
// initialised; the added file marks them with go:linkname too, as the linker
// demands of what a standard package lets others reach. A hook package in a
// build without the edit has variables that nobody asks.
package deep

import (
	"cmp"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strings"

	"github.com/orchestrall/orchestrall/rewrite"
)

// A File is one file of a standard package.
type File struct {
	Name string // base name
	Src  []byte
}

// A place is a function that is edited.
type place struct {
	file               string
	receiver, function string
	edit               func(f *parsed, decl *ast.FuncDecl) ([]rewrite.Edit, error)
}

// A library is what deep hooks of that name edit.
type library struct {
	pkg     string
	follows string // the library whose choice counts where nothing else is said
	places  []place
	makes   []string // functions, and types of composite literals, with which code comes by what is hooked
	offers  string   // a function that only packages call which do that for others
	hands   string   // a method that hands to a function literal what is hooked
}

var libraries = map[string]library{
	"database/sql": {pkg: "database/sql", places: []place{
		{"sql.go", "", "OpenDB", openDB},
		{"sql.go", "", "Open", open},
		{"sql.go", "Conn", "Raw", raw},
	}, makes: []string{"Open", "OpenDB"}, offers: "Register", hands: "Conn.Raw"},
	"log/slog": {pkg: "log/slog", places: []place{
		{"logger.go", "Logger", "log", handle},
		{"logger.go", "Logger", "logAttrs", handle},
	}},
	"net/http": {pkg: "net/http", places: []place{
		{"server.go", "serverHandler", "ServeHTTP", serve},
		{"request.go", "", "MaxBytesReader", ownWriter},
	}, makes: []string{"Server", "ListenAndServe", "ListenAndServeTLS", "Serve", "ServeTLS"}},
	"net/http-client": {pkg: "net/http", follows: "net/http", places: []place{
		{"transport.go", "Transport", "roundTrip", roundTrip},
	}, makes: []string{"Client", "DefaultClient", "Get", "Head", "Post", "PostForm"}},
}

// added is the file that each package gets. The types of variables stand on
// this side only: the hook package declares its own with the same ones.
var added = map[string]string{"database/sql": addedSQL, "log/slog": addedSlog, "net/http": addedHTTP}

// Known reports whether the hooks of a library can be deep.
func Known(name string) bool { return libraries[name].pkg != "" }

// Names returns the libraries whose hooks can be deep, sorted.
func Names() []string {
	var names []string
	for name := range libraries {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Follows returns the library with which one becomes deep unless it is chosen
// itself, "" for none.
func Follows(name string) string { return libraries[name].follows }

// Package returns the standard package that the hooks of a library edit.
func Package(name string) string { return libraries[name].pkg }

// Makes returns what the first of a library's databases, servers or clients in
// the files of a package comes from: a function or variable that is used, the
// type of a literal, or a method that hands it out; "" where there is none.
// Drivers of databases make theirs for whoever asks them.
func Makes(name string, files []*ast.File) string {
	l := libraries[name]
	made, handed := "", ""
	for _, f := range files {
		if used := uses(f, l.pkg, l.makes); made == "" && used != "" {
			made = path.Base(l.pkg) + "." + used
		}
		if hands(f, l.hands) {
			handed = path.Base(l.pkg) + "." + l.hands
		}
	}
	if l.offers != "" && slices.ContainsFunc(files, func(f *ast.File) bool { return uses(f, l.pkg, []string{l.offers}) != "" }) {
		made = ""
	}
	return cmp.Or(made, handed)
}

// hands reports whether a file calls a method with a function literal of one
// parameter and one result.
func hands(file *ast.File, method string) bool {
	_, name, _ := strings.Cut(method, ".")
	found := false
	ast.Inspect(file, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && name != "" && len(call.Args) == 1 {
			sel, isMethod := call.Fun.(*ast.SelectorExpr)
			lit, isFunc := call.Args[0].(*ast.FuncLit)
			found = found || isMethod && isFunc && sel.Sel.Name == name && lit.Type.Params.NumFields() == 1 && lit.Type.Results.NumFields() == 1
		}
		return !found
	})
	return found
}

// uses returns the first of the names of pkg that stands in file for a value or
// for the type of one that is made.
func uses(file *ast.File, pkg string, names []string) string {
	as := ""
	for _, spec := range file.Imports {
		if strings.Trim(spec.Path.Value, "\"`") == pkg {
			if as = path.Base(pkg); spec.Name != nil {
				as = spec.Name.Name
			}
		}
	}
	if as == "" || as == "_" {
		return ""
	}
	found := ""
	mentioned := func(e ast.Expr) {
		if sel, ok := e.(*ast.SelectorExpr); ok && found == "" && slices.Contains(names, sel.Sel.Name) {
			if id, ok := sel.X.(*ast.Ident); ok && id.Name == as {
				found = sel.Sel.Name
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CompositeLit:
			mentioned(n.Type)
		case *ast.CallExpr:
			mentioned(n.Fun)
			for _, arg := range n.Args { // new(http.Client), or handed on
				mentioned(arg)
			}
		case *ast.AssignStmt:
			for _, e := range n.Rhs {
				mentioned(e)
			}
		case *ast.ReturnStmt:
			for _, e := range n.Results {
				mentioned(e)
			}
		case *ast.KeyValueExpr:
			mentioned(n.Value)
		case *ast.SelectorExpr: // http.DefaultClient.Do
			mentioned(n.X)
		case *ast.ValueSpec:
			for _, e := range n.Values {
				mentioned(e)
			}
		}
		return found == ""
	})
	return found
}

// Added is the name of the file that a standard package gets.
const Added = "orchestrall_hooks.go"

// Packages returns the standard packages that the hooks of these libraries
// edit, sorted.
func Packages(names []string) []string {
	var all []string
	for _, name := range names {
		all = append(all, Package(name))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Files returns the files of a standard package that deep hooks of these
// libraries change or add, by reading the package's own by their base names;
// none where the libraries are about others. The error names every function
// that is not what the hooks expect; nothing of the package is edited then.
func Files(pkg string, names []string, read func(name string) ([]byte, error)) ([]File, error) {
	edits := make(map[string][]rewrite.Edit)
	sources := make(map[string]*parsed)
	var problems []error
	for _, name := range names {
		if Package(name) != pkg {
			continue
		}
		for _, p := range libraries[name].places {
			f, seen := sources[p.file]
			if !seen {
				src, err := read(p.file)
				if err == nil {
					f, err = parse(src)
				}
				if err != nil {
					f, problems = nil, append(problems, err)
				}
				sources[p.file] = f
			}
			if f == nil {
				continue
			}
			found, err := p.in(f)
			if err != nil {
				problems = append(problems, err)
				continue
			}
			edits[p.file] = append(edits[p.file], found...)
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	if len(edits) == 0 {
		return nil, nil
	}
	files := []File{{Added, []byte(added[pkg])}}
	for name, of := range edits {
		src, err := rewrite.Apply(sources[name].src, of)
		if err != nil {
			return nil, err
		}
		files = append(files, File{name, src})
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return files, nil
}

type parsed struct {
	src  []byte
	fset *token.FileSet
	tree *ast.File
}

func parse(src []byte) (*parsed, error) {
	f := &parsed{src: src, fset: token.NewFileSet()}
	var err error
	f.tree, err = parser.ParseFile(f.fset, "", src, parser.SkipObjectResolution)
	return f, err
}

func (f *parsed) offset(p token.Pos) int { return f.fset.PositionFor(p, false).Offset }

func (f *parsed) text(n ast.Node) string { return string(f.src[f.offset(n.Pos()):f.offset(n.End())]) }

func (p place) String() string {
	if p.receiver == "" {
		return p.function
	}
	return p.receiver + "." + p.function
}

// in finds the place in f.
func (p place) in(f *parsed) ([]rewrite.Edit, error) {
	for _, d := range f.tree.Decls {
		decl, ok := d.(*ast.FuncDecl)
		if !ok || decl.Name.Name != p.function || decl.Body == nil || receiver(decl) != p.receiver {
			continue
		}
		e, err := p.edit(f, decl)
		if err != nil {
			return nil, fmt.Errorf("%s in %s %w", p, p.file, err)
		}
		return e, nil
	}
	return nil, fmt.Errorf("%s has no %s", p.file, p)
}

func receiver(decl *ast.FuncDecl) string {
	if decl.Recv == nil || len(decl.Recv.List) != 1 {
		return ""
	}
	t := decl.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	id, _ := t.(*ast.Ident)
	if id == nil {
		return ""
	}
	return id.Name
}

// params returns the names of the receiver and the parameters, nil when one has
// none.
func params(decl *ast.FuncDecl) []string {
	var names []string
	var fields []*ast.Field
	if decl.Recv != nil {
		fields = append(fields, decl.Recv.List...)
	}
	for _, f := range append(fields, decl.Type.Params.List...) {
		if len(f.Names) == 0 {
			return nil
		}
		for _, id := range f.Names {
			if id.Name == "_" {
				return nil
			}
			names = append(names, id.Name)
		}
	}
	return names
}

var errShape = errors.New("is not the function that the hooks expect")

// atStart inserts at the beginning of a function.
func atStart(f *parsed, decl *ast.FuncDecl, text string) []rewrite.Edit {
	return []rewrite.Edit{rewrite.Insert(f.offset(decl.Body.Lbrace)+1, text)}
}
