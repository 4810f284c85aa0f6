package dashboards

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A testFile is the form of promtool test rules.
type testFile struct {
	RuleFiles          []string `yaml:"rule_files"`
	EvaluationInterval string   `yaml:"evaluation_interval"`
	GroupOrder         []string `yaml:"group_eval_order,omitempty"` // alerts read what is recorded
	Tests              []test   `yaml:"tests"`
}

type test struct {
	Name        string      `yaml:"name"`
	Interval    string      `yaml:"interval"`
	InputSeries []series    `yaml:"input_series"`
	AlertTests  []alertTest `yaml:"alert_rule_test"`
}

type series struct {
	Series string `yaml:"series"`
	Values string `yaml:"values"`
}

type alertTest struct {
	EvalTime string     `yaml:"eval_time"`
	Alert    string     `yaml:"alertname"`
	Expected []expected `yaml:"exp_alerts"`
}

// An expected alert is one with the texts that its receiver would read.
type expected struct {
	Labels      map[string]string `yaml:"exp_labels"`
	Annotations map[string]string `yaml:"exp_annotations"`
}

func (r *rule) expect(op *operation, annotations map[string]string) {
	labels := maps.Clone(r.Labels)
	labels["job"], labels["operation"] = testJob, op.Name
	r.expected = append(r.expected, expected{labels, annotations})
}

// testJob is the service that the series of the unit tests come from.
const testJob = "service"

const (
	rising = "0+60x240" // one call a second, for four hours
	still  = "0x240"
	later  = "0x4 1x235" // so that what waits a minute does not fire at five
)

// tests prove two days: a calm one, on which nothing may fire, and one on which
// every call fails late, on which everything must.
func (s *service) tests(recording, alerting []group) testFile {
	f := testFile{RuleFiles: []string{RecordingFile, AlertingFile}, EvaluationInterval: "5m", Tests: []test{}}
	if len(alerting) == 0 {
		return f
	}
	for _, g := range slices.Concat(recording, alerting) {
		f.GroupOrder = append(f.GroupOrder, g.Name)
	}
	calm := test{Name: "every call is fast and succeeds", Interval: "1m"}
	bad := test{Name: "every call is late and fails", Interval: "1m"}
	for _, m := range s.metrics {
		for _, op := range m.operations {
			calm.InputSeries = append(calm.InputSeries, op.series(rising, still)...)
			bad.InputSeries = append(bad.InputSeries, op.series(still, rising)...)
		}
	}
	for _, op := range s.hanging {
		name := fmt.Sprintf("%s{%s, %s}", stuckMetric, matcher("job", testJob), matcher("operation", op.Name))
		calm.InputSeries = append(calm.InputSeries, series{name, still})
		bad.InputSeries = append(bad.InputSeries, series{name, later})
	}
	for _, name := range alertNames {
		var early, late []expected
		for _, r := range alerting[0].Rules {
			if r.Alert != name {
				continue
			}
			late = append(late, r.expected...)
			if r.early {
				early = append(early, r.expected...)
			}
		}
		if late == nil {
			continue
		}
		calm.AlertTests = append(calm.AlertTests, alertTest{"10m", name, []expected{}}, alertTest{"4h", name, []expected{}})
		bad.AlertTests = append(bad.AlertTests,
			alertTest{"5m", name, []expected{}}, // pending
			alertTest{"10m", name, sorted(early)},
			alertTest{"4h", name, sorted(late)})
	}
	f.Tests = append(f.Tests, calm, bad)
	return f
}

func sorted(all []expected) []expected {
	if all == nil {
		return []expected{}
	}
	slices.SortStableFunc(all, func(a, b expected) int { return cmp.Compare(a.Labels["operation"], b.Labels["operation"]) })
	return all
}

// series are the samples of one operation: the successful calls end in the
// first bucket, the failed ones in none but the infinite.
func (op *operation) series(success, failed string) []series {
	own := ""
	for _, label := range op.Labels {
		if label != "operation" && label != "status" {
			own += ", " + label + `="any"`
		}
	}
	buckets := op.Buckets()
	bounds := []float64{buckets[0], buckets[len(buckets)-1]}
	if op.slo != nil && op.slo.bound > 0 {
		bounds = append(bounds, op.slo.bound)
	}
	slices.Sort(bounds)
	var all []series
	for _, s := range []struct{ status, values, within string }{{"success", success, success}, {"failed", failed, still}} {
		labels := matcher("job", testJob) + ", " + matcher("operation", op.Name) + ", " + matcher("status", s.status) + own
		all = append(all, series{fmt.Sprintf("%s_count{%s}", op.metric, labels), s.values})
		for _, bound := range slices.Compact(bounds) {
			all = append(all, series{fmt.Sprintf("%s_bucket{%s, le=%q}", op.metric, labels, number(bound)), s.within})
		}
		all = append(all, series{fmt.Sprintf(`%s_bucket{%s, le="+Inf"}`, op.metric, labels), s.values})
	}
	return all
}

// humanDuration is what humanizeDuration makes of seconds.
func humanDuration(seconds float64) string {
	if seconds < 60 {
		return fmt.Sprintf("%.4gs", seconds)
	}
	s := int64(seconds)
	var b strings.Builder
	switch {
	case s >= 86400:
		fmt.Fprintf(&b, "%dd ", s/86400)
		fallthrough
	case s >= 3600:
		fmt.Fprintf(&b, "%dh ", s/3600%24)
		fallthrough
	default:
		fmt.Fprintf(&b, "%dm %ds", s/60%60, s%60)
	}
	return b.String()
}
