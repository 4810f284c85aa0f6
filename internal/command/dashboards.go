package command

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/catalog"
	"github.com/orchestrall/orchestrall/internal/config"
	"github.com/orchestrall/orchestrall/internal/dashboards"
	"github.com/orchestrall/orchestrall/internal/drift"
	"github.com/orchestrall/orchestrall/internal/scan"
)

func (s *session) dashboardsVerb() *cli.Command {
	return &cli.Command{
		Name:      "dashboards",
		Usage:     "write Prometheus rules, Grafana dashboards and the metrics reference from the directives",
		UsageText: "orchestrall dashboards [--out DIR]",
		Description: `It writes these files:

    ` + dashboards.RecordingFile + `  rates, error ratios and percentiles of every operation
    ` + dashboards.AlertingFile + `   HighErrorRate; for slow= SlowCalls, for slo= ErrorBudgetBurn, for hang= StuckCalls
    ` + dashboards.TestFile + `      proves both: promtool test rules ` + dashboards.TestFile + `
    ` + dashboards.ReferenceFile + `           every metric, label and alert
    *.dashboard.json     Grafana: Platform Overview, Agent Performance, Workflow
                         Analytics, System Health, as far as there is anything to show

The folder is --out, or the one that orchestrall.yaml names:

    dashboards:
      folder: ./deployment/rules
      runbook: https://example.com/runbook   # an alert points to its section, such as #slowcalls

Where orchestrall.yaml names it, "orchestrall check" tells when the files are not
what the directives say any more. Running it again changes nothing.`,
		Flags: []cli.Flag{&cli.StringFlag{Name: "out", Usage: "write into the folder `DIR`"}},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return s.dashboards(c.String("out"))
		},
	}
}

func (s *session) dashboards(out string) error {
	if out != "" {
		abs, err := filepath.Abs(out)
		if err != nil {
			return err
		}
		out = abs
	}
	t, err := s.scanPatterns(nil, hasWork)
	if err != nil {
		return err
	}
	operations := each(s, t, func(p *planned) ([]catalog.Operation, []instrument.Diagnostic) { return described(p), nil })
	c := newCatalog(t, slices.Concat(operations...))
	var files []drift.File
	if !instrument.HasErrors(t.diagnostics) {
		services := t.services(c)
		if out != "" {
			services = []service{{c, &config.Config{Dashboards: out, Runbook: t.runbook()}}}
		}
		if len(services) == 0 {
			return errors.New("no folder to write to; give --out DIR, or name one under dashboards: in orchestrall.yaml")
		}
		for _, sv := range services {
			found, ds, err := sv.files()
			if err != nil {
				return err
			}
			files = append(files, found...)
			t.diagnostics = append(t.diagnostics, ds...)
		}
	}
	if err := s.stop(t.diagnostics); err != nil {
		return err
	}
	files = slices.DeleteFunc(files, func(f drift.File) bool { return !f.Differs() })
	for _, f := range files {
		if err := os.MkdirAll(filepath.Dir(f.Path), 0o777); err != nil {
			return err
		}
	}
	return s.write(t, files, "the rules say what the directives say")
}

// A service is the part of a workspace that shares one orchestrall.yaml, and so
// one folder of rules.
type service struct {
	catalog *catalog.Catalog
	config  *config.Config
}

// services returns those whose orchestrall.yaml names a folder.
func (t *tree) services(c *catalog.Catalog) []service {
	var found []service
	for _, m := range t.scan.Modules {
		if m.Config == nil || m.Config.Dashboards == "" {
			continue
		}
		at := slices.IndexFunc(found, func(sv service) bool { return sv.config == m.Config })
		if at < 0 {
			at = len(found)
			found = append(found, service{&catalog.Catalog{}, m.Config})
		}
		own := found[at].catalog
		own.Title = strings.TrimPrefix(own.Title+", "+m.Path, ", ")
		for _, op := range c.Operations {
			if op.Dir == m.Dir {
				own.Operations = append(own.Operations, op)
			}
		}
	}
	return found
}

// runbook is the address that the first module names.
func (t *tree) runbook() string {
	for _, m := range t.scan.Modules {
		if m.Config != nil && m.Config.Runbook != "" {
			return m.Config.Runbook
		}
	}
	return ""
}

// files returns what the service's folder should hold, beside what it does.
func (sv service) files() ([]drift.File, []instrument.Diagnostic, error) {
	built, ds, err := dashboards.Build(sv.catalog, dashboards.Options{Runbook: sv.config.Runbook})
	if err != nil {
		return nil, ds, err
	}
	var files []drift.File
	for _, f := range built {
		path := filepath.Join(sv.config.Dashboards, f.Name)
		have, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, ds, err
		}
		files = append(files, drift.File{Path: path, Have: have, Want: f.Src})
	}
	return files, ds, nil
}

// dashboardDrift returns the rules that are not what the directives say. Only a
// look at the whole module can tell.
func (t *tree) dashboardDrift(patterns []string, packages []checked) ([]drift.Finding, error) {
	if !slices.ContainsFunc(t.scan.Modules, func(m *scan.Module) bool { return m.Config != nil && m.Config.Dashboards != "" }) || instrument.HasErrors(t.diagnostics) {
		return nil, nil
	}
	if matched, _ := t.scan.Match(patterns); len(matched) != len(t.scan.Folders) {
		return nil, nil
	}
	var operations []catalog.Operation
	for _, p := range packages {
		operations = append(operations, p.operations...)
	}
	var findings []drift.Finding
	for _, sv := range t.services(newCatalog(t, operations)) {
		files, _, err := sv.files()
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			if f.Differs() {
				findings = append(findings, dashboardFinding(t.cwd, f))
			}
		}
	}
	return findings, nil
}

func dashboardFinding(root string, f drift.File) drift.Finding {
	finding := f.Finding(root, "run orchestrall dashboards")
	switch {
	case f.Have == nil:
		finding.Message = "missing: dashboards: in orchestrall.yaml names its folder"
	case f.Want == nil:
		finding.Message = "left over: the directives have nothing for it"
	default:
		finding.Message = "differs from what the directives say"
	}
	return finding
}
