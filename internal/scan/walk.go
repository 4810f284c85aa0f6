package scan

import (
	"go/token"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/config"
)

// walk adds the folders of m with Go files. Folders are listed concurrently:
// each listing waits for the disk.
func (t *Tree) walk(m *Module) {
	w := walker{tree: t, module: m, slots: make(chan struct{}, 8)}
	w.folder(m.Dir, ".")
	w.wait.Wait()
	t.Folders = append(t.Folders, w.folders...)
}

type walker struct {
	tree   *Tree
	module *Module
	slots  chan struct{}
	wait   sync.WaitGroup

	mu      sync.Mutex
	folders []*Folder
}

// folder lists dir, whose slash-separated path below the module is rel.
func (w *walker) folder(dir, rel string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		w.mu.Lock()
		w.tree.unreadable(dir, err)
		w.mu.Unlock()
		return
	}
	if rel != "." {
		for _, e := range entries {
			if e.Name() == "go.mod" && !e.IsDir() {
				return // another module
			}
		}
	}
	var files []*SourceFile
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() {
			below := path.Join(rel, name)
			if !skips(name) && !w.module.ignores(below) {
				w.descend(filepath.Join(dir, name), below)
			}
			continue
		}
		if !w.tree.configured && (name == misnamed || name == config.FileName && rel != "." && dir != workDir(w.tree.Work)) {
			w.misplaced(filepath.Join(dir, name))
		}
		if !isSource(name) {
			continue
		}
		if e.Type()&os.ModeSymlink != 0 {
			// The go command takes a link to a file, but not one to a folder.
			if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.IsDir() {
				continue
			}
		}
		files = append(files, newSourceFile(name))
		if to := w.tree.overlay[filepath.Join(dir, name)]; to != "" {
			files[len(files)-1].actual = to
		}
	}
	if len(files) == 0 {
		return
	}
	f := &Folder{Module: w.module, Dir: dir, ImportPath: joinImport(w.module.Path, rel), Files: files}
	w.mu.Lock()
	w.folders = append(w.folders, f)
	w.mu.Unlock()
}

// misnamed is what people call the configuration as well.
const misnamed = "orchestrall.yml"

// misplaced warns of a configuration that is never read.
func (w *walker) misplaced(path string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tree.Diagnostics = append(w.tree.Diagnostics, instrument.Diagnostic{
		Pos: token.Position{Filename: path, Line: 1, Column: 1}, Severity: instrument.Warning, Rule: "misplaced-configuration",
		Message: "this file is not read",
		Fix:     "the configuration of " + w.module.Path + " is the " + config.FileName + " beside its go.mod: move it there",
	})
}

func (w *walker) descend(dir, rel string) {
	select {
	case w.slots <- struct{}{}:
		w.wait.Go(func() {
			w.folder(dir, rel)
			<-w.slots
		})
	default:
		w.folder(dir, rel)
	}
}

func newSourceFile(name string) *SourceFile {
	return &SourceFile{Name: name, Test: strings.HasSuffix(name, "_test.go")}
}

// isSource reports whether the go command reads a file of that name.
func isSource(name string) bool {
	return strings.HasSuffix(name, ".go") && name[0] != '_' && name[0] != '.'
}

// skips reports whether the go command's patterns pass by a folder of that
// name.
func skips(name string) bool {
	return name[0] == '.' || name[0] == '_' || name == "testdata" || name == "vendor"
}

func skipsPath(m *Module, rel string) bool {
	for elem := range strings.SplitSeq(rel, "/") {
		if elem != "." && skips(elem) {
			return true
		}
	}
	return m.ignores(rel)
}
