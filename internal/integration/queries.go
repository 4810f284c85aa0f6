package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

// A query is one of a dashboard panel, a rule or a saved query.
type query struct {
	where string // for people
	store string // prometheus or loki
	expr  string
}

// asked replaces what Grafana would: the variables at the top, and the interval
// that fits the width of the panel.
var asked = strings.NewReplacer("$__rate_interval", "1m", "$__auto", "1m", "$job", ".+", "$operation", ".+")

// panelQueries returns the queries of every panel of the dashboards.
func panelQueries(files ...string) ([]query, error) {
	var all []query
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var d struct {
			Panels []struct {
				Title   string
				Targets []struct {
					Datasource struct{ Type string }
					Expr       string
				}
			}
		}
		if err := json.Unmarshal(src, &d); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, p := range d.Panels {
			for _, t := range p.Targets {
				all = append(all, query{filepath.Base(file) + ": " + p.Title, t.Datasource.Type, asked.Replace(t.Expr)})
			}
		}
	}
	return all, nil
}

// linked replaces what Grafana would in the links of a span.
var linked = strings.NewReplacer("{$${__tags}}", `{service="platform"}`, "$$__tags", `job="platform"`,
	"$${__trace.traceId}", "traceId", "$${__span.name}", "AgentService.Execute")

// linkQueries returns the queries behind a span in Grafana: for its log lines,
// and for the metrics of its kind.
func linkQueries(file string) ([]query, error) {
	src, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var f struct {
		Datasources []struct {
			JSONData struct {
				Logs    struct{ Query string }                     `yaml:"tracesToLogsV2"`
				Metrics struct{ Queries []struct{ Query string } } `yaml:"tracesToMetrics"`
			} `yaml:"jsonData"`
		}
	}
	if err := yaml.Unmarshal(src, &f); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var all []query
	for _, d := range f.Datasources {
		if q := d.JSONData.Logs.Query; q != "" {
			all = append(all, query{"the lines of a span", "loki", linked.Replace(q)})
		}
		for _, q := range d.JSONData.Metrics.Queries {
			all = append(all, query{"the metrics of a span", "prometheus", linked.Replace(q.Query)})
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: no links", file)
	}
	return all, nil
}

// A rule is one of a rule file.
type rule struct {
	Record, Alert, Expr string
}

func rules(files ...string) ([]rule, error) {
	var all []rule
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var f struct{ Groups []struct{ Rules []rule } }
		if err := yaml.Unmarshal(src, &f); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, g := range f.Groups {
			all = append(all, g.Rules...)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("no rules")
	}
	return all, nil
}

// measured returns what an expression measures: itself, or where it compares,
// as alerts do, what is compared. On a good day a comparison finds nothing; that
// a metric is misspelled has to be found out nevertheless.
func measured(expr string) ([]string, error) {
	e, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		return nil, err
	}
	return sides(e), nil
}

func sides(e parser.Expr) []string {
	switch e := e.(type) {
	case *parser.ParenExpr:
		return sides(e.Expr)
	case *parser.BinaryExpr:
		if e.Op.IsComparisonOperator() || e.Op.IsSetOperator() {
			return slices.Concat(sides(e.LHS), sides(e.RHS))
		}
		if compares(e) { // a condition inside of arithmetic
			return slices.Concat(sides(e.LHS), sides(e.RHS))
		}
	case *parser.NumberLiteral, *parser.StringLiteral:
		return nil
	}
	return []string{e.String()}
}

func compares(e parser.Expr) bool {
	found := false
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if b, ok := n.(*parser.BinaryExpr); ok && (b.Op.IsComparisonOperator() || b.Op.IsSetOperator()) {
			found = true
		}
		return nil
	})
	return found
}

// A savedQuery is a file of loki/queries: a comment that says what it is for,
// then the query.
type savedQuery struct {
	name, expr string
}

func savedQueries(dir string) ([]savedQuery, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.logql"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no saved queries in %s: %w", dir, err)
	}
	var all []savedQuery
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		comment, expr, ok := strings.Cut(string(src), "\n")
		if !ok || !strings.HasPrefix(comment, "# ") {
			return nil, fmt.Errorf("%s does not begin with a comment", file)
		}
		all = append(all, savedQuery{strings.TrimSuffix(filepath.Base(file), ".logql"), strings.TrimSpace(expr)})
	}
	return all, nil
}
