package dashboards

import (
	"fmt"
	"strconv"
	"strings"
)

// A ruleFile, its groups and rules are the form of Prometheus.
type ruleFile struct {
	Groups []group `yaml:"groups"`
}

type group struct {
	Name  string `yaml:"name"`
	Rules []rule `yaml:"rules"`
}

type rule struct {
	Record      string            `yaml:"record,omitempty"`
	Alert       string            `yaml:"alert,omitempty"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for,omitempty"`
	Labels      map[string]string `yaml:"labels,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty"`

	// expected are the alerts that the unit tests wait for.
	expected []expected
	early    bool // fires within ten minutes
}

// The names of the alerts, which are the anchors of the runbook too.
const (
	highErrorRate   = "HighErrorRate"
	slowCalls       = "SlowCalls"
	errorBudgetBurn = "ErrorBudgetBurn"
	stuckCalls      = "StuckCalls"
)

var alertNames = []string{highErrorRate, slowCalls, errorBudgetBurn, stuckCalls}

// stuckMetric is the runtime's gauge of calls past their hang limit.
const stuckMetric = "operations_stuck"

// Below this rate of calls a second, three in five minutes, one failure says
// little about the rest.
const minimumRate = "0.01"

func callRate(metric string) string      { return "operation:" + metric + "_count:rate5m" }
func failedRatio(metric string) string   { return "operation:" + metric + "_failed:ratio_rate5m" }
func quantile(metric, q string) string   { return "operation:" + metric + ":p" + q + "_rate5m" }
func badRatio(metric, w string) string   { return "operation:" + metric + "_bad:ratio_rate" + w }
func matcher(label, value string) string { return label + "=" + strconv.Quote(value) }

// burnWindows are how far an objective is watched: the short one and the long
// one of each alert.
var burnWindows = []string{"5m", "30m", "1h", "2h", "6h", "1d", "3d"}

// burns are the alerts of one objective. An error budget that is spent at the
// factor 1 lasts for the whole of its 30 days.
var burns = []struct {
	long, short string
	factor      float64
	wait        string
	severity    string
	early       bool
}{
	{"1h", "5m", 14.4, "2m", "critical", true},
	{"6h", "30m", 6, "15m", "critical", false},
	{"1d", "2h", 3, "1h", "warning", false},
	{"3d", "6h", 1, "3h", "warning", false},
}

// recording are the series that alerts and dashboards share, a group for each
// metric. They keep job: two services may have operations of the same name.
func (s *service) recording() []group {
	groups := []group{}
	for _, m := range s.metrics {
		g := group{Name: "orchestrall " + m.name, Rules: []rule{
			{Record: callRate(m.name), Expr: fmt.Sprintf("sum by (job, operation) (rate(%s_count[5m]))", m.name)},
			{Record: failedRatio(m.name), Expr: fmt.Sprintf("sum by (job, operation) (rate(%[1]s_count{status=\"failed\"}[5m]))\n  /\nsum by (job, operation) (rate(%[1]s_count[5m]))", m.name)},
		}}
		for _, q := range []string{"50", "95", "99"} {
			g.Rules = append(g.Rules, rule{
				Record: quantile(m.name, q),
				Expr:   fmt.Sprintf("histogram_quantile(0.%s, sum by (job, operation, le) (rate(%s_bucket[5m])))", q, m.name),
			})
		}
		for _, op := range m.operations {
			if op.slo == nil {
				continue
			}
			for _, w := range burnWindows {
				name := matcher("operation", op.Name)
				g.Rules = append(g.Rules, rule{
					Record: badRatio(m.name, w), Labels: map[string]string{"operation": op.Name},
					Expr: fmt.Sprintf("1 - (\n  sum by (job, operation) (rate(%[1]s_bucket{%[2]s, status=\"success\", %[3]s}[%[4]s]))\n    /\n  sum by (job, operation) (rate(%[1]s_count{%[2]s}[%[4]s]))\n)",
						m.name, name, bucketLabel(op.slo.bound), w),
				})
			}
		}
		groups = append(groups, g)
	}
	return groups
}

// alerting are the alerts, in one group, so that the recorded series are there.
func (s *service) alerting() []group {
	g := group{Name: "orchestrall alerts"}
	for _, m := range s.metrics {
		g.Rules = append(g.Rules, s.errorRate(m))
		for _, op := range m.operations {
			if op.slow != nil {
				g.Rules = append(g.Rules, s.slowCalls(op))
			}
			if op.slo != nil {
				g.Rules = append(g.Rules, s.burn(op)...)
			}
		}
	}
	for _, op := range s.hanging {
		g.Rules = append(g.Rules, s.stuckCalls(op))
	}
	if g.Rules == nil {
		return []group{}
	}
	return []group{g}
}

func (s *service) errorRate(m *metric) rule {
	r := rule{
		Alert: highErrorRate, For: "2m", early: true,
		Expr:   fmt.Sprintf("%s > 0.1\n  and\n%s > %s", failedRatio(m.name), callRate(m.name), minimumRate),
		Labels: map[string]string{"severity": "critical", "metric": m.name},
	}
	text := func(operation, value string) map[string]string {
		return s.annotations(highErrorRate,
			fmt.Sprintf("%s fails in %s of its calls", operation, value),
			fmt.Sprintf("More than a tenth of the calls of %s failed in the last five minutes.", operation))
	}
	r.Annotations = text("{{ $labels.operation }}", "{{ $value | humanizePercentage }}")
	for _, op := range m.operations {
		r.expect(op, text(op.Name, "100%"))
	}
	return r
}

func (s *service) slowCalls(op *operation) rule {
	r := rule{
		Alert: slowCalls, For: "5m", early: true,
		Expr:   fmt.Sprintf("%s{%s} > %s", quantile(op.metric, "95"), matcher("operation", op.Name), number(op.slow.bound)),
		Labels: ofOperation(op, map[string]string{"severity": "warning", "metric": op.metric}),
	}
	text := func(operation, value string) map[string]string {
		return s.annotations(slowCalls,
			fmt.Sprintf("%s takes %s, its limit is %s", operation, value, op.slow.limit),
			fmt.Sprintf("One in twenty calls of %s took longer than this in the last five minutes.", operation))
	}
	r.Annotations = text("{{ $labels.operation }}", "{{ $value | humanizeDuration }}")
	buckets := op.Buckets()
	r.expect(op, text(op.Name, humanDuration(buckets[len(buckets)-1])))
	return r
}

func (s *service) stuckCalls(op *operation) rule {
	r := rule{
		Alert: stuckCalls, For: "1m", early: true,
		Expr:   fmt.Sprintf("sum by (job, operation) (%s{%s}) > 0", stuckMetric, matcher("operation", op.Name)),
		Labels: ofOperation(op, map[string]string{"severity": "warning", "metric": stuckMetric}),
	}
	text := func(operation, value string) map[string]string {
		return s.annotations(stuckCalls,
			fmt.Sprintf("Calls of %s past hang=%s: %s", operation, op.Hang, value),
			fmt.Sprintf("Calls of %s have not ended. Each wrote an error line with the stack that it waits in.", operation))
	}
	r.Annotations = text("{{ $labels.operation }}", "{{ $value }}")
	r.expect(op, text(op.Name, "1"))
	return r
}

// burn are the alerts of one objective. Where so many calls may be bad that
// the factor can't be reached there is no such alert.
func (s *service) burn(op *operation) []rule {
	var rules []rule
	for _, b := range burns {
		limit := b.factor * op.slo.budget()
		if limit >= 1 {
			continue
		}
		name := matcher("operation", op.Name)
		r := rule{
			Alert: errorBudgetBurn, For: b.wait, early: b.early,
			Expr: fmt.Sprintf("%s{%s} > %s\n  and\n%s{%s} > %s", badRatio(op.metric, b.long), name, threshold(limit), badRatio(op.metric, b.short), name, threshold(limit)),
			Labels: ofOperation(op, map[string]string{
				"severity": b.severity, "metric": op.metric, "long_window": b.long, "short_window": b.short,
			}),
		}
		if b.early {
			// One failure at night must wake nobody; the longer windows see it.
			r.Expr += fmt.Sprintf("\n  and\n%s{%s} > %s", callRate(op.metric), name, minimumRate)
		}
		text := func(operation, value string) map[string]string {
			return s.annotations(errorBudgetBurn,
				fmt.Sprintf("%s misses slo=%s in %s of its calls", operation, op.slo, value),
				fmt.Sprintf("Over the last %s and %s the error budget of %s was spent at more than %s times the rate that lasts for 30 days.", b.long, b.short, operation, number(b.factor)))
		}
		r.Annotations = text("{{ $labels.operation }}", "{{ $value | humanizePercentage }}")
		r.expect(op, text(op.Name, "100%"))
		rules = append(rules, r)
	}
	return rules
}

// annotations are what a receiver of the alert reads. The dashboard is a UID,
// which the templates of the stack make a link of.
func (s *service) annotations(alert, summary, description string) map[string]string {
	return map[string]string{
		"summary": summary, "description": description, "runbook_url": s.runbook + "#" + strings.ToLower(alert), "dashboard": s.uid(platformTitle),
	}
}

// ofOperation names the operation that a rule is for: what is found has that label
// anyway, and to Prometheus's own checks rules of the same name and labels are
// one rule twice. The owner lets Alertmanager send an alert to those who answer
// for the code.
func ofOperation(op *operation, labels map[string]string) map[string]string {
	labels["operation"] = op.Name
	if len(op.Owners) > 0 {
		labels["owner"] = strings.Join(op.Owners, " ")
	}
	return labels
}

// threshold is f without the noise of binary fractions.
func threshold(f float64) string { return strconv.FormatFloat(f, 'g', 10, 64) }
