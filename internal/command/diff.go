package command

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/drift"
	"github.com/orchestrall/orchestrall/internal/scan"
)

func (s *session) diffVerb() *cli.Command {
	return &cli.Command{
		Name:      "diff",
		Usage:     "show what a build would compile, as a unified diff of the sources",
		UsageText: "orchestrall diff [PATTERNS]",
		Description: `Nothing is written. A package whose instrumentation is checked in is compiled as it
stands and so shows no difference.

` + patternsText,
		Action: func(c *cli.Context) error { return s.diff(c.Args().Slice()) },
	}
}

func (s *session) diff(patterns []string) error {
	t, err := s.scanPatterns(patterns, func(t *scan.Tree, f *scan.Folder) bool { return len(t.Instrumented([]*scan.Folder{f})) > 0 })
	if err != nil {
		return err
	}
	perPackage := each(s, t, func(p *planned) ([]drift.File, []instrument.Diagnostic) {
		if p.pkg.CheckedIn() {
			return nil, nil
		}
		outputs, ds := p.plan.Build()
		return differences(p.pkg, outputs), ds
	})
	if err := s.stop(t.diagnostics); err != nil {
		return err
	}
	for _, f := range t.folders {
		if f.Generated {
			s.logf("%s: checked in, compiled as it stands", f.ImportPath)
		}
	}
	files := slices.Concat(perPackage...)
	slices.SortFunc(files, func(a, b drift.File) int { return strings.Compare(a.Path, b.Path) })
	for _, f := range files {
		if _, err := fmt.Fprint(s.stdout, f.Unified(t.cwd)); err != nil {
			return err
		}
	}
	return nil
}
