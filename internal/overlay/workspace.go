package overlay

import (
	"errors"
	"go/version"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"

	"github.com/orchestrall/orchestrall/internal/cachefile"
	"github.com/orchestrall/orchestrall/internal/scan"
	"github.com/orchestrall/orchestrall/templates"
)

// The name of the module that brings the runtime into a workspace.
const bridge = "orchestrall.invalid/bridge"

// workspace resolves for a workspace. Members keep their go.mod: one more
// member, in the cache, requires the runtime. The go command may add sums to
// the go.work.sum beside the go.work that it reads, so it gets a go.work of
// its own, with the same members.
func (r *requirer) workspace() (*resolution, error) {
	work, err := r.tree.Read(r.tree.Work)
	if err != nil {
		return nil, err
	}
	sum, err := r.tree.Read(r.tree.Work + ".sum")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var members, pins, imports []string
	required := make(map[string]bool)
	needed := append([]string{templates.RuntimePath}, r.modules()...)
	for _, m := range r.tree.Modules {
		data, err := r.tree.Read(m.GoMod)
		if err != nil {
			return nil, err
		}
		f, err := modfile.Parse(m.GoMod, data, nil)
		if err != nil {
			return nil, err
		}
		needed = slices.DeleteFunc(needed, func(module string) bool { return requires(f, module) || module == m.Path })
		pinner := r.pinner(m, f)
		members, pins, imports = append(members, string(data)), append(pins, pinner.key()), append(imports, pinner.imports...)
		for _, req := range f.Require {
			required[req.Mod.Path] = true
		}
	}
	if len(needed) == 0 {
		return &resolution{}, nil
	}
	dir := r.store.path("work", r.key(r.tree.Work, work, sum, members, pins))
	at := filepath.Join(dir, "go.work")
	member := filepath.Join(dir, "bridge")
	var res resolution
	if !r.store.readJSON("work", filepath.Base(dir)+".json", &res) ||
		len(res.Refused) == 0 && !res.Nothing && !r.store.keep(at, at+".sum", filepath.Join(member, "go.mod"), filepath.Join(member, "go.sum"), filepath.Join(member, "bridge.go")) {
		if err := r.resolve(&res, func(to *resolution) error {
			b := &bridging{requirer: r, dir: dir, work: work, sum: sum, needed: needed, imports: imports, required: required}
			err := b.resolve(to)
			if err != nil {
				_ = os.Remove(at) // no build may read it
			}
			return err
		}); err != nil {
			return nil, err
		}
		res.Nothing = !r.store.keep(at)
		if res.final() {
			if err := r.store.writeEntry("work", filepath.Base(dir)+".json", res); err != nil {
				return nil, err
			}
		}
		r.notes = append(r.notes, res.Notes...)
	} else if r.env.Verbose || r.all {
		r.notes = append(r.notes, res.Notes...)
	}
	if len(res.Refused) > 0 {
		return nil, res.Refused
	}
	if res.Nothing {
		return &res, nil
	}
	r.environ = append(append([]string(nil), r.environ...), "GOWORK="+at)
	if r.args.mod == "vendor" {
		r.mod = "readonly" // there is no vendor folder beside that go.work
	}
	return &res, nil
}

// A bridging builds the bridge of a workspace.
type bridging struct {
	*requirer
	dir       string
	work, sum []byte          // the user's own go.work and go.work.sum
	needed    []string        // modules that no member requires
	imports   []string        // what members import of modules that they require
	required  map[string]bool // these modules
	newest    []module.Version
	holding
}

// resolve writes the go.work and its bridge, and judges what that changed. As
// for a single module, what is new comes in its newest version unless that
// raised what there is, and what no package needs newer is held.
func (b *bridging) resolve(res *resolution) error {
	plain, err := b.copyWork(filepath.Join(b.dir, "plain"), b.work, b.sum, "", "")
	if err != nil {
		return err
	}
	before, err := b.buildList(plain)
	for err != nil && b.unpublish(err) {
		if plain, err = b.copyWork(filepath.Join(b.dir, "plain"), b.work, b.sum, "", ""); err == nil {
			before, err = b.buildList(plain)
		}
	}
	if err != nil {
		return err
	}
	b.newest = newest(func(path string) bool { return b.required[path] })
	if len(b.newest) > 0 {
		if raised, err := b.settle(before); err == nil && !raises(raised) {
			return b.judge(raised, res)
		}
		b.newest = nil
	}
	raised, err := b.settle(before)
	if err != nil {
		return err
	}
	return b.judge(raised, res)
}

// settle writes the go.work and its bridge, and returns what that raised.
func (b *bridging) settle(before map[string]string) ([]change, error) {
	b.holding = holding{}
	for {
		with, err := b.write()
		if err != nil {
			return nil, err
		}
		environ := []string{"GOWORK=" + with}
		list := []string{"list", "-tags=" + b.args.tags}
		if out, err := b.goCommand(b.session.dir, environ, slices.Concat(list, partFlags, []string{bridge})...); err != nil {
			if b.divides(undivided(out)) {
				continue
			}
			return nil, b.unresolved(b.tree.Work, out, err, false)
		}
		after, err := b.buildList(with)
		if err != nil {
			return nil, err
		}
		raised := b.workspaceChanges(before, after)
		if len(raised) == 0 {
			return nil, nil
		}
		out, err := b.goCommand(b.session.dir, environ, slices.Concat(list, []string{"-e"}, partFlags, b.packages(), b.imports)...)
		if err != nil {
			return nil, b.unresolved(b.tree.Work, out, err, false)
		}
		used, err := readParts(out)
		if err != nil {
			return nil, err
		}
		if b.divides(slices.ContainsFunc(used, part.undivided)) {
			continue
		}
		more := spared(used, b.packages(), raised, func(path string) bool { return b.required[path] })
		if b.divide {
			more = slices.DeleteFunc(more, isDivided)
		}
		if len(more) == 0 {
			return raised, nil
		}
		b.excluded = append(b.excluded, b.asked(more, raised, b.session.dir, environ)...)
	}
}

// write writes the bridge, which requires those of the needed modules that the
// packages are in, and the go.work with it.
func (b *bridging) write() (work string, err error) {
	mod := new(modfile.File)
	mod.Syntax = new(modfile.FileSyntax)
	if err := mod.AddModuleStmt(bridge); err != nil {
		return "", err
	}
	if err := mod.AddGoStmt(b.runtimeGo()); err != nil {
		return "", err
	}
	var sums []byte
	for _, module := range append([]string{templates.RuntimePath}, b.modules()...) {
		if !slices.Contains(b.needed, module) {
			continue
		}
		if err := b.runtime.require(mod, module); err != nil {
			return "", err
		}
		sums = mergeSums(sums, b.runtime.sums(module, b.modCache()))
	}
	for _, v := range b.newest {
		mod.AddNewRequire(v.Path, v.Version, true)
	}
	if b.divide {
		mod.AddNewRequire(divided.Path, divided.Version, true)
	}
	if len(b.newest) > 0 {
		sums = mergeSums(sums, newestSum)
	}
	for _, v := range b.excluded {
		if err := mod.AddExclude(v.Path, v.Version); err != nil {
			return "", err
		}
	}
	mod.Cleanup()
	data, err := mod.Format()
	if err != nil {
		return "", err
	}
	to := filepath.Join(b.dir, "bridge")
	src := "package bridge\n\n"
	for _, pkg := range b.packages() {
		src += "import _ \"" + pkg + "\"\n"
	}
	for name, content := range map[string][]byte{"go.mod": data, "go.sum": sums, "bridge.go": []byte(src)} {
		if err := cachefile.Write(filepath.Join(to, name), content); err != nil {
			return "", err
		}
	}
	return b.copyWork(b.dir, b.work, b.sum, to, b.runtimeGo())
}

// unpublish notes versions of members that others require and that, as err
// says, nobody can download. Building such a workspace reads none of them, and
// adding to it does: the member's folder stands for that version then. It
// reports whether there are more than before.
func (r *requirer) unpublish(err error) bool {
	found := false
	for f := range r.goMods(modfile.ParseLax) {
		for _, req := range f.Require {
			at := slices.IndexFunc(r.tree.Modules, func(m *scan.Module) bool { return m.Path == req.Mod.Path })
			if at < 0 || r.unpublished[req.Mod] != "" || !strings.Contains(err.Error(), req.Mod.String()+":") {
				continue
			}
			if r.unpublished == nil {
				r.unpublished = make(map[module.Version]string)
			}
			r.unpublished[req.Mod], found = r.tree.Modules[at].Dir, true
		}
	}
	return found
}

// workspaceChanges compares the versions of what members require. A member
// keeps its own language version, so go.work's does not count.
func (r *requirer) workspaceChanges(before, after map[string]string) []change {
	var all []change
	at := make(map[string]int) // the one in all
	for _, m := range r.tree.Modules {
		data, err := r.tree.Read(m.GoMod)
		if err != nil {
			continue // it was read a moment ago
		}
		f, err := modfile.Parse(m.GoMod, data, nil)
		if err != nil {
			continue
		}
		pinner := r.pinner(m, f)
		for _, req := range f.Require {
			c := change{path: req.Mod.Path, was: before[req.Mod.Path], now: after[req.Mod.Path], pos: position(f, req.Syntax)}
			if c.was == c.now || c.was == "" {
				continue
			}
			if c.how, c.pinned = pinner.pin(req); !c.pinned && (strings.Contains(c.was, "=>") || strings.Contains(c.now, "=>")) {
				c.how, c.pinned = " (it is replaced)", true
			}
			if i, seen := at[c.path]; !seen {
				at[c.path] = len(all)
				all = append(all, c)
			} else if c.pinned && !all[i].pinned { // indirect there, and direct here
				all[i] = c
			}
		}
	}
	return all
}

// raiseGo gives a go.work at least that go line, and the run-time settings
// that its own go line stands for.
func raiseGo(f *modfile.WorkFile, atLeast string) error {
	was := "1.18" // what the go command takes a missing line for
	if f.Go != nil {
		was = f.Go.Version
	}
	if version.Compare("go"+was, "go"+atLeast) >= 0 {
		return nil
	}
	if err := f.AddGoStmt(atLeast); err != nil {
		return err
	}
	if slices.ContainsFunc(f.Godebug, func(g *modfile.Godebug) bool { return g.Key == "default" }) {
		return nil
	}
	return f.AddGodebug("default", version.Lang("go"+was))
}

// copyWork writes a go.work with the user's members, and one more, into dir.
func (r *requirer) copyWork(dir string, work, sum []byte, member, goAtLeast string) (string, error) {
	f, err := modfile.ParseWork(r.tree.Work, work, nil)
	if err != nil {
		return "", err
	}
	home := filepath.Dir(r.tree.Work)
	for _, use := range append([]*modfile.Use(nil), f.Use...) {
		path := filepath.FromSlash(use.Path)
		if !filepath.IsAbs(path) {
			if err := f.DropUse(use.Path); err != nil {
				return "", err
			}
			if err := f.AddUse(filepath.ToSlash(filepath.Join(home, path)), use.ModulePath); err != nil {
				return "", err
			}
		}
	}
	for _, rep := range append([]*modfile.Replace(nil), f.Replace...) {
		if rep.New.Version == "" && !filepath.IsAbs(filepath.FromSlash(rep.New.Path)) {
			path := filepath.Join(home, filepath.FromSlash(rep.New.Path))
			if err := f.AddReplace(rep.Old.Path, rep.Old.Version, path, ""); err != nil {
				return "", err
			}
		}
	}
	if member != "" {
		if err := f.AddUse(filepath.ToSlash(member), bridge); err != nil {
			return "", err
		}
		if err := raiseGo(f, goAtLeast); err != nil {
			return "", err
		}
	}
	for version, folder := range r.unpublished {
		if err := f.AddReplace(version.Path, version.Version, folder, ""); err != nil {
			return "", err
		}
	}
	f.Cleanup()
	f.SortBlocks()
	path := filepath.Join(dir, "go.work")
	if err := cachefile.Write(path, modfile.Format(f.Syntax)); err != nil {
		return "", err
	}
	return path, cachefile.Write(path+".sum", sum)
}

// buildList returns the versions that a workspace selects.
func (r *requirer) buildList(work string) (map[string]string, error) {
	out, err := r.goCommand(r.dir, []string{"GOWORK=" + work}, "list", "-m", "-f", "{{.Path}} {{with .Replace}}=> {{.Path}}{{with .Version}} {{.}}{{end}}{{else}}{{.Version}}{{end}}", "all")
	if err != nil {
		return nil, r.unresolved(r.tree.Work, out, err, false)
	}
	list := make(map[string]string)
	for line := range strings.Lines(out) {
		path, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		list[path] = rest
	}
	return list, nil
}

// runtimeGo is the go version that the runtime asks for.
func (r *requirer) runtimeGo() string {
	dir := r.runtime.Dir
	if dir == "" {
		return "1.26.0"
	}
	data, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return "1.26.0"
	}
	f, err := modfile.ParseLax("go.mod", data, nil)
	if err != nil {
		return "1.26.0"
	}
	return goVersion(f)
}
