package toolexec

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// A workspace is what the go command calls the main modules: those whose
// packages are the user's own, and the only ones that are instrumented.
type workspace struct {
	goWork string // the file; "" outside of workspace mode
	roots  []string
}

// findWorkspace finds the main modules as the go command does that works in
// dir.
func findWorkspace(dir string) workspace {
	var w workspace
	switch env := os.Getenv("GOWORK"); env {
	case "":
		w.goWork = findUp(dir, "go.work")
	case "off":
	default:
		w.goWork = env
	}
	if w.goWork != "" {
		data, err := os.ReadFile(w.goWork)
		if err != nil {
			return workspace{}
		}
		file, err := modfile.ParseWork(w.goWork, data, nil)
		if err != nil {
			return workspace{}
		}
		for _, use := range file.Use {
			root := filepath.FromSlash(use.Path)
			if !filepath.IsAbs(root) {
				root = filepath.Join(filepath.Dir(w.goWork), root)
			}
			w.roots = append(w.roots, root)
		}
		return w
	}
	if gomod := findUp(dir, "go.mod"); gomod != "" {
		w.roots = []string{filepath.Dir(gomod)}
	}
	return w
}

// owner returns the root of the main module that the package in dir belongs
// to, and "" for a package of any other module.
func (w workspace) owner(dir string) string {
	if len(w.roots) == 0 {
		return ""
	}
	gomod := findUp(dir, "go.mod")
	if gomod == "" {
		return ""
	}
	root := filepath.Dir(gomod)
	if !slices.Contains(w.roots, root) {
		return ""
	}
	if rel, err := filepath.Rel(root, dir); err != nil || slices.Contains(strings.Split(filepath.ToSlash(rel), "/"), "vendor") {
		return ""
	}
	return root
}

// findUp looks for a file of that name in dir and the folders above it.
func findUp(dir, name string) string {
	for {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return path
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

// modulePath returns the path that the go.mod in root declares.
func modulePath(root string) string {
	data, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return ""
	}
	return modfile.ModulePath(data)
}
