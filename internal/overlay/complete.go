package overlay

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/version"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"github.com/orchestrall/orchestrall/internal/scan"
	"github.com/orchestrall/orchestrall/templates"
)

// A completion has the go command complete copies of a go.mod and go.sum for
// what inserted code imports.
type completion struct {
	*requirer
	module   *scan.Module
	mod, sum []byte        // the user's own
	before   *modfile.File // mod, parsed
	vendored bool          // all of the module's packages must come from the module cache
	newest   []module.Version
	holding
	dir    string        // folder of the copies
	after  *modfile.File // the completed go.mod
	sums   []byte        // the completed go.sum
	raised []change      // what has become newer
}

// complete fills after, sums and raised, with the newest versions of what is new
// to the module unless that raised what it has.
func (c *completion) complete() error {
	c.newest = newest(func(path string) bool { return requires(c.before, path) })
	if len(c.newest) > 0 {
		if err := c.settle(); err == nil && !raises(c.raised) {
			return nil
		}
		c.newest = nil
	}
	return c.settle()
}

// settle fills after, sums and raised. The go command raises a module to the
// newest version that any go.mod asks for, used or not. What no package needs
// newer is held at the user's version, by excluding what was asked for.
func (c *completion) settle() error {
	c.holding = holding{}
	for {
		if err := c.start(); err != nil {
			return err
		}
		if _, err := c.list(c.packages()); err != nil {
			if c.divides(undivided(err.Error())) {
				continue
			}
			return err
		}
		if len(c.raised) == 0 {
			return nil
		}
		// Packages that the user imports of raised modules need sums, and may need
		// further modules. What is wrong with them otherwise, the build tells.
		used, err := c.list(slices.Concat(c.packages(), c.pinner(c.module, c.before).imports), "-e")
		if err != nil {
			return err
		}
		if c.divides(slices.ContainsFunc(used, part.undivided)) {
			continue
		}
		more := spared(used, c.packages(), c.raised, func(path string) bool { return requires(c.before, path) })
		if c.divide || version.Compare("go"+goVersion(c.before), "go1.17") < 0 { // which has the whole graph to choose from
			more = slices.DeleteFunc(more, isDivided)
		}
		if len(more) == 0 {
			return c.checkSums(used)
		}
		c.excluded = append(c.excluded, c.asked(more, c.raised, c.module.Dir, []string{"GOWORK=off"}, "-modfile="+filepath.Join(c.dir, "go.mod"))...)
	}
}

// start writes the copies that the go command completes.
func (c *completion) start() error {
	mod, err := modfile.Parse(c.module.GoMod, c.mod, nil)
	if err != nil {
		return err
	}
	if err := c.addRequirements(mod); err != nil {
		return err
	}
	for _, v := range c.newest {
		mod.AddNewRequire(v.Path, v.Version, true)
	}
	if c.divide {
		if err := mod.AddRequire(divided.Path, divided.Version); err != nil {
			return err
		}
	}
	for _, v := range c.excluded {
		if err := mod.AddExclude(v.Path, v.Version); err != nil {
			return err
		}
	}
	data, err := mod.Format()
	if err != nil {
		return err
	}
	if requires(c.before, templates.RuntimePath) && len(c.modules()) == 0 && len(c.excluded) == 0 && !c.divide {
		data = c.mod
	}
	if err := os.WriteFile(filepath.Join(c.dir, "go.mod"), data, 0o666); err != nil {
		return err
	}
	sums := c.sum
	// Where go.mod names a version the user's own go.sum speaks for it.
	for _, module := range append([]string{templates.RuntimePath}, c.modules()...) {
		if !requires(c.before, module) {
			sums = mergeSums(sums, c.runtime.sums(module, c.modCache()))
		}
	}
	if len(c.newest) > 0 {
		sums = mergeSums(sums, newestSum)
	}
	return os.WriteFile(filepath.Join(c.dir, "go.sum"), mergeSums(sums, nil), 0o666)
}

// list has the go command complete the copies for packages that import the
// given ones, and returns these with all that they depend on.
func (c *completion) list(imports []string, flags ...string) ([]part, error) {
	probe, patterns, err := c.probe(imports)
	if err != nil {
		return nil, err
	}
	if c.vendored {
		patterns = append(patterns, "./...")
	}
	mod := filepath.Join(c.dir, "go.mod")
	args := slices.Concat([]string{"list", "-mod=mod", "-modfile=" + mod, "-overlay=" + probe, "-tags=" + c.args.tags}, flags, partFlags, patterns)
	out, err := c.goCommand(c.module.Dir, []string{"GOWORK=off"}, args...)
	if err != nil {
		return nil, c.unresolved(c.module.GoMod, out, err, c.vendored)
	}
	data, err := os.ReadFile(mod)
	if err != nil {
		return nil, err
	}
	if c.sums, err = os.ReadFile(filepath.Join(c.dir, "go.sum")); err != nil {
		return nil, err
	}
	if c.after, err = modfile.Parse(c.module.GoMod, data, nil); err != nil {
		return nil, err
	}
	c.raised = c.changes(c.module, c.before, c.after)
	return readParts(out)
}

// probe writes an overlay with one more package in the module, which imports
// what is given, and returns its pattern. The go command completes
// requirements only for what a main module's package imports.
func (c *completion) probe(imports []string) (overlay string, patterns []string, err error) {
	var src strings.Builder
	src.WriteString("package probe\n\n")
	for _, pkg := range imports {
		fmt.Fprintf(&src, "import _ %q\n", pkg)
	}
	file := filepath.Join(c.dir, "probe.go")
	if err := os.WriteFile(file, []byte(src.String()), 0o666); err != nil {
		return "", nil, err
	}
	const name = "orchestrallprobe"
	replace := maps.Clone(c.user)
	if replace == nil {
		replace = make(map[string]string)
	}
	replace[filepath.Join(c.module.Dir, name, "probe.go")] = file
	at := &store{dir: c.dir}
	overlay, err = at.writeJSON("overlay", overlayFile{Replace: replace})
	return overlay, []string{"./" + name}, err
}

// checkSums tells of raised modules that could not be had: go list -e goes on
// without them, and the build would fail.
func (c *completion) checkSums(used []part) error {
	for _, change := range c.raised {
		if strings.Contains("\n"+string(c.sums), "\n"+change.path+" "+change.now+" h1:") {
			continue
		}
		for _, p := range used {
			if p.Error != nil && moduleOf(c.after, p.ImportPath) == change.path {
				return c.unresolved(c.module.GoMod, p.Error.Err, nil, c.vendored)
			}
		}
	}
	return nil
}

// A part is a package of a build, as go list tells it.
type part struct {
	ImportPath string
	Imports    []string
	Module     *struct {
		Path, Version string
		Main          bool
	}
	Error *struct{ Err string }
}

var partFlags = []string{"-deps", "-json=ImportPath,Imports,Module,Error"}

func readParts(out string) ([]part, error) {
	var all []part
	for dec := json.NewDecoder(strings.NewReader(out)); ; {
		var p part
		switch err := dec.Decode(&p); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, err
		}
		all = append(all, p)
	}
}

// spared are the raised versions that no package needs: those that import a
// package of such a module are of modules that were there before, with all that
// they asked for, and are not raised. Inserted packages, and what these import,
// take the user's version where it suffices.
func spared(parts []part, inserted []string, raised []change, known func(module string) bool) []module.Version {
	from := make(map[string]string) // the module of a package
	imports := make(map[string][]string)
	for _, p := range parts {
		imports[p.ImportPath] = p.Imports
		if p.Module != nil {
			from[p.ImportPath] = p.Module.Path
			continue
		}
		for _, c := range raised { // it could not be had
			if p.Error != nil && within(p.ImportPath, c.path) && len(c.path) > len(from[p.ImportPath]) {
				from[p.ImportPath] = c.path
			}
		}
	}
	ours := make(map[string]bool)
	for todo := slices.Clone(inserted); len(todo) > 0; {
		path := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !ours[path] {
			ours[path] = true
			todo = append(todo, imports[path]...)
		}
	}
	var came []part
	for _, p := range parts {
		if ours[p.ImportPath] {
			came = append(came, p)
		}
	}
	held, suffices := make(map[string]bool), make(map[string]bool)
	for _, c := range raised {
		held[c.path] = c.path != "go" && semver.IsValid(c.now) // or else it is replaced
		suffices[c.path] = c.suffices() || c.sufficesOld(came, from)
	}
	for again := true; again; {
		again = false
		for module := range held { // of one repository, which is released as a whole
			for other := range held {
				if held[module] && !held[other] && strings.HasPrefix(module, other+"/") && !suffices[module] {
					held[module], again = false, true
				}
			}
		}
		for _, p := range parts {
			if p.Module == nil || p.Module.Main || held[p.Module.Path] {
				continue
			}
			if _, newer := held[p.Module.Path]; known(p.Module.Path) && !newer {
				continue
			}
			for _, path := range p.Imports {
				if held[from[path]] && !(ours[p.ImportPath] && suffices[from[path]]) {
					held[from[path]], again = false, true
				}
			}
		}
	}
	var all []module.Version
	for _, c := range raised {
		if held[c.path] {
			all = append(all, module.Version{Path: c.path, Version: c.now})
		}
	}
	return all
}

// asked returns versions and those that the module graph asks for besides, of
// the same modules and newer than the user's: without the newest of them, the
// go command takes the next.
func (r *requirer) asked(versions []module.Version, raised []change, dir string, environ []string, flags ...string) []module.Version {
	graph, err := r.goCommand(dir, environ, slices.Concat([]string{"mod", "graph"}, flags)...)
	if err != nil {
		return versions // the others are met one after the other
	}
	return inGraph(graph, versions, raised)
}

func inGraph(graph string, versions []module.Version, raised []change) []module.Version {
	all := make(map[module.Version]bool)
	above := make(map[string]string) // the user's version
	for _, v := range versions {
		all[v] = true
		for _, c := range raised {
			if c.path == v.Path && semver.IsValid(c.was) {
				above[c.path] = c.was
			}
		}
	}
	for line := range strings.Lines(graph) {
		_, to, _ := strings.Cut(strings.TrimSpace(line), " ")
		path, asked, _ := strings.Cut(to, "@")
		if was := above[path]; was != "" && semver.Compare(asked, was) > 0 {
			all[module.Version{Path: path, Version: asked}] = true
		}
	}
	sorted := slices.Collect(maps.Keys(all))
	module.Sort(sorted)
	return sorted
}
