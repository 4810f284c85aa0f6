package overlay

import (
	"bytes"
	"errors"
	"fmt"
	"go/build"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/orchestrall/orchestrall/internal/scan"
	"github.com/orchestrall/orchestrall/internal/weave"
)

// buildContext chooses among files as the go command does in this build.
func (s *session) buildContext() build.Context {
	ctx := build.Default
	ctx.GOOS, ctx.GOARCH = runtime.GOOS, runtime.GOARCH
	if os := s.vars.Go("GOOS"); os != "" {
		ctx.GOOS = os
	}
	if arch := s.vars.Go("GOARCH"); arch != "" {
		ctx.GOARCH = arch
	}
	native := ctx.GOOS == runtime.GOOS && ctx.GOARCH == runtime.GOARCH
	switch s.vars.Go("CGO_ENABLED") {
	case "1":
		ctx.CgoEnabled = true
	case "0":
		ctx.CgoEnabled = false
	default:
		ctx.CgoEnabled = native && s.hasCompiler()
	}
	ctx.BuildTags = append(strings.FieldsFunc(s.args.tags, func(r rune) bool { return r == ',' || r == ' ' }), s.args.sanitize...)
	return ctx
}

// hasCompiler reports whether there is a C compiler: without one the go
// command builds without cgo.
func (s *session) hasCompiler() bool {
	cc := strings.Fields(s.vars.Go("CC"))
	if len(cc) == 0 {
		cc = []string{"gcc"}
		if runtime.GOOS == "darwin" || runtime.GOOS == "freebsd" || runtime.GOOS == "openbsd" {
			cc = []string{"clang"}
		}
	}
	_, err := exec.LookPath(cc[0])
	return err == nil
}

// A loader type-checks first-party packages from their sources, and takes the
// others from the compiler's export data.
type loader struct {
	tree    *scan.Tree
	ctx     build.Context
	fset    *token.FileSet
	named   *scan.Folder // the files of a build that names files
	exports types.Importer
	bodies  map[*scan.Folder]bool // packages whose function bodies matter
	checked map[*scan.Folder]*loaded
	changed error // a file changed while the build looks at it
}

// A loaded package is one folder's, without its tests.
type loaded struct {
	pkg  *weave.Package
	err  error
	busy bool
}

func (s *session) newLoader(found *externals) *loader {
	l := &loader{
		tree: s.tree, ctx: s.buildContext(), fset: token.NewFileSet(),
		bodies: make(map[*scan.Folder]bool), checked: make(map[*scan.Folder]*loaded),
	}
	l.exports = weave.Exports(l.fset, func(path string) (io.ReadCloser, error) {
		file := found.Export[path]
		if file == "" {
			if why := found.Errors[path]; why != "" {
				return nil, errors.New(why)
			}
			return nil, fmt.Errorf("%s is not part of the build", path)
		}
		return os.Open(file)
	})
	return l
}

// Import returns a package by its import path.
func (l *loader) Import(path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	if f := l.tree.Folder(path); f != nil {
		p := l.load(f)
		if p.busy || p.pkg == nil {
			return nil, fmt.Errorf("%s imports itself", path)
		}
		return p.pkg.Types, nil
	}
	return l.exports.Import(path)
}

// load type-checks a folder once.
func (l *loader) load(f *scan.Folder) *loaded {
	if p := l.checked[f]; p != nil {
		return p
	}
	p := &loaded{busy: true}
	l.checked[f] = p
	files, _ := l.files(f)
	p.pkg, p.err = l.checker(l).Check(f.ImportPath, files, l.bodies[f])
	p.busy = false
	return p
}

func (l *loader) checker(imports types.Importer) *weave.Checker {
	return &weave.Checker{Fset: l.fset, Imports: imports, Arch: l.ctx.GOARCH}
}

// loadTests type-checks a folder with its tests: the package together with the
// test files in it, and the external test package, nil when there is none.
func (l *loader) loadTests(f *scan.Folder) (inside, outside *weave.Package) {
	files, tests := l.files(f)
	var external []weave.File
	for _, t := range tests {
		if strings.HasSuffix(t.Tree.Name.Name, "_test") && (len(files) == 0 || t.Tree.Name.Name != files[0].Tree.Name.Name) {
			external = append(external, t)
		} else {
			files = append(files, t)
		}
	}
	inside, _ = l.checker(l).Check(f.ImportPath, files, true) // the compiler tells mistakes
	if len(external) > 0 {
		imports := importerFunc(func(path string) (*types.Package, error) {
			if path == f.ImportPath {
				return inside.Types, nil
			}
			return l.Import(path)
		})
		outside, _ = l.checker(imports).Check(f.ImportPath+"_test", external, true)
	}
	return inside, outside
}

type importerFunc func(path string) (*types.Package, error)

func (f importerFunc) Import(path string) (*types.Package, error) { return f(path) }

// files parses the files of a folder that this build compiles.
func (l *loader) files(f *scan.Folder) (files, tests []weave.File) {
	content := make(map[string][]byte)
	for _, file := range f.Files {
		src, err := l.tree.Content(f, file)
		if err == nil {
			content[filepath.Join(f.Dir, file.Name)] = src
		}
		if err != nil || !l.builds(f, file, src) {
			continue
		}
		parsed, err := weave.Parse(l.fset, filepath.Join(f.Dir, file.Name), src)
		if parsed.Tree == nil || err != nil && parsed.Tree.Name == nil {
			continue
		}
		if file.Test {
			tests = append(tests, parsed)
		} else {
			files = append(files, parsed)
		}
	}
	if l.changed == nil && !l.tree.Unchanged(f, content) {
		l.changed = fmt.Errorf("%s changed while it was read; build again", f.Dir)
	}
	return files, tests
}

// builds reports whether the build compiles the file: its name and its
// constraints fit. A build that names files compiles those anyway.
func (l *loader) builds(f *scan.Folder, file *scan.SourceFile, src []byte) bool {
	if f == l.named {
		return true
	}
	ctx := l.ctx
	ctx.OpenFile = func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(src)), nil }
	ok, err := ctx.MatchFile(f.Dir, file.Name)
	return ok && err == nil
}
