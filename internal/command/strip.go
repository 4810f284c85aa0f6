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
	t, err := s.scanPatterns(patterns, func(_ *scan.Tree, f *scan.Folder) bool { return f.Directive || f.Generated })
	if err != nil {
		return err
	}
	packages, unreadable := t.scan.Packages(t.folders)
	t.diagnostics = append(t.diagnostics, unreadable...)
	var files []drift.File
	for _, pkg := range packages {
		var outputs []instrument.Output
		for _, f := range pkg.Files {
			src, found := instrument.Strip(f)
			t.diagnostics = append(t.diagnostics, found...)
			outputs = append(outputs, instrument.Output{Path: f.Path, Src: src})
		}
		files = append(files, differences(pkg, outputs)...)
	}
	if err := s.stop(t.diagnostics); err != nil {
		return err
	}
	return s.write(t, files, "no generated code")
}
