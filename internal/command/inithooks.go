package command

import (
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/orchestrall/orchestrall/internal/config"
	"github.com/orchestrall/orchestrall/internal/hooks/library"
	"github.com/orchestrall/orchestrall/templates"
)

// A hookModule is one that builds with -toolexec need for a library.
type hookModule struct {
	path     string
	packages []string
	required bool // go.mod asks for it already
}

// hookModules returns the hook modules of the libraries that a go.mod requires
// itself and that orchestrall.yaml does not switch off.
func hookModules(root string, f *modfile.File) []hookModule {
	var c *config.Config
	if path := config.Find(root); path != "" {
		c, _ = config.Load(path, root) // a build says what is wrong with it
	}
	versions := make(map[string]string)
	for _, r := range f.Require {
		versions[r.Mod.Path] = r.Mod.Version
	}
	var all []hookModule
	for _, l := range library.All() {
		module := l.HookModule(templates.RuntimePath)
		at := slices.IndexFunc(f.Require, func(r *modfile.Require) bool { return r.Mod.Path == l.Module && !r.Indirect })
		if module == "" || module == templates.RuntimePath || at < 0 || !l.Versions.Contains(versions[l.Module]) {
			continue
		}
		if c != nil {
			if choice := c.Hooks.Choice(l.Name); choice != nil && choice.Depth == config.Off {
				continue
			}
		}
		i := slices.IndexFunc(all, func(m hookModule) bool { return m.path == module })
		if i < 0 {
			i = len(all)
			all = append(all, hookModule{path: module, required: versions[module] != ""})
		}
		if !slices.Contains(all[i].packages, l.Hook) {
			all[i].packages = append(all[i].packages, l.Hook)
		}
	}
	return all
}

// relativeTo writes a folder for a replace directive of the module in root:
// relative where both are in one checkout.
func relativeTo(root, dir, checkout string) string {
	rel, err := filepath.Rel(root, dir)
	under, outside := filepath.Rel(checkout, root)
	if err != nil || outside != nil || under == ".." || strings.HasPrefix(under, ".."+string(filepath.Separator)) {
		return dir
	}
	if rel = filepath.ToSlash(rel); strings.HasPrefix(rel, "..") {
		return rel
	}
	return "./" + rel
}
