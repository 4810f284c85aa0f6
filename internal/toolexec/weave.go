package toolexec

import (
	"errors"
	"fmt"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/config"
	"github.com/orchestrall/orchestrall/internal/hooks"
	"github.com/orchestrall/orchestrall/internal/scan"
	"github.com/orchestrall/orchestrall/internal/weave"
	"github.com/orchestrall/orchestrall/rewrite"
	"github.com/orchestrall/orchestrall/templates"
)

// hookEdits returns what hooks change in the files of the package. Nothing that
// goes wrong here breaks a build: what cannot be woven is left out, with one
// warning a build.
func (c *compilation) hookEdits() map[string][]rewrite.Edit {
	u := c.unit
	if os.Getenv(closureVariable) != "" || u.checkedIn() && !u.pkg.CheckedIn() {
		return nil
	}
	if !c.requiresRuntime() {
		c.tellUnprepared()
		return nil
	}
	s := c.survey()
	for _, d := range s.Warnings {
		c.warn(d.Rule+d.Pos.String(), d)
	}
	if slices.Contains(s.Below, strings.TrimSuffix(u.pkg.ImportPath, "_test")) {
		return nil
	}
	var meant []surveyed
	for _, l := range s.Libraries {
		switch {
		case !u.uses(l.Library):
		case l.Passive() && !s.Traced || onlyGoroutines(l.Library) && !u.detaches():
		case l.Lacks != "":
			c.tellLacking(l)
		default:
			meant = append(meant, l)
		}
	}
	if len(meant) == 0 {
		return nil
	}
	return c.weaveHooks(meant)
}

// uses reports whether the package imports, or is, one that the hooks of l
// are about.
func (u *unit) uses(l *hooks.Library) bool {
	have := u.imports()
	return slices.ContainsFunc(l.Packages(), func(path string) bool {
		return path == u.pkg.ImportPath || slices.Contains(have, path)
	})
}

// detaches reports whether a file may start a goroutine that loses a trace.
func (u *unit) detaches() bool {
	return slices.ContainsFunc(u.sources, func(s source) bool { return scan.Detaches(s.body) })
}

func (c *compilation) weaveHooks(libraries []surveyed) map[string][]rewrite.Edit {
	path, _ := c.unit.args.value("importcfg")
	cfg, err := readImportcfg(path)
	if err != nil {
		return nil // and the compiler says so
	}
	archives, libraries := c.hookArchives(libraries)
	c.hooks = archives
	if len(libraries) == 0 || archives[c.unit.pkg.ImportPath] != "" {
		return nil // a hook package imports it: weaving it would make a cycle
	}
	fset := token.NewFileSet()
	exports := weave.Exports(fset, func(path string) (io.ReadCloser, error) {
		// The package's own imports are the ones that it is compiled against.
		for _, file := range []string{cfg.archives[path], archives[path]} {
			if file != "" {
				return os.Open(file)
			}
		}
		return nil, fmt.Errorf("%s is not part of the build", path)
	})
	pkg := c.check(fset, exports)
	if pkg == nil || pkg.Types == nil {
		return nil
	}
	load := func(path string) (*types.Package, error) {
		if path == c.unit.pkg.ImportPath {
			return pkg.Types, nil
		}
		return exports.Import(path)
	}
	var bound []*weave.Hook
	for _, l := range libraries {
		within := *l.Library
		within.Points = slices.DeleteFunc(slices.Clone(l.Points), func(p hooks.Point) bool {
			of := p.Target.Package
			return of != c.unit.pkg.ImportPath && cfg.archives[of] == "" && archives[of] == ""
		})
		fit, problems := weave.Bind(&within, load)
		bound = append(bound, fit...)
		c.tellMoved(l, problems)
	}
	return weave.Weave(pkg, bound).Edits
}

// check type-checks the package. Mistakes are the compiler's to tell.
func (c *compilation) check(fset *token.FileSet, imports types.Importer) *weave.Package {
	var all []weave.File
	for _, f := range c.unit.sources {
		parsed, err := weave.Parse(fset, f.path, f.body)
		if parsed.Tree == nil || err != nil && parsed.Tree.Name == nil {
			continue
		}
		all = append(all, parsed)
	}
	woven := len(all) // the rest is there for its declarations
	for _, f := range slices.Concat(c.unit.made, c.unit.pkg.Generated) {
		if parsed, err := weave.Parse(fset, f.Path, f.Src); parsed.Tree != nil && err == nil {
			all = append(all, parsed)
		}
	}
	checker := &weave.Checker{Fset: fset, Imports: imports, Arch: os.Getenv("GOARCH")}
	pkg, _ := checker.Check(c.unit.pkg.ImportPath, all, true)
	if pkg != nil {
		pkg.Config = c.unit.config
		pkg.Files = slices.DeleteFunc(slices.Clone(all[:woven]), func(f weave.File) bool { return weave.IsOurs(f.Src) })
	}
	return pkg
}

// hookArchives returns the archives of the hook packages and of what they need,
// and the libraries whose hook packages can be had.
func (c *compilation) hookArchives(libraries []surveyed) (map[string]string, []surveyed) {
	have := c.unit.imports()
	all := make(map[string]string)
	ask := func(roots []string) error {
		archives, err := request{tool: c.tool, cmd: c.cmd, roots: roots, profile: c.profile()}.resolve(false)
		maps.Copy(all, archives)
		return err
	}
	failed := make(map[string]error)
	var ours []string
	for _, l := range libraries {
		switch {
		case slices.Contains(have, l.Hook):
		case oursBelow(l.Hook):
			ours = append(ours, l.Hook)
		case failed[l.Hook] == nil && all[l.Hook] == "":
			failed[l.Hook] = ask([]string{l.Hook})
		}
	}
	slices.Sort(ours)
	if ours = slices.Compact(ours); len(ours) > 0 {
		if err := ask(ours); err != nil {
			for _, path := range ours {
				failed[path] = ask([]string{path})
			}
		}
	}
	return all, slices.DeleteFunc(slices.Clone(libraries), func(l surveyed) bool {
		err := failed[l.Hook]
		if err != nil {
			c.tellUnusable(l, err)
		}
		return err != nil
	})
}

// warn prints d once in a build.
func (c *compilation) warn(name string, d instrument.Diagnostic) {
	d.Severity = instrument.Warning
	path := filepath.Join(filepath.Dir(c.unit.work), "orchestrall.told."+strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*() `, r) {
			return '_'
		}
		return r
	}, name))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if errors.Is(err, os.ErrExist) {
		return
	}
	if err == nil {
		f.Close()
	}
	fmt.Fprintln(c.tool.stderr, d)
}

// tellUnprepared warns when a package uses what could be hooked in a module
// that does not require the runtime.
func (c *compilation) tellUnprepared() {
	u := c.unit
	if u.concerned() { // which is an error, with the same fix
		return
	}
	imported := make(map[string]bool)
	for _, path := range u.imports() {
		imported[path] = true
	}
	for _, l := range c.tool.libraries(imported) {
		if l.Passive() || !u.uses(l) || u.config != nil && u.config.Hooks.Choice(l.Name) != nil && u.config.Hooks.Choice(l.Name).Depth == config.Off {
			continue
		}
		c.warn("unprepared", instrument.Diagnostic{
			Pos:  token.Position{Filename: filepath.Join(u.pkg.ModuleDir, "go.mod"), Line: 1, Column: 1},
			Rule: "no-hooks", Message: "libraries such as " + l.Name + " are not instrumented: module " + u.pkg.Module + " does not require " + templates.RuntimePath,
			Fix: "run: orchestrall init",
		})
		return
	}
}

// tellLacking warns that go.mod lacks the module of a library's hooks.
func (c *compilation) tellLacking(l surveyed) {
	c.warn(l.Name, instrument.Diagnostic{
		Pos: c.requirementOf(l), Rule: "missing-requirement",
		Message: l.Name + " is not instrumented: module " + c.unit.pkg.Module + " does not require " + l.Lacks,
		Fix:     "run: orchestrall init; or switch it off: hooks: {off: [" + l.Name + "]} in " + config.FileName,
	})
}

func (c *compilation) tellUnusable(l surveyed, err error) {
	c.warn(l.Name, instrument.Diagnostic{
		Pos: c.requirementOf(l), Rule: "missing-requirement",
		Message: l.Name + " is not instrumented: " + firstLine(err.Error()),
		Fix:     "run: go get " + l.Hook,
	})
}

// tellMoved warns that hooks do not fit the library as it is.
func (c *compilation) tellMoved(l surveyed, problems []weave.Mismatch) {
	if len(problems) == 0 {
		return
	}
	d := instrument.Diagnostic{
		Pos: l.At, Rule: "moved-hook",
		Message: "the hook for " + l.Name + " does not fit: " + problems[0].Reason, Fix: "correct it, or remove it",
	}
	if !l.Own {
		d.Pos = c.requirementOf(l)
		d.Message = "the hooks for " + l.Name + " do not fit: " + problems[0].Reason
		d.Fix = "the rest is woven; hooks: {off: [" + l.Name + "]} in " + config.FileName + " switches them off"
	}
	if more := len(problems) - 1; more > 0 {
		d.Message += fmt.Sprintf(" (and %d more)", more)
	}
	c.warn(l.Name, d)
}

// requirementOf is where the module requires a library.
func (c *compilation) requirementOf(l surveyed) token.Position {
	if l.Own {
		return l.At
	}
	return requirementIn(filepath.Join(c.unit.pkg.ModuleDir, "go.mod"), l.Module)
}

// requirementIn is where a go.mod requires a module, or its first line.
func requirementIn(gomod, module string) token.Position {
	pos := token.Position{Filename: gomod, Line: 1, Column: 1}
	data, err := os.ReadFile(gomod)
	if err != nil || module == "" {
		return pos
	}
	for i, line := range strings.Split(string(data), "\n") {
		if at := strings.Index(line, module+" v"); at >= 0 && !strings.Contains(line[:at], "//") {
			return token.Position{Filename: gomod, Line: i + 1, Column: at + 1}
		}
	}
	return pos
}
