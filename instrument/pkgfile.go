package instrument

import (
	"errors"
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/scanner"
	"go/token"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A pkgFile is a source file with its syntax tree. Positions are those of the
// bytes: //line comments are not followed.
type pkgFile struct {
	File
	fset     *token.FileSet
	tree     *ast.File
	comments []*comment
	lines    []int // where a line of Src stands on disk, for a file that was stripped
}

// parseFile parses f as far as it goes. The diagnostics are the syntax errors.
func parseFile(f File) (*pkgFile, []Diagnostic) {
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, f.Path, f.Src, parser.ParseComments|parser.SkipObjectResolution)
	if err == nil {
		return &pkgFile{File: f, fset: fset, tree: tree}, nil
	}
	var list scanner.ErrorList
	if !errors.As(err, &list) {
		return nil, []Diagnostic{errorf(token.Position{Filename: f.Path}, "syntax", "", "%v", err)}
	}
	var ds []Diagnostic
	for _, e := range list {
		e.Pos.Filename = f.Path
		ds = append(ds, errorf(e.Pos, "syntax", "", "%s", e.Msg))
	}
	return nil, ds
}

// pos returns the place of p in the bytes of the file.
func (f *pkgFile) pos(p token.Pos) token.Position { return f.fset.PositionFor(p, false) }

// offset returns where p stands in Src.
func (f *pkgFile) offset(p token.Pos) int { return f.fset.PositionFor(p, false).Offset }

func (f *pkgFile) isTest() bool { return strings.HasSuffix(f.Path, "_test.go") }

func (f *pkgFile) packageName() string { return f.tree.Name.Name }

// imports calls yield with the name and the path of every import; the name is
// a guess from the path where the file gives none.
func (f *pkgFile) imports(yield func(name, path string) bool) {
	for _, spec := range f.tree.Imports {
		importPath, err := strconv.Unquote(spec.Path.Value)
		if err != nil || importPath == "" {
			continue
		}
		name := guessName(importPath)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		if !yield(name, importPath) {
			return
		}
	}
}

// importPath returns the path that the file imports under name.
func (f *pkgFile) importPath(name string) (string, bool) {
	for n, p := range f.imports {
		if n == name {
			return p, true
		}
	}
	return "", false
}

// dotImport reports whether the file imports into its own scope, so that an
// unknown name may still be known to the compiler.
func (f *pkgFile) dotImport() bool {
	_, found := f.importPath(".")
	return found
}

// guessName returns the name that the package of an import path most likely
// has: its last element without a version and without a go- or -go around it.
func guessName(importPath string) string {
	base := path.Base(importPath)
	if isMajorVersion(base) {
		base = path.Base(path.Dir(importPath))
	}
	if i := strings.Index(base, ".v"); i > 0 {
		base = base[:i]
	}
	base = strings.TrimPrefix(base, "go-")
	base = strings.TrimSuffix(strings.TrimSuffix(base, "-go"), ".go")
	if i := strings.LastIndexByte(base, '-'); i >= 0 {
		base = base[i+1:]
	}
	return base
}

func isMajorVersion(s string) bool {
	if len(s) < 2 || s[0] != 'v' {
		return false
	}
	_, err := strconv.Atoi(s[1:])
	return err == nil
}

// A condition is what must hold for a file to be built.
type condition struct {
	expr     constraint.Expr // from //go:build; nil if none
	nameTags []string        // from the file's name: linux, amd64
	cgo      bool
}

func (c condition) none() bool { return c.expr == nil && len(c.nameTags) == 0 && !c.cgo }

// String is the condition as the expression of a //go:build line.
func (c condition) String() string {
	var parts []string
	if c.expr != nil {
		s := c.expr.String()
		if _, or := c.expr.(*constraint.OrExpr); or {
			s = "(" + s + ")"
		}
		parts = append(parts, s)
	}
	parts = append(parts, c.nameTags...)
	if c.cgo {
		parts = append(parts, "cgo")
	}
	return strings.Join(parts, " && ")
}

// ignored reports whether only the tag ignore could bring the file into a
// build.
func (c condition) ignored() bool {
	if c.expr == nil {
		return false
	}
	mentions := false
	c.expr.Eval(func(tag string) bool {
		mentions = mentions || tag == "ignore"
		return true
	})
	return mentions && !c.expr.Eval(func(tag string) bool { return tag != "ignore" })
}

// condition reads the constraints of the file: the //go:build line, its name,
// and the use of cgo.
func (f *pkgFile) condition() condition {
	var c condition
	for _, group := range f.tree.Comments {
		if group.Pos() > f.tree.Package {
			break
		}
		for _, line := range group.List {
			if constraint.IsGoBuild(line.Text) {
				if x, err := constraint.Parse(strings.TrimRight(line.Text, " \t\r")); err == nil {
					c.expr = x
				}
			}
		}
	}
	c.nameTags = nameTags(f.Path)
	_, c.cgo = f.importPath("C")
	return c
}

// nameTags returns the operating system and architecture that a file name
// such as x_linux_amd64.go asks for.
func nameTags(file string) []string {
	name := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(file), ".go"), "_test")
	parts := strings.Split(name, "_")
	if len(parts) < 2 {
		return nil
	}
	parts = parts[1:] // a name that is only linux.go asks for nothing
	n := len(parts)
	last := parts[n-1]
	if n >= 2 && slices.Contains(knownOS, parts[n-2]) && slices.Contains(knownArch, last) {
		return []string{parts[n-2], last}
	}
	if slices.Contains(knownOS, last) || slices.Contains(knownArch, last) {
		return []string{last}
	}
	return nil
}

// The names that the go command reads in file names; the list is closed: new
// ports add build tags, not file name suffixes.
var (
	knownOS = []string{
		"aix", "android", "darwin", "dragonfly", "freebsd", "hurd", "illumos", "ios", "js", "linux", "nacl",
		"netbsd", "openbsd", "plan9", "solaris", "wasip1", "windows", "zos",
	}
	knownArch = []string{
		"386", "amd64", "amd64p32", "arm", "armbe", "arm64", "arm64be", "loong64", "mips", "mipsle", "mips64",
		"mips64le", "mips64p32", "mips64p32le", "ppc", "ppc64", "ppc64le", "riscv", "riscv64", "s390", "s390x",
		"sparc", "sparc64", "wasm",
	}
)
