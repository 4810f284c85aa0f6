package overlay

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"go/version"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/scan"
	"github.com/orchestrall/orchestrall/templates"
)

// A resolution is what the cache remembers of a requirement.
type resolution struct {
	Mod      []byte // go.mod, or go.work in a workspace; nil when the user's own will do
	Sum      []byte // go.sum
	Notes    []string
	ReadOnly bool // the build reads the module cache in place of vendor/
	Skipped  []skippedHook
	// Refused are the versions that the user has not allowed to be raised:
	// nothing of it is done.
	Refused problems
	Nothing bool // of a workspace: nothing is left to require
}

// A skippedHook is a library whose hooks the module graph cannot take.
type skippedHook struct {
	Library  string
	Problems []instrument.Diagnostic
}

// An extra is the hook package of a library.
type extra struct{ library, module, pkg string }

// require makes the runtime, and the hook packages of libraries, part of the
// module graph of this build. The hooks that the graph cannot take are switched
// off, with a warning.
func (s *session) require(bootstrap bool, active []*Hooked) error {
	rt, err := findRuntime(s.vars)
	if err != nil {
		return err
	}
	if err := s.checkVariables(); err != nil {
		return err
	}
	return s.requireRuntime(rt, bootstrap, active)
}

func (s *session) requireRuntime(rt Runtime, bootstrap bool, active []*Hooked) error {
	r := &requirer{session: s, runtime: rt}
	if bootstrap || slices.ContainsFunc(s.units, (*unit).generates) {
		r.base = append(r.base, templates.RuntimePath)
	}
	if bootstrap {
		r.base = append(r.base, templates.BootstrapPath)
	}
	if s.isMain(templates.RuntimePath) {
		r.base = nil
	}
	for _, h := range active {
		// A hook package of the user's own is in the graph already.
		if module := h.lib.HookModule(templates.RuntimePath); module != "" && !s.isMain(module) {
			r.extras = append(r.extras, extra{h.Library, module, h.lib.Hook})
		}
	}
	if len(r.base)+len(r.extras) == 0 {
		return nil
	}
	resolve := func() (*resolution, error) { return r.module(s.tree.Modules[0]) }
	if s.tree.Work != "" {
		resolve = r.workspace
	}
	res, err := resolve()
	if err != nil {
		return err
	}
	for _, skipped := range res.Skipped {
		for _, h := range active {
			if h.Library != skipped.Library {
				continue
			}
			d := skipped.Problems[0]
			h.is(Raises, strings.TrimPrefix(d.Message, notInstrumented(h.Library)), d.Pos)
			s.warnings = append(s.warnings, skipped.Problems...)
		}
	}
	return nil
}

// A requirer works out, in a private folder, the module graph with the
// runtime in it.
type requirer struct {
	*session
	runtime Runtime
	base    []string // what generated code imports
	extras  []extra  // what woven code imports besides
	blame   string   // the library whose hooks are said to need a version; "" for the runtime

	unpublished map[module.Version]string // folders of workspace members
}

// packages are what inserted code imports.
func (r *requirer) packages() []string {
	all := slices.Clone(r.base)
	for _, e := range r.extras {
		all = append(all, e.pkg)
	}
	return all
}

// resolve has try work out the graph with everything in it. Where that fails,
// each hook package is tried in turn, and those that do not fit are left out.
func (r *requirer) resolve(res *resolution, try func(*resolution) error) error {
	err := try(res)
	if err == nil || len(r.extras) == 0 {
		return refused(res, err)
	}
	all := r.extras
	r.extras = nil
	defer func() { r.blame = "" }()
	*res = resolution{}
	if len(r.base) > 0 {
		if err := try(res); err != nil {
			return refused(res, err)
		}
	}
	var skipped []skippedHook
	failed := false // the last one tried
	for _, e := range all {
		kept := r.extras
		r.extras = append(slices.Clone(kept), e)
		r.blame = e.library
		var next resolution
		err := try(&next)
		var found problems
		failed = err != nil
		switch {
		case !failed:
			*res = next
			continue
		case !errors.As(err, &found):
			return err
		}
		r.extras = kept
		for i := range found {
			found[i].Severity = instrument.Warning
			found[i].Message = notInstrumented(e.library) + found[i].Message
		}
		skipped = append(skipped, skippedHook{e.library, found})
	}
	if failed && len(r.packages()) > 0 {
		var again resolution // what is on disk is that of the last attempt
		if err := try(&again); err != nil {
			return err
		}
		*res = again
	}
	res.Skipped = skipped
	return nil
}

func notInstrumented(library string) string { return library + " is not instrumented: " }

// final reports whether the next build would find the same. A module that
// cannot be had today may be there tomorrow.
func (res *resolution) final() bool {
	for _, skipped := range res.Skipped {
		if slices.ContainsFunc(skipped.Problems, notRaised) {
			return false
		}
	}
	return true
}

func notRaised(d instrument.Diagnostic) bool { return !strings.HasPrefix(d.Rule, "raised-") }

// refused keeps in res what the next build would find, too.
func refused(res *resolution, err error) error {
	var found problems
	if !errors.As(err, &found) || slices.ContainsFunc(found, notRaised) {
		return err
	}
	*res = resolution{Refused: found}
	return nil
}

// module resolves for a single main module.
func (r *requirer) module(m *scan.Module) (*resolution, error) {
	modFile, sumFile := m.GoMod, strings.TrimSuffix(m.GoMod, ".mod")+".sum"
	mod, err := r.tree.Read(modFile)
	if err != nil {
		return nil, err
	}
	sum, err := r.tree.Read(sumFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if _, inVendor := r.vendored(m, mod); inVendor {
		return &resolution{}, nil // checked in beside the code, like everything else
	}
	f, err := modfile.Parse(modFile, mod, nil)
	if err != nil {
		return nil, err
	}
	key := r.key("module", m.Dir, mod, sum, r.vendorState(m, mod), r.pinner(m, f).key())
	var res resolution
	if !r.store.readJSON("module", key, &res) {
		if err := r.resolve(&res, func(to *resolution) error { return r.resolveModule(m, mod, sum, to) }); err != nil {
			return nil, err
		}
		if res.final() {
			if err := r.store.writeEntry("module", key, res); err != nil {
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
	if res.ReadOnly {
		r.mod = "readonly"
	}
	if res.Mod == nil {
		return &res, nil
	}
	for path, data := range map[string][]byte{modFile: res.Mod, sumFile: res.Sum} {
		name, err := r.store.writeContent(path, data)
		if err != nil {
			return nil, err
		}
		r.replace[path] = r.store.content(name, path)
	}
	return &res, nil
}

// vendored reports whether the build would read a vendor folder, and whether
// that folder has the runtime. The go command reads vendor/modules.txt past
// the overlay, so nothing can be added to it.
func (r *requirer) vendored(m *scan.Module, mod []byte) (vendored, inVendor bool) {
	vendor := filepath.Join(m.Dir, "vendor")
	switch r.args.mod {
	case "vendor":
	case "":
		data, err := os.ReadFile(filepath.Join(vendor, "modules.txt"))
		if err != nil || bytes.HasPrefix(data, []byte("## workspace")) {
			return false, false
		}
		f, err := modfile.ParseLax(m.GoMod, mod, nil)
		if err != nil || version.Compare("go"+goVersion(f), "go1.14") < 0 {
			return false, false
		}
	default:
		return false, false
	}
	for _, pkg := range r.packages() {
		if _, err := os.Stat(filepath.Join(vendor, filepath.FromSlash(pkg))); err != nil {
			return true, false
		}
	}
	return true, true
}

// vendorState tells which of the packages a vendored build has.
func (r *requirer) vendorState(m *scan.Module, mod []byte) string {
	if vendored, _ := r.vendored(m, mod); !vendored {
		return ""
	}
	state := "vendored"
	for _, pkg := range r.packages() {
		if _, err := os.Stat(filepath.Join(m.Dir, "vendor", filepath.FromSlash(pkg))); err == nil {
			state += " " + pkg
		}
	}
	return state
}

func goVersion(f *modfile.File) string {
	if f.Go == nil {
		return "1.16" // what the go command takes it for
	}
	return f.Go.Version
}

// key identifies what a resolution depends on.
func (r *requirer) key(parts ...any) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %+v %q %q\n", toolID(), r.runtime, r.packages(), r.args.tags)
	for _, name := range []string{"GOOS", "GOARCH", "CGO_ENABLED", "GOFLAGS"} {
		fmt.Fprintf(h, "%q\n", r.vars.Go(name)) // they choose among the files, and so the imports
	}
	for _, module := range append([]string{templates.RuntimePath}, r.modules()...) {
		for _, name := range []string{"go.mod", "go.sum"} {
			if dir := r.runtime.folder(module); dir != "" {
				data, _ := os.ReadFile(filepath.Join(dir, name)) // the go command tells what is wrong with it
				fmt.Fprintf(h, "%q\n", data)
			}
		}
	}
	for _, m := range r.tree.Modules {
		if m.Config != nil {
			for _, p := range m.Config.Upgrades {
				fmt.Fprintf(h, "%q\n", p.Text)
			}
		}
	}
	fmt.Fprintf(h, "%q\n", r.vars.Var("ORCHESTRALL_UPGRADES")) // what is pinned is among the parts
	for _, part := range parts {
		fmt.Fprintf(h, "%q\n", fmt.Sprintf("%s", part))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// resolveModule has the go command complete a copy of go.mod and go.sum, and
// judges what it changed.
func (r *requirer) resolveModule(m *scan.Module, mod, sum []byte, res *resolution) error {
	vendored, inVendor := r.vendored(m, mod)
	if inVendor {
		return nil
	}
	res.ReadOnly = vendored
	tmp, err := os.MkdirTemp("", "orchestrall-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	before, err := modfile.Parse(m.GoMod, mod, nil)
	if err != nil {
		return err
	}
	if err := r.addUnlisted(m, before, mod, sum, tmp); err != nil {
		return err
	}
	c := &completion{requirer: r, module: m, mod: mod, sum: sum, before: before, vendored: vendored, dir: tmp}
	if err := c.complete(); err != nil {
		return err
	}
	if err := r.judge(c.raised, res); err != nil {
		return err
	}
	after, newSum := c.after, c.sums
	if vendored {
		absent := r.absent(m)
		res.Notes = append(res.Notes, "vendor/ has no "+absent+", so this build reads the module cache (-mod=readonly)"+toVendor(absent))
	}
	if sameRequirements(before, after) && bytes.Equal(mergeSums(sum, nil), mergeSums(newSum, nil)) {
		return nil // go.mod was complete
	}
	newMod, err := keepGODEBUG(before, after)
	if err != nil {
		return err
	}
	res.Mod, res.Sum = newMod, newSum
	return nil
}

// addUnlisted adds to f the indirect requirements that a go.mod of a version
// before go 1.17 does not list: of the modules whose packages the main module
// needs, as later versions do. Its graph has many more, and a round of the go
// command for each to keep its version.
func (r *requirer) addUnlisted(m *scan.Module, f *modfile.File, mod, sum []byte, tmp string) error {
	if version.Compare("go"+goVersion(f), "go1.17") >= 0 || !r.upgrades("go") {
		return nil
	}
	copied := filepath.Join(tmp, "go.mod")
	if err := os.WriteFile(copied, mod, 0o666); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(tmp, "go.sum"), sum, 0o666); err != nil {
		return err
	}
	out, err := r.goCommand(m.Dir, []string{"GOWORK=off"}, "list", "-mod=mod", "-modfile="+copied, "-tags="+r.args.tags, "-e", "-deps", "-test", "-f", "{{with .Module}}{{.Path}} {{.Version}}{{end}}", "./...")
	if err != nil {
		return r.unresolved(m.GoMod, out, err, false)
	}
	for line := range strings.Lines(out) {
		if path, version, found := strings.Cut(strings.TrimSpace(line), " "); found && path != m.Path && !requires(f, path) {
			f.AddNewRequire(path, version, true)
		}
	}
	return nil
}

// addRequirements adds to f what it does not require yet.
func (r *requirer) addRequirements(f *modfile.File) error {
	for _, module := range append([]string{templates.RuntimePath}, r.modules()...) {
		if requires(f, module) || r.isMain(module) {
			continue
		}
		if err := r.runtime.require(f, module); err != nil {
			return err
		}
	}
	return nil
}

// modules are those of the hook packages, besides the runtime's.
func (r *requirer) modules() []string {
	var all []string
	for _, e := range r.extras {
		if e.module != templates.RuntimePath && !slices.Contains(all, e.module) {
			all = append(all, e.module)
		}
	}
	return all
}

// requires reports whether f has the module already.
func requires(f *modfile.File, module string) bool {
	return slices.ContainsFunc(f.Require, func(r *modfile.Require) bool { return r.Mod.Path == module })
}

// missing is the module that a failing build is told of.
func (r *requirer) missing() string {
	if modules := r.modules(); len(modules) > 0 && r.blame != "" {
		return modules[len(modules)-1]
	}
	return templates.RuntimePath
}

// absent is the first package that vendor/ does not have.
func (r *requirer) absent(m *scan.Module) string {
	for _, pkg := range r.packages() {
		if _, err := os.Stat(filepath.Join(m.Dir, "vendor", filepath.FromSlash(pkg))); err != nil {
			return pkg
		}
	}
	return templates.RuntimePath
}

// toVendor tells how to vendor a package, where a command does.
func toVendor(pkg string) string {
	if pkg != templates.RuntimePath && pkg != templates.BootstrapPath {
		return ""
	}
	return "; to vendor it: orchestrall init && go mod vendor"
}

func sameRequirements(a, b *modfile.File) bool {
	versions := func(f *modfile.File) string {
		list := []string{"go " + goVersion(f)}
		for _, r := range f.Require {
			list = append(list, r.Mod.String())
		}
		slices.Sort(list)
		return strings.Join(list, "\n")
	}
	return versions(a) == versions(b)
}

// goCommand runs go args in dir with the user's settings, without the flags
// that args give. It returns what the command says on standard error.
func (r *requirer) goCommand(dir string, environ []string, args ...string) (string, error) {
	var flags []string
	fields, _ := splitQuoted(r.vars.Go("GOFLAGS")) // was split before
	for _, flag := range fields {
		name, _, _ := strings.Cut(strings.TrimLeft(flag, "-"), "=")
		if !slices.Contains([]string{"mod", "modfile", "overlay", "toolexec"}, name) {
			flags = append(flags, flag)
		}
	}
	goflags, err := joinQuoted(flags)
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = slices.Concat(r.env.Environ, []string{"PWD=" + dir, "GOFLAGS=" + goflags}, environ)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return strings.TrimSpace(problems.String()), err
	}
	return strings.TrimSpace(out.String()), nil
}

func (r *requirer) modCache() string {
	if dir := r.vars.Go("GOMODCACHE"); dir != "" {
		return dir
	}
	gopath, _, _ := strings.Cut(r.vars.Go("GOPATH"), string(filepath.ListSeparator))
	if gopath == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		gopath = filepath.Join(home, "go")
	}
	return filepath.Join(gopath, "pkg", "mod")
}

func (r *requirer) unresolved(file, out string, err error, vendored bool) error {
	if out == "" {
		out = err.Error()
	}
	d := instrument.Diagnostic{
		Rule:    "unresolved-runtime",
		Message: "cannot add " + r.missing() + " to this build",
		Fix:     "run orchestrall init, which adds it to go.mod",
	}
	if vendored {
		d.Message = "vendor/ has no " + r.missing() + ", and the module cache can't serve this build"
		d.Fix = "run orchestrall init && go mod vendor"
	}
	if module := r.missing(); module != templates.RuntimePath {
		d.Fix = "run go mod download " + module + "@" + r.runtime.Version + " where the module proxy can be reached"
		if r.runtime.Dir != "" {
			d.Fix = "look at " + filepath.Join(r.runtime.folder(module), "go.mod")
		}
	}
	d.Pos.Filename = file
	d.Message += ": " + strings.ReplaceAll(out, "\n", "\n\t")
	return problems{d}
}

// mergeSums unites the lines of two go.sum files.
func mergeSums(a, b []byte) []byte {
	lines := make(map[string]bool)
	for _, data := range [][]byte{a, b} {
		for line := range strings.Lines(string(data)) {
			if line = strings.TrimSpace(line); line != "" {
				lines[line] = true
			}
		}
	}
	var out bytes.Buffer
	all := make([]string, 0, len(lines))
	for line := range lines {
		all = append(all, line)
	}
	slices.Sort(all)
	for _, line := range all {
		out.WriteString(line + "\n")
	}
	return out.Bytes()
}
