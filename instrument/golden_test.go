package instrument_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/config"
)

var (
	update = flag.Bool("update", false, "rewrite the want/ parts of testdata/golden")
	only   = flag.String("golden", "*", "pattern of the cases to take")
)

const goldenDir = "../testdata/golden"

// The characters of an archive that a text file can't show.
const (
	markCR    = "␍"
	markBOM   = "⟨BOM⟩"
	markNoEOL = "⟨NOEOL⟩\n"
)

// A golden is one archive: the files of a module, settings in its comment as
// "key: value" lines, and what is wanted of it.
//
//	args:      the program's arguments; given twice, it runs twice
//	bootstrap: weave func main
//	cgo:       needs a C compiler
//	lines:     "build" where the program prints its own line numbers
//	outdated:  its checked-in instrumentation is not what generate writes
type golden struct {
	name     string
	file     string
	archive  *txtar.Archive
	settings map[string][]string
	files    map[string][]byte // by slash path
	wants    map[string]string // by path below want/
}

func loadGoldens(t testing.TB) []*golden {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(goldenDir, *only+".txtar"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no goldens: %v", err)
	}
	var all []*golden
	for _, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		g := &golden{
			name: strings.TrimSuffix(filepath.Base(name), ".txtar"), file: name, archive: archive,
			settings: map[string][]string{}, files: map[string][]byte{}, wants: map[string]string{},
		}
		for line := range strings.Lines(string(archive.Comment)) {
			if key, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && !strings.Contains(key, " ") {
				g.settings[key] = append(g.settings[key], value)
			}
		}
		for _, f := range archive.Files {
			if want, ok := strings.CutPrefix(f.Name, "want/"); ok {
				g.wants[want] = string(f.Data)
			} else {
				g.files[f.Name] = expand(string(f.Data))
			}
		}
		all = append(all, g)
	}
	return all
}

// expand turns the marks of an archive into the bytes they stand for.
func expand(s string) []byte {
	s = strings.ReplaceAll(s, markCR, "\r")
	s = strings.ReplaceAll(s, markBOM, "\ufeff")
	return []byte(strings.ReplaceAll(s, markNoEOL, ""))
}

// show is the inverse of expand.
func show(b []byte) string {
	s := strings.ReplaceAll(string(b), "\r", markCR)
	s = strings.ReplaceAll(s, "\ufeff", markBOM)
	if s != "" && !strings.HasSuffix(s, "\n") {
		s += markNoEOL
	}
	return s
}

func (g *golden) is(key string) bool { return len(g.settings[key]) > 0 }

// dir is where the module lies below root.
func (g *golden) dir(root string) string { return filepath.Join(root, g.name) }

// packages returns the packages of the module as the front ends would read
// them below root.
func (g *golden) packages(root string) []*instrument.Package {
	byDir := map[string]*instrument.Package{}
	for _, name := range slices.Sorted(maps.Keys(g.files)) {
		if !strings.HasSuffix(name, ".go") {
			continue
		}
		dir := path.Dir(name)
		p := byDir[dir]
		if p == nil {
			p = &instrument.Package{
				Dir:        filepath.Join(g.dir(root), filepath.FromSlash(dir)),
				ImportPath: path.Join("example.com", g.name, dir),
				Module:     path.Join("example.com", g.name),
				ModuleDir:  g.dir(root),
			}
			byDir[dir] = p
		}
		f := instrument.File{Path: filepath.Join(g.dir(root), filepath.FromSlash(name)), Src: g.files[name]}
		if instrument.IsGenerated(name) {
			p.Generated = append(p.Generated, f)
		} else {
			p.Files = append(p.Files, f)
		}
	}
	var all []*instrument.Package
	for _, dir := range slices.Sorted(maps.Keys(byDir)) {
		all = append(all, byDir[dir])
	}
	return all
}

// options returns the settings that the module's own files ask for.
func (g *golden) options(t testing.TB, root string) instrument.Options {
	t.Helper()
	opt := instrument.Options{Bootstrap: g.is("bootstrap")}
	if src, ok := g.files[config.FileName]; ok {
		c, problems := config.Parse(filepath.Join(g.dir(root), config.FileName), src)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		opt.Config = c
	}
	return opt
}

// A rendering is all that the engine says about one module.
type rendering struct {
	diagnostics []instrument.Diagnostic
	operations  []string
	build       []instrument.Output // changed and added files
	source      []instrument.Output // the same
	disk        []instrument.Output // all that the source layout leaves on disk
}

func (r *rendering) failed() bool { return instrument.HasErrors(r.diagnostics) }

// render runs the engine over the module. A module with an error has no
// layouts: no front end writes anything then.
func (g *golden) render(t testing.TB, root string) *rendering {
	t.Helper()
	var r rendering
	opt := g.options(t, root)
	var plans []*instrument.Plan
	pkgs := g.packages(root)
	for _, p := range pkgs {
		plan, ds := instrument.NewPlan(p, opt)
		r.diagnostics = append(r.diagnostics, ds...)
		plans = append(plans, plan)
	}
	if !r.failed() {
		for i, plan := range plans {
			for _, op := range plan.Operations() {
				r.operations = append(r.operations, fmt.Sprintf("%+v", op))
			}
			build, ds := plan.Build()
			r.diagnostics = append(r.diagnostics, ds...)
			r.build = append(r.build, build...)
			source, ds := plan.Source()
			r.diagnostics = append(r.diagnostics, ds...)
			r.disk = append(r.disk, source...)
			r.source = append(r.source, changed(pkgs[i], source)...)
		}
	}
	instrument.SortDiagnostics(r.diagnostics)
	return &r
}

// changed drops the outputs that are what the package holds already.
func changed(p *instrument.Package, outputs []instrument.Output) []instrument.Output {
	have := map[string][]byte{}
	for _, f := range slices.Concat(p.Files, p.Generated) {
		have[f.Path] = f.Src
	}
	return slices.DeleteFunc(slices.Clone(outputs), func(o instrument.Output) bool {
		src, ok := have[o.Path]
		return ok && bytes.Equal(src, o.Src)
	})
}

// got returns the rendering as the want/ parts of the archive.
func (g *golden) got(root string, r *rendering) map[string]string {
	got := map[string]string{}
	dir := g.dir(root) + string(filepath.Separator)
	var ds strings.Builder
	for _, d := range r.diagnostics {
		ds.WriteString(strings.ReplaceAll(d.String(), dir, "") + "\n")
	}
	if ds.Len() > 0 {
		got["diagnostics"] = ds.String()
	}
	if _, ok := g.wants["operations"]; ok {
		got["operations"] = strings.ReplaceAll(strings.Join(append(r.operations, ""), "\n"), dir, "")
	}
	for layout, outputs := range map[string][]instrument.Output{"build": r.build, "source": r.source} {
		for _, o := range outputs {
			name := filepath.ToSlash(strings.TrimPrefix(o.Path, dir))
			got[layout+"/"+name] = show(o.Src)
		}
	}
	return got
}

// ranWants are the parts that only a run can fill; see run_test.go.
var ranWants = []string{"stdout", "spans", "logs"}

// write stores got as the archive's want/ parts, except those that keep names.
func (g *golden) write(t testing.TB, got map[string]string, keep func(name string) bool) {
	t.Helper()
	files := slices.DeleteFunc(slices.Clone(g.archive.Files), func(f txtar.File) bool {
		name, want := strings.CutPrefix(f.Name, "want/")
		return want && !keep(name)
	})
	for _, name := range slices.Sorted(maps.Keys(got)) {
		files = append(files, txtar.File{Name: "want/" + name, Data: []byte(got[name])})
	}
	slices.SortStableFunc(files, func(a, b txtar.File) int { return wantRank(a.Name) - wantRank(b.Name) })
	g.archive.Files = files
	if err := os.WriteFile(g.file, txtar.Format(g.archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

// wantRank orders an archive: the module, then what a reader looks for first.
func wantRank(name string) int {
	return 1 + slices.IndexFunc([]string{
		"want/diagnostics", "want/operations", "want/stdout", "want/spans", "want/logs", "want/build/", "want/source/",
	}, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// TestGolden renders every case in both layouts and compares the bytes.
func TestGolden(t *testing.T) {
	root := filepath.FromSlash("/golden")
	for _, g := range loadGoldens(t) {
		t.Run(g.name, func(t *testing.T) {
			got := g.got(root, g.render(t, root))
			if *update {
				g.write(t, got, func(name string) bool { return slices.Contains(ranWants, name) })
				return
			}
			wants := maps.Clone(g.wants)
			maps.DeleteFunc(wants, func(name, _ string) bool { return slices.Contains(ranWants, name) })
			if diff := cmp.Diff(wants, got); diff != "" {
				t.Errorf("-want +got (rewrite with -update):\n%s", diff)
			}
		})
	}
}

// TestGoldenDeterministic renders every case again, with its files in another
// order: the same input gives the same bytes.
func TestGoldenDeterministic(t *testing.T) {
	root := filepath.FromSlash("/golden")
	for _, g := range loadGoldens(t) {
		opt := g.options(t, root)
		for _, p := range g.packages(root) {
			first := layouts(p, opt)
			slices.Reverse(p.Files)
			if diff := cmp.Diff(first, layouts(p, opt)); diff != "" {
				t.Errorf("%s: -first +second:\n%s", p.ImportPath, diff)
			}
		}
	}
}

func layouts(p *instrument.Package, opt instrument.Options) map[string]string {
	plan, ds := instrument.NewPlan(p, opt)
	all := map[string]string{"diagnostics": fmt.Sprint(ds)}
	if instrument.HasErrors(ds) {
		return all
	}
	build, ds := plan.Build()
	all["build diagnostics"] = fmt.Sprint(ds)
	for _, o := range build {
		all["build "+o.Path] = string(o.Src)
	}
	source, ds := plan.Source()
	all["source diagnostics"] = fmt.Sprint(ds)
	for _, o := range source {
		all["source "+o.Path] = string(o.Src)
	}
	return all
}
