package command

import (
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/drift"
)

func (s *session) checkVerb() *cli.Command {
	return &cli.Command{
		Name:      "check",
		Usage:     "compare what is checked in with what generate would write, and validate all directives",
		UsageText: "orchestrall check [PATTERNS] [--format text|json|github|sarif]",
		Description: `A package counts as checked in when it has an orchestrall_gen.go or
orchestrall.yaml lists it under generate. The differences are printed as a unified
diff that patch -p1 takes. In all other packages the directives are validated.

` + patternsText + `

Exit codes: 0 no difference, 1 drift or a bad directive, 2 trouble.`,
		Flags: []cli.Flag{formatFlag("print as `FORMAT`: text, json, github (workflow annotations) or sarif", string(drift.Text))},
		Action: func(c *cli.Context) error {
			if err := choice("format", c.String("format"), drift.Formats); err != nil {
				return err
			}
			return s.check(c.Args().Slice(), drift.Format(c.String("format")))
		},
	}
}

func formatFlag(usage, value string) *cli.StringFlag {
	return &cli.StringFlag{Name: "format", Usage: usage, Value: value}
}

func (s *session) check(patterns []string, format drift.Format) error {
	t, err := s.scanPatterns(patterns, hasWork)
	if err != nil {
		return err
	}
	version, _ := toolVersion()
	r := &drift.Report{Command: "check", Version: version, Root: t.cwd}
	findings := each(s, t, func(p *planned) ([]drift.Finding, []instrument.Diagnostic) {
		if !p.folder.CheckedIn() || p.broken {
			return nil, nil
		}
		outputs, ds := p.plan.Source()
		if instrument.HasErrors(ds) {
			return nil, ds
		}
		var findings []drift.Finding
		for _, f := range differences(p.pkg, outputs) {
			findings = append(findings, f.Finding(t.cwd, "run orchestrall generate "+t.pattern(p.folder)))
		}
		return findings, ds
	})
	r.Add(t.diagnostics...)
	for i, f := range t.folders {
		if !f.CheckedIn() {
			r.Directives++
			continue
		}
		r.CheckedIn++
		r.Findings = append(r.Findings, findings[i]...)
		if len(findings[i]) > 0 {
			r.Drifted++
		}
	}
	if err := r.Write(s.stdout, s.stderr, format); err != nil {
		return err
	}
	if format == drift.Text || format == drift.GitHub {
		fmt.Fprintln(s.stderr, "orchestrall:", r.Summary())
	}
	switch {
	case slices.ContainsFunc(t.diagnostics, isTrouble):
		return exit(exitTrouble)
	case r.HasErrors():
		return exit(exitFound)
	}
	return nil
}
