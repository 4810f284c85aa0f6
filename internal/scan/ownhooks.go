package scan

import (
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/config"
	"github.com/orchestrall/orchestrall/internal/nearest"
	"github.com/orchestrall/orchestrall/templates"
)

// OwnHooks warns of import paths in the user's own hooks that no package of the
// program, no module that go.mod names and no standard package can have: such a
// hook is never woven. goroot is asked for the folder of the Go that builds; ""
// means that it is not known.
func (t *Tree) OwnHooks(goroot func() string) []instrument.Diagnostic {
	var ds []instrument.Diagnostic
	var known map[string]bool
	seen := make(map[*config.Config]bool)
	for _, m := range t.Modules {
		if m.Config == nil || seen[m.Config] {
			continue
		}
		seen[m.Config] = true
		for _, l := range m.Config.Hooks.Own {
			if known == nil {
				known = t.known()
			}
			at := map[string]token.Position{l.Hook: l.HookPos, l.Points[0].Target.Package: l.Points[0].TargetPos}
			for _, path := range []string{l.Points[0].Target.Package, l.Hook} {
				if known[path] || t.required(path) || t.standard(path, goroot) {
					continue
				}
				d := instrument.Diagnostic{
					Pos: at[path], Severity: instrument.Warning, Rule: "unknown-package",
					Message: "nothing is woven for this hook: " + path + " is no package of the program, of a module in go.mod or of the standard library",
					Fix:     "correct the import path, or add its module to go.mod",
				}
				if name := nearest.Name(path, slices.Sorted(maps.Keys(known))); name != "" {
					d.Fix = "did you mean " + name + "?"
				}
				ds = append(ds, d)
			}
		}
	}
	return ds
}

// known are the packages of the main modules, and what they import.
func (t *Tree) known() map[string]bool {
	known := make(map[string]bool)
	for _, f := range t.Folders {
		known[f.ImportPath] = true
		for _, file := range f.Files {
			for _, path := range file.Imports {
				known[path] = true
			}
		}
	}
	return known
}

// required reports whether a module that a go.mod names, or the runtime's, may
// have a package of that path.
func (t *Tree) required(path string) bool {
	below := func(module string) bool { return path == module || strings.HasPrefix(path, module+"/") }
	return below(templates.RuntimePath) || slices.ContainsFunc(t.Modules, func(m *Module) bool { return slices.ContainsFunc(m.requires, below) })
}

// standard reports whether the standard library has a package of that path.
func (t *Tree) standard(path string, goroot func() string) bool {
	first, _, _ := strings.Cut(path, "/")
	if strings.Contains(first, ".") || slices.ContainsFunc(t.Modules, func(m *Module) bool { return m.Path == first || strings.HasPrefix(path, m.Path+"/") }) {
		return false
	}
	root := goroot()
	if root == "" {
		return true
	}
	info, err := os.Stat(filepath.Join(root, "src", filepath.FromSlash(path)))
	return err == nil && info.IsDir()
}
