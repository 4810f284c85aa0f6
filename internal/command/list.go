package command

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/drift"
)

func (s *session) listVerb() *cli.Command {
	return &cli.Command{
		Name:      "list",
		Usage:     "list every operation with its kind, metric and place",
		UsageText: "orchestrall list [PATTERNS] [--format table|json]",
		Description: `An operation is one traced function: its name is the label of its metric and the
default name of its spans.

` + patternsText,
		Flags: []cli.Flag{formatFlag("print as `FORMAT`: table or json", "table")},
		Action: func(c *cli.Context) error {
			format := c.String("format")
			if err := choice("format", format, []string{"table", "json"}); err != nil {
				return err
			}
			return s.list(c.Args().Slice(), format == "json")
		},
	}
}

func (s *session) list(patterns []string, asJSON bool) error {
	t, err := s.scanPatterns(patterns, hasWork)
	if err != nil {
		return err
	}
	perPackage := each(s, t, func(p *planned) ([]listed, []instrument.Diagnostic) {
		var found []listed
		for _, op := range p.plan.Operations() {
			found = append(found, listed{op, p.pkg.ModuleDir})
		}
		return found, nil
	})
	if err := s.stop(t.diagnostics); err != nil {
		return err
	}
	operations := slices.Concat(perPackage...)
	slices.SortFunc(operations, func(a, b listed) int {
		return cmp.Or(cmp.Compare(a.path(), b.path()), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Name, b.Name))
	})
	if asJSON {
		out := make([]instrument.Operation, len(operations))
		for i, op := range operations {
			out[i] = op.Operation
		}
		enc := json.NewEncoder(s.stdout)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(out)
	}
	if len(operations) == 0 {
		fmt.Fprintln(s.stderr, "orchestrall: no operations; put //orchestrall:trace above a function")
		return nil
	}
	w := tabwriter.NewWriter(s.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "KIND\tOPERATION\tMETRIC\tWHERE")
	for _, op := range operations {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s:%d\n", op.Kind, op.Name, op.Metric, drift.Rel(t.cwd, op.path()), op.Line)
	}
	return w.Flush()
}

// A listed operation knows the module that its file is relative to.
type listed struct {
	instrument.Operation
	moduleDir string
}

func (l listed) path() string { return filepath.Join(l.moduleDir, filepath.FromSlash(l.File)) }
