package overlay

import (
	"bytes"
	"fmt"
	"go/token"
	"iter"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/config"
	"github.com/orchestrall/orchestrall/internal/hooks"
	"github.com/orchestrall/orchestrall/internal/hooks/library"
	"github.com/orchestrall/orchestrall/internal/scan"
	"github.com/orchestrall/orchestrall/templates"
)

// A State says what became of a library's hooks in a build.
type State string

// The states, as orchestrall hooks prints them.
const (
	Applies     State = "applies"
	NotImported State = "not imported"
	SwitchedOff State = "off"
	OutOfRange  State = "version"      // outside of the range that the hooks were written for
	ByHand      State = "by hand"      // first-party code installs it already
	Raises      State = "would raise"  // the hook's module needs newer versions than the user's
	Unwoven     State = "not woven"    // the build cannot have hooks, for a reason of its own
	Moved       State = "moved"        // the library or the hook package is not what the hooks expect
	Unused      State = "nothing used" // imported, and no point is used
	OwnSpans    State = "own spans"    // the library traces itself

	// OnlyThirdParty code comes by such things, and its calls are not woven.
	OnlyThirdParty State = "third party"
)

// A Hooked library is one entry of what [Hooks] returns.
type Hooked struct {
	Library string         `json:"library"`
	Module  string         `json:"module,omitempty"`
	Version string         `json:"version,omitempty"` // of the module in this build
	Depth   config.Depth   `json:"depth"`
	State   State          `json:"state"`
	Reason  string         `json:"reason,omitempty"`
	Pos     token.Position `json:"-"` // where the reason stands
	Own     bool           `json:"own,omitempty"`
	Points  []HookedPoint  `json:"points,omitempty"`
	Skipped []HookedPlace  `json:"skipped,omitempty"`

	// ThirdParty is who else does what is hooked at calls, of libraries that can
	// be hooked deep.
	ThirdParty []ThirdParty `json:"thirdParty,omitempty"`

	lib *hooks.Library
}

// A ThirdParty is a package whose calls are not woven.
type ThirdParty struct {
	Package string `json:"package"`
	Uses    string `json:"uses"` // sql.Open, http.Client
}

// A HookedPoint is what one point of a library met.
type HookedPoint struct {
	Kind   hooks.Kind    `json:"kind"`
	Target string        `json:"target"`
	Field  string        `json:"field,omitempty"`
	Places []HookedPlace `json:"places,omitempty"`
	Moved  string        `json:"moved,omitempty"` // why it cannot be woven
}

// A HookedPlace is one place in a first-party file.
type HookedPlace struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Reason string `json:"reason,omitempty"` // why it was left alone
}

func (h *Hooked) is(state State, reason string, pos token.Position) {
	h.State, h.Reason, h.Pos = state, reason, pos
}

// libraries returns every library with what the configuration and the module
// graph say of it. Libraries that nothing of the build imports are not looked
// at any further.
func (s *session) libraries(imported map[string]bool) []*Hooked {
	known := s.env.Libraries
	switch {
	case known != nil:
	case s.all:
		known = library.All()
	default:
		known = library.Importing(imported)
	}
	var all []*Hooked
	for _, l := range s.ownHooks() {
		h := &Hooked{Library: l.Name, lib: l, Depth: config.Calls, State: Applies, Own: true}
		if !slices.ContainsFunc(l.Packages(), func(p string) bool { return imported[p] || s.tree.Folder(p) != nil }) {
			h.is(NotImported, "", token.Position{})
		}
		all = append(all, h)
	}
	versions := s.moduleVersions()
	for _, l := range known {
		h := &Hooked{Library: l.Name, Module: l.Module, lib: l, Depth: config.Calls, State: Applies, Version: versions[l.Module]}
		all = append(all, h)
		choice := s.chosen(l.Name)
		if choice != nil && choice.Depth == config.Deep {
			h.Depth = config.Deep
		}
		switch {
		case choice != nil && choice.Depth == config.Off:
			h.Depth = config.Off
			h.is(SwitchedOff, "", choice.Pos)
		case !slices.ContainsFunc(l.Packages(), func(p string) bool { return imported[p] }):
			h.is(NotImported, "", token.Position{})
			if module, reason := l.Earlier(imported, versions); module != "" {
				s.outOfRange(h, module, reason)
			}
		case s.isMain(l.Module):
			h.is(NotImported, "it is the module itself", token.Position{})
		case !l.Versions.Contains(h.Version):
			s.outOfRange(h, l.Module, fmt.Sprintf("%s is not in %s", h.Version, l.Versions.Text))
		}
	}
	return all
}

// outOfRange says of a library that the build has it in a version without
// hooks, at the module's requirement.
func (s *session) outOfRange(h *Hooked, module, reason string) {
	d := instrument.Diagnostic{
		Pos: s.requirement(module), Severity: instrument.Warning, Rule: "no-hooks-for-version",
		Message: notInstrumented(h.Library) + module + " " + reason,
		Fix:     "take such a version, or switch the hooks off (hooks: {" + h.Library + ": off} in " + config.FileName + ")",
	}
	if module != h.Module {
		reason = module + " " + reason
	}
	h.is(OutOfRange, reason, d.Pos)
	s.warnings = append(s.warnings, d)
}

// ownHooks are those of the orchestrall.yaml files of the build.
func (s *session) ownHooks() []*hooks.Library {
	var all []*hooks.Library
	seen := make(map[*config.Config]bool)
	for _, m := range s.tree.Modules {
		if m.Config != nil && !seen[m.Config] {
			seen[m.Config] = true
			all = append(all, m.Config.Hooks.Own...)
		}
	}
	return all
}

// choice is what the configurations say of a library. In a workspace the first
// that says something counts: what is woven cannot differ between modules of
// one program.
func (s *session) choice(name string) *config.Choice {
	for _, m := range s.tree.Modules {
		if m.Config != nil {
			if c := m.Config.Hooks.Choice(name); c != nil {
				return c
			}
		}
	}
	return nil
}

func (s *session) isMain(module string) bool {
	return module != "" && slices.ContainsFunc(s.tree.Modules, func(m *scan.Module) bool { return m.Path == module })
}

// goMods are the go.mod files of the build, without those that cannot be read:
// the scan has told.
func (s *session) goMods(parse func(file string, data []byte, fix modfile.VersionFixer) (*modfile.File, error)) iter.Seq[*modfile.File] {
	return func(yield func(*modfile.File) bool) {
		for _, m := range s.tree.Modules {
			data, err := s.tree.Read(m.GoMod)
			if err != nil {
				continue
			}
			if f, err := parse(m.GoMod, data, nil); err == nil && !yield(f) {
				return
			}
		}
	}
}

// moduleVersions are the versions that the go.mod files require. Since go 1.17
// they name every module that packages come from. A module that a folder
// replaces has none.
func (s *session) moduleVersions() map[string]string {
	versions := make(map[string]string)
	for f := range s.goMods(modfile.ParseLax) {
		for _, r := range f.Require {
			if semver.Compare(versions[r.Mod.Path], r.Mod.Version) < 0 {
				versions[r.Mod.Path] = r.Mod.Version
			}
		}
	}
	for f := range s.goMods(modfile.Parse) {
		for _, r := range f.Replace {
			if r.Old.Version == "" || r.Old.Version == versions[r.Old.Path] {
				versions[r.Old.Path] = r.New.Version
			}
		}
	}
	return versions
}

// describe fills the report of a library from what was found in packages.
func (h *Hooked) describe(woven []*wovenPackage, moved []mismatch) {
	h.Points = nil
	for _, p := range h.lib.Points {
		at := HookedPoint{Kind: p.Kind, Target: p.Target.String(), Field: p.Field}
		for _, m := range moved {
			if m.Library == h.Library && m.Target == p.Target {
				at.Moved = m.Reason
			}
		}
		h.Points = append(h.Points, at)
	}
	found := 0
	for _, w := range woven {
		for _, m := range w.Matches {
			if m.Library == h.Library {
				h.Points[m.Point].Places = append(h.Points[m.Point].Places, place(m.Pos, ""))
				found++
			}
		}
		for _, n := range w.Notes {
			if n.Library == h.Library {
				h.Skipped = append(h.Skipped, place(n.Pos, n.Reason))
			}
		}
	}
	if found > 0 && h.State == Applies && h.lib.OwnSpans {
		h.is(OwnSpans, "it traces itself by OpenTelemetry, and gets the SDK", token.Position{})
	}
	if found == 0 && h.State == Applies && h.Depth != config.Deep {
		state := Unused
		if slices.ContainsFunc(h.Points, func(p HookedPoint) bool { return p.Moved != "" }) {
			state = Moved
		}
		h.is(state, h.Reason, token.Position{})
	}
}

func place(p token.Position, reason string) HookedPlace {
	return HookedPlace{File: p.Filename, Line: p.Line, Column: p.Column, Reason: reason}
}

// hookHash identifies the hooks that are woven.
func hookHash(all []*Hooked) string {
	var b bytes.Buffer
	for _, h := range all {
		l := h.lib
		fmt.Fprintf(&b, "%q %q %q %q\n", l.Name, l.Module, l.Hook, l.Unless)
		for _, p := range l.Points {
			fmt.Fprintf(&b, "%q %q %q %v %q %q %v %q\n", p.Kind, p.Target, p.Field, p.Absent, p.Func, p.Context, p.Implements, p.Interfaces)
		}
	}
	return b.String()
}

// imports returns every import path that the folders, and the tests of those
// that are true, import.
func imports(folders map[*scan.Folder]bool) map[string]bool {
	all := make(map[string]bool)
	for f, tests := range folders {
		for _, file := range f.Files {
			if file.Test && !tests {
				continue
			}
			for _, path := range file.Imports {
				all[path] = true
			}
		}
	}
	return all
}

// detaches reports whether a folder may have a go statement that loses a trace.
func detaches(f *scan.Folder, tests bool) bool {
	return slices.ContainsFunc(f.Files, func(file *scan.SourceFile) bool { return file.Detaches && (tests || !file.Test) })
}

// onlyGoroutines reports whether a library is about go statements.
func onlyGoroutines(l *hooks.Library) bool {
	return !slices.ContainsFunc(l.Points, func(p hooks.Point) bool { return p.Kind != hooks.Goroutine })
}

func pathSet(paths []string) map[string]bool {
	set := make(map[string]bool, len(paths))
	for _, p := range paths {
		set[p] = true
	}
	return set
}

// importsOne reports whether a folder imports, or is, one of the packages.
func importsOne(f *scan.Folder, tests bool, paths map[string]bool) bool {
	if paths[f.ImportPath] {
		return true
	}
	for _, file := range f.Files {
		if file.Test && !tests {
			continue
		}
		if slices.ContainsFunc(file.Imports, func(p string) bool { return paths[p] }) {
			return true
		}
	}
	return false
}

// ours reports whether a first-party package is the runtime's own: woven code
// calls it, so nothing is woven into it.
func ours(path string) bool {
	return path == templates.RuntimePath || strings.HasPrefix(path, templates.RuntimePath+"/")
}
