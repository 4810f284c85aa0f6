// Package dashboards turns a catalog into what a monitoring stack reads:
// Prometheus rules, the unit tests of these rules, Grafana dashboards, and a
// reference of the metrics. The same catalog gives the same bytes; it opens no file.
package dashboards

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/catalog"
)

// DefaultRunbook is the document that alerts point to when a service has none
// of its own. The name of the alert, in lower case, is the anchor.
const DefaultRunbook = "https://github.com/orchestrall/orchestrall/blob/main/docs/alerts.md"

// The names of the files. Prometheus loads the first two by *.rules.yml.
const (
	RecordingFile = "recording.rules.yml"
	AlertingFile  = "alerting.rules.yml"
	TestFile      = "rules_test.yml"
	ReferenceFile = "metrics.md"
)

// Options shape the files of one service.
type Options struct {
	Runbook string // address of a document with one section an alert; "" for [DefaultRunbook]
}

// A File is one file to write. Name has no folder. A file that the service has
// nothing for is one to remove.
type File struct {
	Name string
	Src  []byte // nil: no such file
}

// Build returns the files for c. The diagnostics are warnings about limits that
// the metric can't tell exactly.
func Build(c *catalog.Catalog, opt Options) ([]File, []instrument.Diagnostic, error) {
	s, ds := newService(c, opt)
	recording, alerting := s.recording(), s.alerting()
	var files []File
	for _, f := range []struct {
		name, what string
		doc        any
	}{
		{RecordingFile, "Recording rules", ruleFile{recording}},
		{AlertingFile, "Alerting rules", ruleFile{alerting}},
		{TestFile, "Unit tests of the rules, for promtool test rules,", s.tests(recording, alerting)},
	} {
		var b bytes.Buffer
		fmt.Fprintf(&b, "# %s for %s, written by orchestrall dashboards. DO NOT EDIT.\n", f.what, c.Title)
		enc := yaml.NewEncoder(&b)
		enc.SetIndent(2)
		if err := enc.Encode(f.doc); err != nil {
			return nil, ds, err
		}
		files = append(files, File{f.name, b.Bytes()})
	}
	files = append(files, File{ReferenceFile, s.reference(recording, alerting)})
	boards, err := s.boards()
	return append(files, boards...), ds, err
}

// A service is a catalog arranged by metric, with the limits that its rules
// watch.
type service struct {
	title   string
	runbook string
	metrics []*metric
	hanging []*operation // those with a hang limit, whether they have a metric or not
}

// A metric is one histogram family and the operations that it has series of.
type metric struct {
	name       string
	operations []*operation
}

// An operation is what the rules know of the functions of one name.
type operation struct {
	catalog.Operation
	metric string
	slow   *latency
	slo    *objective
}

// A latency is a slow limit as a quantile of the histogram can see it.
type latency struct {
	limit catalog.Limit
	bound float64 // seconds
}

// An objective is a service level as the buckets of the histogram can count it.
type objective struct {
	*catalog.Objective
	bound float64 // upper bound of the slowest good calls in seconds, 0: any time is good
}

// budget is the share of the calls that may be bad.
func (o *objective) budget() float64 { return (100 - o.Target) / 100 }

func newService(c *catalog.Catalog, opt Options) (*service, []instrument.Diagnostic) {
	s := &service{title: c.Title, runbook: cmp.Or(opt.Runbook, DefaultRunbook)}
	var ds []instrument.Diagnostic
	warn := func(op catalog.Operation, fix, format string, args ...any) {
		d := instrument.Diagnostic{Severity: instrument.Warning, Rule: "inexact-limit", Message: op.Name + ": " + fmt.Sprintf(format, args...), Fix: fix}
		d.Pos.Filename, d.Pos.Line, d.Pos.Column = op.Path(), op.Line, 1
		ds = append(ds, d)
	}
	for _, op := range c.Operations {
		if op.Hang > 0 && !slices.ContainsFunc(s.hanging, func(o *operation) bool { return o.Name == op.Name }) {
			s.hanging = append(s.hanging, &operation{Operation: op})
		}
		if op.Metric == "" {
			if op.Slow > 0 || op.SLO != nil {
				warn(op, "take metric=off away", "slow= and slo= get no alert, because it has no metric")
			}
			continue
		}
		o := s.operation(op)
		if op.Slow > 0 && o.slow == nil {
			o.slow = slowLimit(op, warn)
		}
		if op.SLO != nil && o.slo == nil {
			o.slo = objectiveOf(op, warn)
		}
	}
	slices.SortFunc(s.metrics, func(a, b *metric) int { return cmp.Compare(a.name, b.name) })
	for _, m := range s.metrics {
		slices.SortFunc(m.operations, func(a, b *operation) int { return cmp.Compare(a.Name, b.Name) })
	}
	slices.SortFunc(s.hanging, func(a, b *operation) int { return cmp.Compare(a.Name, b.Name) })
	return s, ds
}

// operation returns the entry for op; functions of the same name and metric
// share their series, and so their entry.
func (s *service) operation(op catalog.Operation) *operation {
	at := slices.IndexFunc(s.metrics, func(m *metric) bool { return m.name == op.Metric })
	if at < 0 {
		at = len(s.metrics)
		s.metrics = append(s.metrics, &metric{name: op.Metric})
	}
	m := s.metrics[at]
	for _, o := range m.operations {
		if o.Name == op.Name {
			return o
		}
	}
	o := &operation{Operation: op, metric: op.Metric}
	m.operations = append(m.operations, o)
	return o
}

type warning func(op catalog.Operation, fix, format string, args ...any)

// slowLimit is nil where the histogram can't tell that a call is slow: a
// quantile never exceeds the largest bucket.
func slowLimit(op catalog.Operation, warn warning) *latency {
	buckets := op.Buckets()
	first, last := buckets[0], buckets[len(buckets)-1]
	l := &latency{op.Slow, op.Slow.Seconds()}
	switch {
	case l.bound >= last:
		warn(op, "choose a kind of longer calls, or a shorter limit", "slow=%s gets no alert: the largest bucket of %s ends at %ss", op.Slow, op.Metric, number(last))
		return nil
	case l.bound < first:
		// Between zero and the first bound a quantile is a guess.
		warn(op, "choose a kind of shorter calls", "slow=%s alerts at %ss, where the smallest bucket of %s ends", op.Slow, number(first), op.Metric)
		l.bound = first
	}
	return l
}

// objectiveOf finds the bucket that good calls are in: the smallest one that
// holds every call within the limit, so that no good call counts as bad.
func objectiveOf(op catalog.Operation, warn warning) *objective {
	o := &objective{Objective: op.SLO}
	limit := op.SLO.Limit.Seconds()
	buckets := op.Buckets()
	at, exact := slices.BinarySearch(buckets, limit)
	switch {
	case exact:
		o.bound = limit
	case at == len(buckets):
		warn(op, "choose a kind of longer calls", "slo=%s counts failures only: the largest bucket of %s ends at %ss", op.SLO, op.Metric, number(buckets[at-1]))
	default:
		o.bound = buckets[at]
		near := number(buckets[at]) + "s"
		if at > 0 {
			near = number(buckets[at-1]) + "s or " + near
		}
		warn(op, "write "+near+" to be exact", "slo=%s counts calls up to %ss as good, the next bucket of %s", op.SLO, number(o.bound), op.Metric)
	}
	return o
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// bucketLabel matches a bucket by its upper bound, which a scrape may write
// with and without a fraction.
func bucketLabel(bound float64) string {
	text := strconv.FormatFloat(bound, 'g', -1, 64)
	switch {
	case bound == 0:
		return `le="+Inf"`
	case strings.ContainsAny(text, ".e"):
		return `le="` + text + `"`
	}
	return `le=~"` + text + `(\\.0)?"`
}
