package command

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/drift"
	"github.com/orchestrall/orchestrall/internal/scan"
)

// A tree is what the patterns of a command line name, read and planned.
type tree struct {
	cwd      string
	scan     *scan.Tree
	packages []*planned
	// diagnostics are those of the scan and of all plans.
	diagnostics []instrument.Diagnostic
}

// A planned package is one that has something for the engine.
type planned struct {
	folder *scan.Folder
	pkg    *instrument.Package
	plan   *instrument.Plan // nil when the verb asked for none
	broken bool             // the plan has errors
}

// read scans the module and reads what patterns name, without planning.
func (s *session) read(patterns []string, choose func(*scan.Tree, *scan.Folder) bool) (*tree, error) {
	show := s.progress()
	defer show.done()
	show.say("reading the module")
	begin := time.Now()
	cwd, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	config, err := s.configPath()
	if err != nil {
		return nil, err
	}
	st, err := scan.Load(scan.Options{Dir: cwd, Config: config, Environ: os.Environ()})
	if err != nil {
		return nil, err
	}
	folders, unknown := st.Match(patterns)
	t := &tree{cwd: cwd, scan: st, diagnostics: slices.Concat(st.Diagnostics, unknown)}
	folders = slices.DeleteFunc(slices.Clone(folders), func(f *scan.Folder) bool { return !choose(st, f) })
	show.say("reading %d packages", len(folders))
	packages, unreadable := st.Packages(folders)
	t.diagnostics = append(t.diagnostics, unreadable...)
	for i, pkg := range packages {
		t.packages = append(t.packages, &planned{folder: folders[i], pkg: pkg})
	}
	s.logf("read %d of %d packages in %s", len(packages), len(st.Folders), since(begin))
	return t, nil
}

// configPath returns --config, made absolute.
func (s *session) configPath() (string, error) {
	if s.config == "" {
		return "", nil
	}
	path, err := filepath.Abs(s.config)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("--config: %w", err)
	}
	return path, nil
}

// load reads and plans the packages that have directives or that
// orchestrall.yaml selects.
func (s *session) load(patterns []string) (*tree, error) {
	t, err := s.read(patterns, func(t *scan.Tree, f *scan.Folder) bool { return f.Instrumented() || f.CheckedIn() })
	if err != nil {
		return nil, err
	}
	s.plan(t)
	return t, nil
}

// plan makes the plans of all packages and collects what they complain of.
func (s *session) plan(t *tree) {
	show := s.progress()
	defer show.done()
	show.say("planning %d packages", len(t.packages))
	begin := time.Now()
	found := make([][]instrument.Diagnostic, len(t.packages))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, p := range t.packages {
		group.Go(func() error {
			p.plan, found[i] = instrument.NewPlan(p.pkg, t.scan.Options(p.folder))
			p.broken = instrument.HasErrors(found[i])
			return nil
		})
	}
	_ = group.Wait() // found holds what went wrong
	t.diagnostics = append(t.diagnostics, slices.Concat(found...)...)
	s.logf("planned %d packages in %s", len(t.packages), since(begin))
}

func since(begin time.Time) time.Duration { return time.Since(begin).Round(100 * time.Microsecond) }

// stop prints ds and returns an error if any of them stops the work.
func (s *session) stop(ds []instrument.Diagnostic) error {
	s.diagnose(ds)
	switch {
	case slices.ContainsFunc(ds, isTrouble):
		return exit(exitTrouble)
	case instrument.HasErrors(ds):
		return exit(exitFound)
	}
	return nil
}

// isTrouble reports whether d is no mistake in what the user wrote but keeps
// the tool from looking at it.
func isTrouble(d instrument.Diagnostic) bool {
	return d.Severity == instrument.Error &&
		slices.Contains([]string{"unreadable-file", "unknown-pattern", "bad-pattern", "bad-module"}, d.Rule)
}

// pattern names the folder of f as an argument of the tool.
func (t *tree) pattern(f *scan.Folder) string {
	rel := drift.Rel(t.cwd, f.Dir)
	if filepath.IsAbs(filepath.FromSlash(rel)) || rel == "." {
		return rel
	}
	return "./" + rel
}

// errNothing is the answer to a verb that needs the go command where there is
// none.
var errNoGo = errors.New("the go command is not in PATH; install Go from https://go.dev/dl, or put it there")
