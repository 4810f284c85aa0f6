package command

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

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
	t, err := s.read(patterns, func(t *scan.Tree, f *scan.Folder) bool { return len(t.Instrumented([]*scan.Folder{f})) > 0 })
	if err != nil {
		return err
	}
	s.plan(t)
	var files []drift.File
	for _, p := range t.packages {
		if p.pkg.CheckedIn() {
			s.logf("%s: checked in, compiled as it stands", p.pkg.ImportPath)
			continue
		}
		have := make(map[string][]byte)
		for _, f := range p.pkg.Files {
			have[f.Path] = f.Src
		}
		outputs, found := p.plan.Build()
		t.diagnostics = append(t.diagnostics, found...)
		for _, out := range outputs {
			files = append(files, drift.File{Path: out.Path, Have: have[out.Path], Want: out.Src})
		}
	}
	if err := s.stop(t.diagnostics); err != nil {
		return err
	}
	slices.SortFunc(files, func(a, b drift.File) int { return strings.Compare(a.Path, b.Path) })
	for _, f := range files {
		if _, err := fmt.Fprint(s.stdout, f.Unified(t.cwd)); err != nil {
			return err
		}
	}
	return nil
}
