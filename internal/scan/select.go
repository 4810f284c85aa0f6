package scan

import (
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/config"
	"github.com/orchestrall/orchestrall/internal/nearest"
)

// Match returns the folders that patterns name, sorted; no pattern means
// every folder of the workspace. A pattern is an import path, a folder, or one
// of these with "..."; one that names nothing is a diagnostic.
func (t *Tree) Match(patterns []string) ([]*Folder, []instrument.Diagnostic) {
	if len(patterns) == 0 {
		return t.Folders, nil
	}
	var ds []instrument.Diagnostic
	matched := make(map[*Folder]bool)
	for _, text := range patterns {
		p, problem := config.NewPattern(text, t.Dir)
		if p == nil {
			ds = append(ds, instrument.Diagnostic{Rule: "bad-pattern", Message: problem, Fix: "write ./..., ./folder or an import path"})
			continue
		}
		found := text == "all"
		for _, f := range t.Folders {
			if text == "all" || p.Match(f.ImportPath, f.Dir) {
				found, matched[f] = true, true
			}
		}
		if !found {
			ds = append(ds, t.unknownPattern(text))
		}
	}
	var folders []*Folder
	for _, f := range t.Folders {
		if matched[f] {
			folders = append(folders, f)
		}
	}
	return folders, ds
}

func (t *Tree) unknownPattern(text string) instrument.Diagnostic {
	return instrument.Diagnostic{
		Rule:    "unknown-pattern",
		Message: "unknown package pattern " + text + ": no package of the module matches",
		Fix:     t.nearestPattern(text, t.Dir),
	}
}

// nearestPattern suggests a folder or import path, written as text is.
func (t *Tree) nearestPattern(text, root string) string {
	stem, dots := strings.CutSuffix(text, "/...")
	var known []string
	for _, f := range t.Folders {
		name := f.ImportPath
		if strings.HasPrefix(text, ".") {
			rel, err := filepath.Rel(root, f.Dir)
			if err != nil {
				continue
			}
			name = filepath.ToSlash(rel)
			if !strings.HasPrefix(name, "..") {
				name = "./" + name
			}
		}
		known = append(known, name)
		// A folder without Go files of its own can still be meant by x/....
		for up := name; dots && strings.Contains(up, "/"); {
			up = up[:strings.LastIndex(up, "/")]
			known = append(known, up)
		}
	}
	name := nearest.Name(stem, known)
	if name == "" {
		return "check the path, or write ./... for all"
	}
	if dots {
		name += "/..."
	}
	return "did you mean " + name + "?"
}

// checkConfigPatterns tells the patterns of orchestrall.yaml that match
// nothing: they would have no effect.
func (t *Tree) checkConfigPatterns() {
	seen := make(map[*config.Config]bool)
	for _, m := range t.Modules {
		if m.Config == nil || seen[m.Config] {
			continue
		}
		seen[m.Config] = true
		for _, p := range m.Config.Patterns() {
			if !slices.ContainsFunc(t.Folders, func(f *Folder) bool { return p.Match(f.ImportPath, f.Dir) }) {
				d := t.unknownPattern(p.Text)
				d.Pos, d.Fix = p.Pos, t.nearestPattern(p.Text, m.Config.Root)
				t.Diagnostics = append(t.Diagnostics, d)
			}
		}
		t.checkPinned(m.Config)
	}
}

// checkPinned tells the patterns of pinned: that no required module matches.
func (t *Tree) checkPinned(c *config.Config) {
	var known []string
	for _, m := range t.Modules { // a pin holds for all of a workspace
		known = append(known, m.requires...)
	}
	for i := range c.Pinned {
		p := &c.Pinned[i]
		if p.Text == "..." || slices.ContainsFunc(known, func(path string) bool { return p.Match(path, "") }) {
			continue
		}
		d := instrument.Diagnostic{
			Pos: p.Pos, Rule: "unknown-pattern", Message: "pinned: go.mod names no module that matches " + p.Text,
			Fix: "remove it, or write ... for all",
		}
		if name := nearest.Name(p.Text, known); name != "" {
			d.Fix = "did you mean " + name + "?"
		}
		t.Diagnostics = append(t.Diagnostics, d)
	}
}

// Packages reads the folders into what the engine takes, in the same order.
// The diagnostics are files that can't be read.
func (t *Tree) Packages(folders []*Folder) ([]*instrument.Package, []instrument.Diagnostic) {
	packages := make([]*instrument.Package, len(folders))
	failures := make([][]instrument.Diagnostic, len(folders))
	var group errgroup.Group
	group.SetLimit(2 * runtime.GOMAXPROCS(0))
	for i, f := range folders {
		group.Go(func() error {
			packages[i], failures[i] = t.Package(f)
			return nil
		})
	}
	_ = group.Wait() // failures holds them
	return packages, slices.Concat(failures...)
}

// Package reads one folder into what the engine takes.
func (t *Tree) Package(f *Folder) (*instrument.Package, []instrument.Diagnostic) {
	pkg := &instrument.Package{Dir: f.Dir, ImportPath: f.ImportPath, Module: f.Module.Path, ModuleDir: f.Module.Dir}
	var ds []instrument.Diagnostic
	var buf []byte
	for _, s := range f.Files {
		path := filepath.Join(f.Dir, s.Name)
		data, err := readInto(&buf, s.path(f.Dir))
		if err != nil {
			ds = append(ds, unreadable(path, err))
			continue
		}
		file := instrument.File{Path: path, Src: slices.Clone(data)}
		if instrument.IsGenerated(s.Name) {
			pkg.Generated = append(pkg.Generated, file)
		} else {
			pkg.Files = append(pkg.Files, file)
		}
	}
	return pkg, ds
}

// Options returns the engine's options for f. Bootstrap is asked for in a
// command whose program has something instrumented.
func (t *Tree) Options(f *Folder) instrument.Options {
	return instrument.Options{
		Config:    f.Module.Config,
		Bootstrap: f.Main() && f.Module.Config.WantsBootstrap() && t.Reaches(f, func(x *Folder) bool { return x.Instrumented() || x.Woven }),
	}
}

// Instrumented returns those of folders that the engine has something to do
// for, and the commands that a bootstrap belongs into.
func (t *Tree) Instrumented(folders []*Folder) []*Folder {
	var found []*Folder
	for _, f := range folders {
		if f.Instrumented() || t.Options(f).Bootstrap {
			found = append(found, f)
		}
	}
	return found
}

// Files returns the Go files of one folder, given as absolute paths, as a
// folder of their own: that is what a build that names files compiles. It
// returns nil for files that no module holds.
func (t *Tree) Files(paths []string) *Folder {
	dir := filepath.Dir(paths[0])
	m, rel := t.moduleOf(dir)
	if m == nil {
		return nil
	}
	f := &Folder{Module: m, Dir: dir, ImportPath: joinImport(m.Path, rel)}
	for _, path := range paths {
		file := newSourceFile(filepath.Base(path))
		file.actual = t.overlay[path]
		f.Files = append(f.Files, file)
	}
	slices.SortFunc(f.Files, func(a, b *SourceFile) int { return strings.Compare(a.Name, b.Name) })
	f.readFacts(new([]byte))
	f.Selected = m.Config.SelectsIn(f.ImportPath, f.Dir)
	return f
}
