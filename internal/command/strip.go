package command

import (
	"github.com/urfave/cli/v2"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/drift"
	"github.com/orchestrall/orchestrall/internal/scan"
)

func (s *session) stripVerb() *cli.Command {
	return &cli.Command{
		Name:      "strip",
		Usage:     "take everything that generate wrote out of the sources again",
		UsageText: "orchestrall strip [PATTERNS]",
		Description: `The sources are afterwards what they were before generate, byte for byte where
they were formatted. Directives stay.

` + patternsText,
		Action: func(c *cli.Context) error { return s.strip(c.Args().Slice()) },
	}
}

func (s *session) strip(patterns []string) error {
	t, err := s.read(patterns, func(_ *scan.Tree, f *scan.Folder) bool { return f.Directive || f.Generated })
	if err != nil {
		return err
	}
	var files []drift.File
	for _, p := range t.packages {
		for _, f := range p.pkg.Files {
			src, found := instrument.Strip(f)
			t.diagnostics = append(t.diagnostics, found...)
			files = append(files, drift.File{Path: f.Path, Have: f.Src, Want: src})
		}
		for _, f := range p.pkg.Generated {
			files = append(files, drift.File{Path: f.Path, Have: f.Src})
		}
	}
	if err := s.stop(t.diagnostics); err != nil {
		return err
	}
	return s.write(t, files, "no generated code")
}
