package overlay

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"

	"github.com/orchestrall/orchestrall/internal/config"
	"github.com/orchestrall/orchestrall/internal/scan"
)

// A pinner tells the versions in a go.mod that the user chose from those that
// the go command wrote down by itself. The latter are floors: whatever comes to
// require something newer raises them, and so does a build.
type pinner struct {
	*session
	mod     *modfile.File
	imports []string          // what first-party packages import of required modules
	direct  map[string]string // these modules, and a package that imports each
}

func (s *session) pinner(m *scan.Module, mod *modfile.File) *pinner {
	p := &pinner{session: s, mod: mod, direct: make(map[string]string)}
	seen := make(map[string]bool)
	for _, folder := range s.tree.Folders {
		if folder.Module != m {
			continue
		}
		for _, file := range folder.Files {
			for _, path := range file.Imports {
				if seen[path] || s.tree.Folder(path) != nil {
					continue
				}
				seen[path] = true
				if module := moduleOf(mod, path); module != "" {
					p.imports = append(p.imports, path)
					p.direct[module] = cmp.Or(p.direct[module], folder.ImportPath)
				}
			}
		}
	}
	slices.Sort(p.imports)
	return p
}

// moduleOf is the required module that a package is looked for in first.
func moduleOf(mod *modfile.File, pkg string) string {
	found := ""
	for _, req := range mod.Require {
		path := req.Mod.Path
		if len(path) > len(found) && within(pkg, path) {
			found = path
		}
	}
	return found
}

// within reports whether a module of that path can hold the package.
func within(pkg, module string) bool { return pkg == module || strings.HasPrefix(pkg, module+"/") }

// pin reports whether the user chose the version of a requirement, and how
// where the line itself does not say so: " (the tool example.com/x is in it)".
func (p *pinner) pin(req *modfile.Require) (how string, pinned bool) {
	path := req.Mod.Path
	switch by := p.direct[path]; {
	case !req.Indirect:
		return "", true
	case by != "": // direct, although go mod tidy has not said so yet
		return " (" + by + " imports it)", true
	case commented(req.Syntax):
		return " (its line has a comment)", true
	}
	for _, tool := range p.mod.Tool {
		if moduleOf(p.mod, tool.Path) == path {
			return " (the tool " + tool.Path + " is in it)", true
		}
	}
	for _, x := range p.mod.Exclude {
		if x.Mod.Path == path && semver.Compare(x.Mod.Version, req.Mod.Version) > 0 {
			return " (" + x.Mod.Version + " is excluded)", true
		}
	}
	if by := p.pinnedBy(path); by != "" {
		return " (" + by + " pins it)", true
	}
	return "", false
}

// commented reports whether a requirement has a comment besides "// indirect":
// only people write those.
func commented(line *modfile.Line) bool {
	for _, c := range line.Before {
		if strings.Trim(c.Token, "/ \t\r") != "" {
			return true
		}
	}
	for _, c := range line.Suffix {
		text := strings.Trim(c.Token, "/ \t\r")
		if strings.Trim(strings.TrimPrefix(text, "indirect"), "; ") != "" {
			return true
		}
	}
	return false
}

// key is what a resolution depends on besides go.mod: the packages that may be
// compiled with other versions, and the indirect requirements that are pinned.
func (p *pinner) key() string {
	var all strings.Builder
	fmt.Fprintln(&all, p.imports)
	for _, req := range p.mod.Require {
		if how, pinned := p.pin(req); pinned && req.Indirect {
			fmt.Fprintf(&all, "%s%s\n", req.Mod.Path, how)
		}
	}
	return all.String()
}

// pinnedBy is the place in orchestrall.yaml, or the variable, that pins a
// module.
func (s *session) pinnedBy(module string) string {
	for _, m := range s.tree.Modules {
		if p := m.Config.Pin(module); p != nil {
			return fmt.Sprintf("%s:%d:%d", filepath.Base(p.Pos.Filename), p.Pos.Line, p.Pos.Column)
		}
	}
	if s.listed("ORCHESTRALL_PINNED", module) {
		return "ORCHESTRALL_PINNED"
	}
	return ""
}

// upgrades reports whether a build may raise a module that is pinned:
// orchestrall.yaml or ORCHESTRALL_UPGRADES says so.
func (s *session) upgrades(module string) bool {
	for _, m := range s.tree.Modules {
		if m.Config.MayUpgrade(module) {
			return true
		}
	}
	return s.listed("ORCHESTRALL_UPGRADES", module)
}

// listed reports whether one of the patterns in a variable, with commas between
// them, means the module.
func (s *session) listed(variable, module string) bool {
	for text := range strings.SplitSeq(s.vars.Var(variable), ",") {
		if p, _ := config.NewModulePattern(strings.TrimSpace(text)); p != nil && p.Match(module, "") {
			return true
		}
	}
	return false
}

// checkVariables tells what is wrong with the patterns in variables.
func (s *session) checkVariables() error {
	for _, variable := range []string{"ORCHESTRALL_PINNED", "ORCHESTRALL_UPGRADES"} {
		for text := range strings.SplitSeq(s.vars.Var(variable), ",") {
			text = strings.TrimSpace(text)
			if _, problem := config.NewModulePattern(text); text != "" && problem != "" {
				return fmt.Errorf("%s: %s; write module paths with commas between them", variable, problem)
			}
		}
	}
	return nil
}
