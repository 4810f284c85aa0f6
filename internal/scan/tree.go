// Package scan finds the packages of a module or workspace that are to be
// instrumented. It walks as the go command does, looks for the directive's
// bytes before it parses anything, and reads whole packages only when they
// have one or orchestrall.yaml selects them.
package scan

import (
	"cmp"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/config"
	"github.com/orchestrall/orchestrall/internal/hooks/library"
)

// Options say where to scan, and what of the build's settings matters to it.
type Options struct {
	Dir     string            // start folder, absolute; the module is looked for from here upward
	Config  string            // --config: replaces each module's orchestrall.yaml
	Environ []string          // as os.Environ
	ModFile string            // go's -modfile, absolute; "" for go.mod
	Overlay map[string]string // go's -overlay: absolute path to the file with its content, "" for a deleted file
}

// A Tree is what a scan found.
type Tree struct {
	Dir     string // where the scan started; relative patterns start here
	Env     *Environment
	Work    string // absolute path of the go.work in force; "" outside a workspace
	Modules []*Module
	Folders []*Folder // every folder with Go files, sorted by Dir

	// Diagnostics are the mistakes in go.mod, go.work and orchestrall.yaml, and
	// the folders that can't be read.
	Diagnostics []instrument.Diagnostic

	overlay    map[string]string
	byPath     map[string]*Folder
	configured bool // by Options.Config
	digests    map[*Folder]Digest
}

// A Folder is one folder with Go files.
type Folder struct {
	Module     *Module
	Dir        string // absolute
	ImportPath string
	Files      []*SourceFile // sorted by name

	// Directive: a file has a directive or another comment of the tool's.
	Directive bool
	// Selected: orchestrall.yaml may select functions here.
	Selected bool
	// Woven: the front end has edits of its own for the folder's files.
	Woven bool
	// Generated: the folder has orchestrall_gen*.go files.
	Generated bool

	unread bool // a file can't be opened
}

// A SourceFile is what a scan remembers of a Go file.
type SourceFile struct {
	Name     string // base name
	Package  string // of the package clause; "" when there is none to read
	Imports  []string
	Test     bool
	Detaches bool // see the function

	actual string // where the content is, when an overlay replaces it
}

// CheckedIn reports whether the folder's instrumentation belongs into its
// sources: it is there already, or generate: in orchestrall.yaml lists it.
func (f *Folder) CheckedIn() bool {
	return f.Generated || f.Module.Config.ChecksIn(f.ImportPath, f.Dir)
}

// Instrumented reports whether the folder has anything for the engine. A file
// that can't be read may have, and [Tree.Package] tells of it.
func (f *Folder) Instrumented() bool { return f.Directive || f.Selected || f.Generated || f.unread }

// Main reports whether the folder is a command: all its files that are not
// tests say package main.
func (f *Folder) Main() bool {
	found := false
	for _, file := range f.Files {
		if file.Test || instrument.IsGenerated(file.Name) {
			continue
		}
		if file.Package != "main" {
			return false
		}
		found = true
	}
	return found
}

// Load scans the module or workspace of opt.Dir. The error is one that leaves
// nothing to scan, such as [ErrNoModule]; mistakes in the user's files are in
// the Tree's Diagnostics.
func Load(opt Options) (*Tree, error) {
	t := &Tree{
		Dir: opt.Dir, Env: NewEnvironment(opt.Environ), overlay: opt.Overlay,
		byPath: make(map[string]*Folder), configured: opt.Config != "",
	}
	if err := t.findModules(opt); err != nil {
		return nil, err
	}
	t.configure(opt.Config)
	for _, m := range t.Modules {
		t.walk(m)
	}
	t.addOverlaid()
	slices.SortFunc(t.Folders, func(a, b *Folder) int { return cmp.Compare(a.Dir, b.Dir) })
	t.readFacts()
	for _, f := range t.Folders {
		f.Selected = f.Module.Config.SelectsIn(f.ImportPath, f.Dir)
		t.byPath[f.ImportPath] = f
	}
	t.checkConfigPatterns()
	return t, nil
}

// configure gives each module its orchestrall.yaml: its own, else the one
// beside go.work. A file given by --config counts as one that stands at the
// top of the workspace or module.
func (t *Tree) configure(path string) {
	root := ""
	if path != "" && len(t.Modules) > 0 {
		root = cmp.Or(workDir(t.Work), t.Modules[0].Dir)
	}
	loaded := make(map[string]*config.Config)
	for _, m := range t.Modules {
		at := path
		if at == "" {
			at = config.Find(m.Dir, workDir(t.Work))
		}
		if at == "" {
			m.Config = config.Default()
			continue
		}
		if c, ok := loaded[at]; ok {
			m.Config = c
			continue
		}
		c, problems := config.Load(at, root)
		problems = append(problems, library.Check(c)...)
		for _, p := range problems {
			t.Diagnostics = append(t.Diagnostics, instrument.Diagnostic{Pos: p.Pos, Rule: p.Rule, Message: p.Message, Fix: p.Fix})
		}
		loaded[at], m.Config = c, c
	}
}

func workDir(work string) string {
	if work == "" {
		return ""
	}
	return filepath.Dir(work)
}

// readFacts opens every file once.
func (t *Tree) readFacts() {
	var group errgroup.Group
	group.SetLimit(2 * runtime.GOMAXPROCS(0)) // reading waits as much as it works
	buffers := sync.Pool{New: func() any { return new([]byte) }}
	for _, f := range t.Folders {
		group.Go(func() error {
			buf := buffers.Get().(*[]byte)
			defer buffers.Put(buf)
			f.readFacts(buf)
			return nil
		})
	}
	_ = group.Wait() // each folder keeps its own diagnostics
}

// addOverlaid applies what a user's -overlay adds to and deletes from folders.
func (t *Tree) addOverlaid() {
	if len(t.overlay) == 0 {
		return
	}
	byDir := make(map[string]*Folder, len(t.Folders))
	for _, f := range t.Folders {
		byDir[f.Dir] = f
	}
	for path, actual := range t.overlay {
		dir, name := filepath.Split(path)
		dir = filepath.Clean(dir)
		if !isSource(name) {
			continue
		}
		f := byDir[dir]
		if f == nil {
			m, rel := t.moduleOf(dir)
			if m == nil || actual == "" || skipsPath(m, rel) {
				continue
			}
			f = &Folder{Module: m, Dir: dir, ImportPath: joinImport(m.Path, rel)}
			byDir[dir] = f
			t.Folders = append(t.Folders, f)
		}
		at := slices.IndexFunc(f.Files, func(s *SourceFile) bool { return s.Name == name })
		switch {
		case actual == "" && at >= 0:
			f.Files = slices.Delete(f.Files, at, at+1)
		case actual != "" && at >= 0:
			f.Files[at].actual = actual
		case actual != "":
			f.Files = append(f.Files, newSourceFile(name))
			f.Files[len(f.Files)-1].actual = actual
			slices.SortFunc(f.Files, func(a, b *SourceFile) int { return cmp.Compare(a.Name, b.Name) })
		}
	}
	t.Folders = slices.DeleteFunc(t.Folders, func(f *Folder) bool { return len(f.Files) == 0 })
}

// moduleOf returns the innermost module that holds dir, and dir's
// slash-separated path in it.
func (t *Tree) moduleOf(dir string) (*Module, string) {
	var found *Module
	where := ""
	for _, m := range t.Modules {
		rel, err := filepath.Rel(m.Dir, dir)
		if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
			continue
		}
		if found == nil || len(m.Dir) > len(found.Dir) {
			found, where = m, filepath.ToSlash(rel)
		}
	}
	return found, where
}

func joinImport(module, rel string) string {
	if rel == "." || rel == "" {
		return module
	}
	return module + "/" + rel
}

// Folder returns the folder of a first-party import path.
func (t *Tree) Folder(importPath string) *Folder { return t.byPath[importPath] }
