package overlay

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"go/token"
	"maps"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/hooks"
	"github.com/orchestrall/orchestrall/internal/scan"
	"github.com/orchestrall/orchestrall/internal/weave"
	"github.com/orchestrall/orchestrall/rewrite"
)

// A wovenPackage is what the cache remembers of weaving one package.
type wovenPackage struct {
	Edits   map[string][]rewrite.Edit
	Matches []weave.Match
	Notes   []weave.Note

	folder *scan.Folder
}

// A weaving is the part of a session that has to do with hooks.
type weaving struct {
	*session
	hooked     []*Hooked
	packages   map[*scan.Folder]bool // what the build compiles; true with its tests
	candidates []*scan.Folder        // those of packages that hooks may mean
	imported   map[string]bool       // by what is compiled, and what is hooked deep
	direct     map[string]bool       // by what is compiled
	key        string                // of everything outside of the main modules
	paths      []string
	digests    map[*scan.Folder]scan.Digest
	load       *loader
	found      *externals
	moved      []mismatch
	below      map[string]map[*scan.Folder]bool // of first-party hook packages
}

// newWeaving looks at imports only.
func (s *session) newWeaving(t *targets, directives bool) *weaving {
	w := &weaving{session: s, packages: make(map[*scan.Folder]bool)}
	for f := range t.build {
		w.packages[f] = s.verb == "test" && slices.Contains(t.roots, f)
	}
	w.imported = imports(w.packages)
	w.direct = maps.Clone(w.imported)
	s.deepPackages(w.imported)
	w.hooked = s.libraries(w.imported)
	w.warnings = append(w.warnings, s.tree.OwnHooks(func() string {
		root, _, _ := s.toolchain() // one that fails builds nothing, and says so
		return root
	})...)
	meant, carried, inGoroutines := make(map[string]bool), make(map[string]bool), make(map[string]bool)
	traced := directives
	for _, h := range w.active() {
		to := meant
		switch {
		case onlyGoroutines(h.lib):
			to = inGoroutines
		case h.lib.Passive():
			to = carried
		default:
			traced = true
		}
		for _, p := range h.lib.Packages() {
			to[p] = true
		}
	}
	for f, tests := range w.packages {
		if ours(f.ImportPath) || f.CheckedIn() && !f.Generated {
			continue
		}
		if importsOne(f, tests, meant) || traced && (importsOne(f, tests, carried) || detaches(f, tests) && importsOne(f, tests, inGoroutines)) {
			w.candidates = append(w.candidates, f)
		}
	}
	slices.SortFunc(w.candidates, func(a, b *scan.Folder) int { return strings.Compare(a.Dir, b.Dir) })
	return w
}

// active are the libraries that nothing speaks against so far.
func (w *weaving) active() []*Hooked {
	var all []*Hooked
	for _, h := range w.hooked {
		if h.State == Applies {
			all = append(all, h)
		}
	}
	return all
}

// weave returns what is woven into the candidates. Mistakes in the code are
// left for the compiler to tell.
func (w *weaving) weave() ([]*wovenPackage, error) {
	roots := make(map[*scan.Folder]bool)
	for _, f := range w.candidates {
		roots[f] = w.packages[f]
	}
	judges := w.byHandCandidates()
	for _, f := range judges {
		if !roots[f] {
			roots[f] = false
		}
	}
	for _, f := range w.ownPackages() {
		if !roots[f] {
			roots[f] = false
		}
	}
	needed := w.closure(roots)
	probe := &loader{tree: w.tree, ctx: w.buildContext(), named: w.named}
	w.paths = probe.external(needed)
	for _, h := range w.active() {
		if w.tree.Folder(h.lib.Hook) == nil {
			w.paths = append(w.paths, h.lib.Hook)
		}
	}
	slices.Sort(w.paths)
	w.paths = slices.Compact(w.paths)
	w.key = w.externalKey(w.paths)
	w.digests = w.tree.Digests(roots)
	if err := w.findByHand(judges); err != nil {
		return nil, err
	}
	return w.weaveAll()
}

// closure returns roots and what they import; true for those with their tests.
func (w *weaving) closure(roots map[*scan.Folder]bool) map[*scan.Folder]bool {
	var plain, tested []*scan.Folder
	for f, tests := range roots {
		if tests {
			tested = append(tested, f)
		} else {
			plain = append(plain, f)
		}
	}
	needed := make(map[*scan.Folder]bool)
	for f := range w.tree.Closure(plain, false) {
		needed[f] = false
	}
	for f := range w.tree.Closure(tested, true) {
		needed[f] = false
	}
	for _, f := range tested {
		needed[f] = true
	}
	return needed
}

// entryKey identifies what is remembered of a folder.
func (w *weaving) entryKey(f *scan.Folder, parts ...any) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q\n", w.key)
	if f != nil {
		fmt.Fprintf(h, "%x %q\n", w.digests[f], f.ImportPath)
	}
	for _, p := range parts {
		fmt.Fprintf(h, "%q\n", fmt.Sprint(p))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// byHandCandidates are the packages that could install by hand what a hook
// would: in the whole module, so that what is woven does not depend on which
// of its programs is built.
func (w *weaving) byHandCandidates() []*scan.Folder {
	meant := make(map[string]bool)
	for _, h := range w.active() {
		for _, s := range h.lib.Unless {
			meant[s.Package] = true
		}
	}
	var found []*scan.Folder
	for _, f := range w.tree.Folders {
		if len(meant) > 0 && !ours(f.ImportPath) && importsOne(f, false, meant) {
			found = append(found, f)
		}
	}
	return found
}

// findByHand switches off the libraries that first-party code instruments
// itself.
func (w *weaving) findByHand(judges []*scan.Folder) error {
	var symbols []hooks.Symbol
	for _, h := range w.active() {
		symbols = append(symbols, h.lib.Unless...)
	}
	if len(symbols) == 0 || len(judges) == 0 {
		return nil
	}
	found := make(map[*scan.Folder][]weave.Reference)
	var missing []*scan.Folder
	for _, f := range judges {
		var refs []weave.Reference
		if w.store.readJSON("byhand", w.entryKey(f, symbols), &refs) {
			found[f] = refs
		} else {
			missing = append(missing, f)
		}
	}
	if len(missing) > 0 {
		if err := w.prepareLoader(slices.Concat(missing, w.candidates)); err != nil {
			return err
		}
		for _, f := range missing {
			found[f] = weave.References(w.load.load(f).pkg, symbols)
			if w.load.changed != nil {
				return w.load.changed
			}
			if err := w.store.writeEntry("byhand", w.entryKey(f, symbols), found[f]); err != nil {
				return err
			}
		}
	}
	for _, h := range w.active() {
		for _, f := range judges {
			at := slices.IndexFunc(found[f], func(r weave.Reference) bool { return slices.Contains(h.lib.Unless, r.Symbol) })
			if at >= 0 {
				r := found[f][at]
				h.is(ByHand, r.Symbol.String()+" is used", r.Pos)
				break
			}
		}
	}
	return nil
}

// prepareLoader reads the packages outside of the main modules.
func (w *weaving) prepareLoader(bodies []*scan.Folder) error {
	if w.load != nil {
		return nil
	}
	var hookPackages []string
	for _, h := range w.active() {
		hookPackages = append(hookPackages, h.lib.Hook)
	}
	var err error
	if w.found, err = w.externals(w.key, w.paths, hookPackages); err != nil {
		return err
	}
	w.load = w.newLoader(w.found)
	w.load.named = w.named
	for _, f := range bodies {
		w.load.bodies[f] = true
	}
	return nil
}

// ownPackages are the first-party packages that the user's own hooks name.
func (w *weaving) ownPackages() []*scan.Folder {
	var found []*scan.Folder
	for _, h := range w.active() {
		for _, path := range append(h.lib.Packages(), h.lib.Hook) {
			if f := w.tree.Folder(path); f != nil && h.Own {
				found = append(found, f)
			}
		}
	}
	return found
}

// A mismatch is what the cache remembers of a [weave.Mismatch].
type mismatch struct {
	Library, Reason string
	Target          hooks.Symbol
}

func (w *weaving) weaveAll() ([]*wovenPackage, error) {
	active := w.active()
	if len(active) == 0 {
		return nil, nil
	}
	shape := hookHash(active)
	for _, f := range w.ownPackages() {
		shape += fmt.Sprintf("%x", w.digests[f])
	}
	all := make([]*wovenPackage, len(w.candidates))
	var missing []*scan.Folder
	for i, f := range w.candidates {
		all[i] = &wovenPackage{folder: f}
		if !w.store.readJSON("woven", w.entryKey(f, shape, f.Module.Config.Carriers()), all[i]) {
			missing = append(missing, f)
		}
	}
	var moved []mismatch
	bindKey := w.entryKey(nil, shape)
	if !w.store.readJSON("bind", bindKey, &moved) || len(missing) > 0 {
		if err := w.prepareLoader(missing); err != nil {
			return nil, err
		}
		var bound []*weave.Hook
		bound, moved = w.bind(active)
		for i, f := range w.candidates {
			if !slices.Contains(missing, f) {
				continue
			}
			*all[i] = wovenPackage{folder: f}
			w.weavePackage(all[i], bound)
			if w.load.changed != nil {
				return nil, w.load.changed
			}
			if err := w.store.writeEntry("woven", w.entryKey(f, shape, f.Module.Config.Carriers()), all[i]); err != nil {
				return nil, err
			}
		}
		if err := w.store.writeEntry("bind", bindKey, moved); err != nil {
			return nil, err
		}
	}
	w.moved = moved
	w.tellMoved()
	return all, nil
}

// bind binds the points whose packages are part of the build.
func (w *weaving) bind(active []*Hooked) ([]*weave.Hook, []mismatch) {
	var bound []*weave.Hook
	var moved []mismatch
	for _, h := range active {
		l := *h.lib
		var index []int
		l.Points = nil
		for i, p := range h.lib.Points {
			if w.imported[p.Target.Package] || w.tree.Folder(p.Target.Package) != nil || slices.ContainsFunc(l.Via, func(path string) bool { return w.imported[path] }) {
				l.Points, index = append(l.Points, p), append(index, i)
			}
		}
		fit, problems := weave.Bind(&l, w.load.Import)
		for _, b := range fit {
			b.Index = index[b.Index]
			bound = append(bound, b)
		}
		for _, p := range problems {
			moved = append(moved, mismatch{h.Library, p.Reason, p.Point.Target})
		}
	}
	return bound, moved
}

func (w *weaving) weavePackage(to *wovenPackage, bound []*weave.Hook) {
	f := to.folder
	if w.found.Below[f.ImportPath] {
		return // a hook package imports it: weaving it would make a cycle
	}
	bound = slices.DeleteFunc(slices.Clone(bound), func(h *weave.Hook) bool {
		// With -toolexec a package's own imports are all that can be seen.
		return w.belowHook(h.Library.Hook)[f] || !importsOne(f, w.packages[f], pathSet(h.Library.Packages()))
	})
	var packages []*weave.Package
	if w.packages[f] {
		inside, outside := w.load.loadTests(f)
		packages = append(packages, inside)
		if outside != nil {
			packages = append(packages, outside)
		}
	} else {
		packages = append(packages, w.load.load(f).pkg)
	}
	for _, p := range packages {
		if p == nil || p.Types == nil || p.Info == nil {
			continue
		}
		q := *p
		q.Config = f.Module.Config
		q.Files = slices.DeleteFunc(slices.Clone(p.Files), func(file weave.File) bool { return weave.IsOurs(file.Src) })
		r := weave.Weave(&q, bound)
		if to.Edits == nil {
			to.Edits = make(map[string][]rewrite.Edit)
		}
		maps.Copy(to.Edits, r.Edits)
		to.Matches = append(to.Matches, r.Matches...)
		to.Notes = append(to.Notes, r.Notes...)
	}
}

// belowHook returns a first-party hook package and what it imports: weaving
// that would make a cycle.
func (w *weaving) belowHook(path string) map[*scan.Folder]bool {
	own := w.tree.Folder(path)
	if own == nil {
		return nil
	}
	if w.below[path] == nil {
		if w.below == nil {
			w.below = make(map[string]map[*scan.Folder]bool)
		}
		w.below[path] = w.tree.Closure([]*scan.Folder{own}, false)
	}
	return w.below[path]
}

// tellMoved warns once for each library whose points have gone.
func (w *weaving) tellMoved() {
	for _, h := range w.hooked {
		var reasons []string
		for _, m := range w.moved {
			if m.Library == h.Library && !slices.Contains(reasons, m.Reason) {
				reasons = append(reasons, m.Reason)
			}
		}
		if len(reasons) == 0 {
			continue
		}
		d := instrument.Diagnostic{
			Severity: instrument.Warning, Rule: "moved-hook", Pos: h.lib.Pos,
			Message: "the hook for " + h.Library + " does not fit: " + reasons[0],
			Fix:     "correct it, or remove it",
		}
		if !h.Own {
			d.Pos = w.requirement(h.Module)
			d.Message = strings.TrimSpace("the hooks for "+h.Library+" do not fit "+h.Version) + ": " + reasons[0]
			d.Fix = "the rest is woven; hooks: {off: [" + h.Library + "]} in orchestrall.yaml switches them off"
		}
		if more := len(reasons) - 1; more > 0 {
			d.Message += fmt.Sprintf(" (and %d more)", more)
		}
		w.warnings = append(w.warnings, d)
		h.Reason = reasons[0]
	}
}

// requirement is where a go.mod requires a module.
func (s *session) requirement(module string) token.Position {
	for f := range s.goMods(modfile.ParseLax) {
		for _, r := range f.Require {
			if r.Mod.Path == module {
				return position(f, r.Syntax)
			}
		}
	}
	return token.Position{}
}
