package overlay

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/scan"
	"github.com/orchestrall/orchestrall/rewrite"
)

// A session prepares one run of the go command.
type session struct {
	env  Env
	verb string
	args *arguments
	vars *scan.Environment

	dir     string // where the go command works: -C is applied
	store   *store
	tree    *scan.Tree
	user    map[string]string // the user's own overlay
	replace map[string]string // the overlay that the go command gets
	units   []*unit
	named   *scan.Folder // the files of a build that names files
	hooked  []*Hooked    // what became of the libraries' hooks
	// unstarted: the module graph has no place for the runtime, so that nothing
	// starts the SDK.
	unstarted bool
	all       bool // say so of libraries that nothing imports, too
	preview   bool // nothing is compiled: the module graph need not have the runtime
	environ   []string

	mod      string            // -mod to use instead of the user's; "" keeps it
	extra    []string          // generated files of a build that names its files
	standard map[string]string // files of the standard library that are hooked deep
	link     []string          // hook packages that commands link for their sake
	overlay  string            // path of the overlay that was written; "" when there is nothing to do
	notes    []string
	warnings []instrument.Diagnostic
}

func newSession(env Env, verb string, args []string) (*session, error) {
	s := &session{env: env, verb: verb, vars: scan.NewEnvironment(env.Environ), environ: env.Environ}
	var err error
	if s.args, err = parseArguments(verb, args, s.vars.Go("GOFLAGS")); err != nil {
		return nil, err
	}
	if fields, err := splitQuoted(s.args.toolexec); err == nil && len(fields) > 1 && isSelf(fields[0]) && fields[1] == "toolexec" {
		return nil, errors.New("-toolexec already instruments: run go " + verb + " itself, or leave out -toolexec (also in GOFLAGS)")
	}
	s.dir = env.Dir
	if s.args.dir != "" {
		// After -C the go command asks the system for its folder, without links.
		if s.dir, err = filepath.EvalSymlinks(absolute(s.args.dir, env.Dir)); err != nil {
			return nil, fmt.Errorf("-C: %w", err)
		}
	}
	s.user, err = readOverlay(s.args.overlay, s.dir)
	return s, err
}

// isSelf reports whether a command is this tool, under whatever path.
func isSelf(command string) bool {
	return strings.TrimSuffix(filepath.Base(command), ".exe") == "orchestrall"
}

// scan reads the module or workspace.
func (s *session) scan() error {
	opt := scan.Options{Dir: s.dir, Config: s.env.Config, Environ: s.env.Environ, Overlay: s.user}
	if s.args.modfile != "" {
		opt.ModFile = absolute(s.args.modfile, s.dir)
	}
	if opt.Config != "" {
		opt.Config = absolute(opt.Config, s.env.Dir)
	}
	tree, err := scan.Load(opt)
	if err != nil {
		return err
	}
	s.tree = tree
	if instrument.HasErrors(tree.Diagnostics) {
		return problems(tree.Diagnostics)
	}
	s.warnings = append(s.warnings, tree.Diagnostics...)
	return nil
}

// prepare scans, instruments and writes the overlay.
func (s *session) prepare() error {
	err := s.scan()
	if err != nil {
		return err
	}
	t := s.targets()
	if err := s.instrument(t); err != nil {
		return err
	}
	if s.verb == "vet" {
		return nil
	}
	if err := s.completeBuild(t); err != nil || !slices.ContainsFunc(s.units, (*unit).changes) {
		return err
	}
	if s.overlay, err = s.store.writeJSON("overlay", overlayFile{Replace: s.replace}); err != nil {
		return err
	}
	if s.args.cover || s.verb == "test" && !s.args.vetOff {
		if s.args.toolexec, err = s.coverToolexec(); err != nil {
			return err
		}
	}
	s.store.prune()
	return nil
}

// completeBuild weaves libraries, makes what inserted code imports part of the
// module graph and fills the overlay. Without anything to do it leaves no unit.
func (s *session) completeBuild(t *targets) error {
	directives := slices.ContainsFunc(s.units, (*unit).changes)
	w := s.newWeaving(t, directives)
	s.hooked = w.hooked
	anything := len(w.candidates) > 0 || w.deepens()
	if anything {
		if err := s.openStore(); err != nil {
			return err
		}
		if err := s.weaveLibraries(w, t, directives); err != nil {
			return err
		}
	}
	if !anything {
		for _, h := range w.hooked {
			h.describe(nil, nil)
		}
	}
	if !slices.ContainsFunc(s.units, (*unit).changes) {
		s.forgetRequirement()
		return nil
	}
	if !anything {
		s.forgetRequirement()
		if s.preview {
			return nil
		}
		if err := s.require(s.bootstraps(), nil); err != nil {
			return err
		}
	}
	for _, u := range s.units {
		for _, out := range u.entry.Outputs {
			s.replace[out.Path] = s.store.content(out.Sum, out.Path)
		}
	}
	return nil
}

func (s *session) bootstraps() bool {
	return slices.ContainsFunc(s.units, func(u *unit) bool { return u.entry.bootstraps(u) })
}

// forgetRequirement starts again with the module graph as it is.
func (s *session) forgetRequirement() {
	s.replace = maps.Clone(s.user)
	if s.replace == nil {
		s.replace = make(map[string]string)
	}
	maps.Copy(s.replace, s.standard)
	s.environ, s.mod, s.notes = s.env.Environ, "", nil
}

// weaveLibraries finds what is woven and renders the packages with it. When
// that fails the program is built without hooks, and is told so: what the user
// asked for by directives comes first.
func (s *session) weaveLibraries(w *weaving, t *targets, directives bool) error {
	// A build that gets hooks starts the SDK in its commands, if anything is
	// woven into what they import.
	bootstrap := s.bootstraps()
	for f := range t.build {
		bootstrap = bootstrap || f.Main() && f.Module.Config.WantsBootstrap()
	}
	if err := w.deepen(); err != nil {
		return err
	}
	s.forgetRequirement()
	tried, bootstrap := w.active(), bootstrap && (directives || len(w.active()) > 0)
	if err := s.require(bootstrap, tried); err != nil {
		if directives && !s.preview {
			return err
		}
		// The user's own hooks call the user's own packages.
		own := slices.DeleteFunc(slices.Clone(tried), func(h *Hooked) bool { return !h.Own })
		w.notHooked(err, slices.DeleteFunc(tried, func(h *Hooked) bool { return h.Own }))
		s.standard, s.link = nil, nil
		if len(own) == 0 {
			return nil
		}
		s.forgetRequirement()
		tried, bootstrap, s.unstarted = own, false, true
	}
	deepened := w.deep()
	if len(deepened) > 0 && !s.preview && (!s.all || len(w.candidates) > 0) { // a report compiles what types are read from
		if err := w.announce(); err != nil {
			return err
		}
	}
	var woven []*wovenPackage
	if len(w.active()) > 0 && len(w.candidates) > 0 {
		var err error
		if woven, err = w.weave(); err != nil {
			w.notHooked(err, w.active())
		}
	}
	if !slices.Equal(w.deep(), deepened) {
		if err := w.deepen(); err != nil {
			return err
		}
	}
	for _, h := range w.hooked {
		h.describe(woven, w.moved)
	}
	if !directives && !slices.ContainsFunc(w.active(), func(h *Hooked) bool { return !h.lib.Passive() }) {
		woven = nil // nothing is traced in the program
	}
	if err := s.renderWoven(woven, t); err != nil {
		return err
	}
	if s.preview {
		return nil
	}
	// What turned out not to be used needs no requirement.
	used := w.active()
	if bootstrap == s.bootstraps() && slices.Equal(used, tried) {
		return nil
	}
	said := s.notes
	s.forgetRequirement()
	if !slices.ContainsFunc(s.units, (*unit).changes) {
		return nil
	}
	if err := s.require(s.bootstraps(), used); err != nil {
		return err
	}
	for _, note := range said { // the second time it comes from the cache, which says nothing
		if !slices.Contains(s.notes, note) {
			s.notes = append(s.notes, note)
		}
	}
	return nil
}

// notHooked says why a build does not have some hooks, or does not start the
// SDK for the others.
func (w *weaving) notHooked(err error, without []*Hooked) {
	var found problems
	if !errors.As(err, &found) {
		found = problems{{Rule: "no-hooks", Message: err.Error()}}
	}
	state := Unwoven
	if strings.HasPrefix(found[0].Rule, "raised-") {
		state = Raises
	}
	what := "telemetry is not started: "
	if len(without) > 0 {
		what = "libraries are not instrumented: "
	}
	for _, h := range without {
		h.is(state, found[0].Message, found[0].Pos)
	}
	for _, d := range found {
		d.Severity, d.Message = instrument.Warning, what+d.Message
		w.warnings = append(w.warnings, d)
	}
}

// renderWoven renders the packages with their edits, and the commands that
// start the SDK because of them.
func (s *session) renderWoven(woven []*wovenPackage, t *targets) error {
	edits := make(map[*scan.Folder]map[string][]rewrite.Edit)
	for _, w := range woven {
		if len(w.Edits) > 0 {
			w.folder.Woven = true
			edits[w.folder] = w.Edits
		}
	}
	if len(edits) == 0 && len(s.link) == 0 {
		return nil
	}
	for _, f := range slices.SortedFunc(maps.Keys(t.build), func(a, b *scan.Folder) int { return strings.Compare(a.Dir, b.Dir) }) {
		at := slices.IndexFunc(s.units, func(u *unit) bool { return u.folder == f })
		opt := s.tree.Options(f)
		opt.Bootstrap = opt.Bootstrap && !s.unstarted
		if len(s.link) > 0 && f.Main() && f.Module.Config.WantsBootstrap() && !f.CheckedIn() {
			opt.Bootstrap, opt.Link = true, s.link
		}
		if edits[f] == nil && len(opt.Link) == 0 && (!opt.Bootstrap || at >= 0 && s.units[at].opt.Bootstrap || f.CheckedIn()) {
			continue
		}
		var u *unit
		if at >= 0 {
			u = s.units[at]
		} else {
			u = &unit{folder: f}
			s.units = append(s.units, u)
		}
		u.opt = opt
		u.opt.Paths, u.opt.Woven = !s.args.trimpath, edits[f]
		ds, err := u.load(s.store, s.tree)
		if err != nil {
			return err
		}
		if instrument.HasErrors(ds) {
			return problems(ds)
		}
		if f == s.named {
			s.extra = nil
			s.nameGenerated(u)
		}
	}
	return nil
}

// targets are what a build compiles.
type targets struct {
	build map[*scan.Folder]bool
	roots []*scan.Folder // what the command line names
}

// targets returns the folders that the build compiles. A build that names files
// has them as a folder of their own.
func (s *session) targets() *targets {
	tests := s.verb == "test" || s.verb == "vet" || s.verb == "list"
	if named := s.args.files(); len(named) > 0 {
		for i := range named {
			named[i] = absolute(named[i], s.dir)
		}
		if s.named = s.tree.Files(named); s.named == nil {
			return &targets{}
		}
		roots := []*scan.Folder{s.named}
		return &targets{s.tree.Closure(roots, tests), roots}
	}
	patterns := s.args.targets
	if s.args.unsure {
		patterns = []string{"all"} // a value could be a pattern: leave nothing out
	} else if len(patterns) == 0 {
		patterns = []string{"."}
	}
	var roots []*scan.Folder
	for _, p := range patterns {
		// What names nothing here is another module's, or the go command says so.
		found, _ := s.tree.Match([]string{p})
		roots = append(roots, found...)
	}
	if s.args.cover { // -coverpkg can name packages that nothing imports
		roots = append(roots, s.tree.Folders...)
	}
	return &targets{s.tree.Closure(roots, tests), roots}
}

// openStore opens the cache.
func (s *session) openStore() error {
	if s.store != nil {
		return nil
	}
	cache, err := cacheDir(s.vars)
	if err == nil {
		s.store = &store{dir: cache}
	}
	return err
}

// instrument asks the engine for every package of the build.
func (s *session) instrument(t *targets) error {
	var folders []*scan.Folder
	for f := range t.build {
		if len(s.tree.Instrumented([]*scan.Folder{f})) > 0 {
			folders = append(folders, f)
		}
	}
	slices.SortFunc(folders, func(a, b *scan.Folder) int { return strings.Compare(a.Dir, b.Dir) })
	if len(folders) == 0 {
		return nil
	}
	if err := s.openStore(); err != nil {
		return err
	}
	s.tree.DigestAll(folders)
	var found []instrument.Diagnostic
	for _, f := range folders {
		switch {
		case f.Generated:
			continue // instrumented where it stands
		case f.CheckedIn():
			s.warnings = append(s.warnings, notGenerated(f))
			continue
		}
		u := &unit{folder: f, opt: s.tree.Options(f)}
		u.opt.Paths = !s.args.trimpath
		ds, err := u.load(s.store, s.tree)
		if err != nil {
			return err
		}
		found = append(found, ds...)
		s.units = append(s.units, u)
		if f == s.named {
			s.nameGenerated(u)
		}
	}
	if instrument.HasErrors(found) {
		return problems(append(found, s.warnings...))
	}
	s.warnings = append(s.warnings, found...)
	return nil
}

func notGenerated(f *scan.Folder) instrument.Diagnostic {
	d := instrument.Diagnostic{
		Severity: instrument.Warning, Rule: "not-generated",
		Message: f.ImportPath + " keeps its instrumentation checked in, but has none", Fix: "run orchestrall generate " + f.ImportPath,
	}
	for i := range f.Module.Config.Generate {
		if p := &f.Module.Config.Generate[i]; p.Match(f.ImportPath, f.Dir) {
			d.Pos = p.Pos
		}
	}
	return d
}

// nameGenerated adds the generated files to the files that the command line
// names: nothing else would compile them. They are spelled with the same
// folder, which the go command asks for.
func (s *session) nameGenerated(u *unit) {
	dir, _ := filepath.Split(s.args.files()[0])
	for _, out := range u.entry.Outputs {
		if out.Generated && (s.verb == "test" || !strings.HasSuffix(out.Path, "_test.go")) {
			s.extra = append(s.extra, dir+filepath.Base(out.Path))
		}
	}
}

// goArgs is the go command's command line.
func (s *session) goArgs() []string {
	a := s.args
	args := append([]string{s.verb}, a.chdir...)
	if s.overlay != "" {
		args = append(args, "-overlay="+s.overlay)
	} else if a.overlay != "" {
		args = append(args, "-overlay="+a.overlay)
	}
	if s.mod != "" {
		a.withoutMod()
		args = append(args, "-mod="+s.mod)
	}
	if a.toolexec != "" {
		args = append(args, "-toolexec="+a.toolexec)
	}
	if len(s.extra) == 0 {
		return append(args, a.rest...)
	}
	return slices.Concat(args, a.rest[:a.lastArg], s.extra, a.rest[a.lastArg:])
}

func (s *session) printNotes() {
	for _, n := range s.notes {
		fmt.Fprintln(s.env.Stderr, "orchestrall:", n)
	}
}

// note prints what the user should know before the go command runs.
func (s *session) note() {
	s.env.print(s.warnings)
	s.printNotes()
	if !s.env.Verbose {
		return
	}
	for _, u := range s.units {
		if u.changes() {
			fmt.Fprintf(s.env.Stderr, "orchestrall: %s: %d files\n", u.folder.ImportPath, len(u.entry.Outputs))
		}
	}
	for _, h := range s.hooked {
		for _, p := range h.Skipped {
			fmt.Fprintf(s.env.Stderr, "%s:%d:%d: not woven for %s: %s\n", s.env.short(p.File), p.Line, p.Column, h.Library, p.Reason)
		}
	}
	if s.overlay != "" {
		fmt.Fprintln(s.env.Stderr, "orchestrall: overlay", s.overlay)
	}
}
