package command

import (
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/catalog"
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
Where orchestrall.yaml names a folder under dashboards, a check of the whole module
compares the rules in it, too.

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

// A checked package has findings where it is checked in, and operations that
// the rules of the service are made of.
type checked struct {
	directives bool // in comments, or from a rule that found something to trace
	findings   []drift.Finding
	operations []catalog.Operation
}

func (s *session) check(patterns []string, format drift.Format) error {
	t, err := s.scanPatterns(patterns, hasWork)
	if err != nil {
		return err
	}
	version, _ := toolVersion()
	r := &drift.Report{Command: "check", Version: version, Root: t.cwd}
	packages := each(s, t, func(p *planned) (checked, []instrument.Diagnostic) {
		c := checked{operations: described(p)}
		c.directives = len(c.operations) > 0 || slices.ContainsFunc(p.pkg.Files, func(f instrument.File) bool {
			return instrument.HasDirective(f.Src)
		})
		if !p.folder.CheckedIn() || p.broken {
			return c, nil
		}
		outputs, ds := p.plan.Source()
		if instrument.HasErrors(ds) {
			return c, ds
		}
		for _, f := range differences(p.pkg, outputs) {
			c.findings = append(c.findings, f.Finding(t.cwd, "run orchestrall generate "+t.pattern(p.folder)))
		}
		return c, ds
	})
	rules, err := t.dashboardDrift(patterns, packages)
	if err != nil {
		return err
	}
	r.Findings = rules
	r.Add(t.diagnostics...)
	for i, f := range t.folders {
		if !f.CheckedIn() {
			if packages[i].directives {
				r.Directives++
			}
			continue
		}
		r.CheckedIn++
		r.Findings = append(r.Findings, packages[i].findings...)
		if len(packages[i].findings) > 0 {
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
