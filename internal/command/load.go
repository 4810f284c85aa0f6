package command

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/drift"
	"github.com/orchestrall/orchestrall/internal/scan"
)

// A tree is what the patterns of a command line name.
type tree struct {
	cwd     string
	scan    *scan.Tree
	folders []*scan.Folder // those that the verb has work in
	// diagnostics are those of the scan, and after [session.each] also those
	// of the packages.
	diagnostics []instrument.Diagnostic
}

// A planned package is one folder read and planned.
type planned struct {
	folder *scan.Folder
	pkg    *instrument.Package
	plan   *instrument.Plan
	broken bool // the plan has errors: what it would write is not known
}

// hasWork chooses the folders with directives, with generated code, or that
// orchestrall.yaml speaks of.
func hasWork(_ *scan.Tree, f *scan.Folder) bool { return f.Instrumented() || f.CheckedIn() }

// scanPatterns scans the module and finds the folders that patterns name and
// choose takes.
func (s *session) scanPatterns(patterns []string, choose func(*scan.Tree, *scan.Folder) bool) (*tree, error) {
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
	for _, f := range folders {
		if choose(st, f) {
			t.folders = append(t.folders, f)
		}
	}
	s.logf("found %d packages with work to do among %d in %s", len(t.folders), len(st.Folders), since(begin))
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

// each reads and plans the folders of t and calls do for each package. Several
// are worked on at a time, and none is kept: a large module does not fit into
// memory as syntax trees. It returns what do returned, in the order of the
// folders, and adds all diagnostics to t.
func each[T any](s *session, t *tree, do func(*planned) (T, []instrument.Diagnostic)) []T {
	show := s.progress()
	defer show.done()
	begin := time.Now()
	results := make([]T, len(t.folders))
	found := make([][]instrument.Diagnostic, len(t.folders))
	var finished atomic.Int32
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, f := range t.folders {
		group.Go(func() error {
			pkg, unreadable := t.scan.Package(f)
			p := &planned{folder: f, pkg: pkg}
			var planning, doing []instrument.Diagnostic
			p.plan, planning = instrument.NewPlan(pkg, t.scan.Options(f))
			p.broken = instrument.HasErrors(unreadable) || instrument.HasErrors(planning)
			results[i], doing = do(p)
			found[i] = slices.Concat(unreadable, planning, doing)
			if n := finished.Add(1); n%16 == 0 {
				show.say("%d of %d packages", n, len(t.folders))
			}
			return nil
		})
	}
	_ = group.Wait() // found holds what went wrong
	t.diagnostics = append(t.diagnostics, slices.Concat(found...)...)
	s.logf("planned %d packages in %s", len(t.folders), since(begin))
	return results
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

// errNoGo is the answer to a verb that needs the go command where there is none.
var errNoGo = errors.New("the go command is not in PATH; install Go from https://go.dev/dl, or put it there")
