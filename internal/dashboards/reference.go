package dashboards

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// ownMetrics are what the runtime reports about itself and its calls. A test
// holds the names against its source.
var ownMetrics = []struct{ name, labels, what string }{
	{"operations_in_flight", "operation", "calls that have not ended"},
	{stuckMetric, "operation", "calls that run for longer than their operation's hang limit"},
	{"log_events_total", "level, service", "log lines"},
	{"log_events_dropped_total", "reason", "log lines that were not written"},
	{"log_processing_duration_ms", "", "how long a log line took, in milliseconds"},
	{"orchestrall_label_overflow_total", "operation, label", "label values over the limit, recorded as other"},
	{"orchestrall_recordings_dropped_total", "reason", "values that RecordMetric did not record"},
	{"orchestrall_spans_dropped_total", "reason", "spans that were recorded but not delivered"},
	{"orchestrall_spans_exported_total", "", "spans that a back end has taken"},
	{"orchestrall_export_duration_seconds", "signal, status", "exports to a back end with all their attempts"},
	{"orchestrall_export_failures_total", "signal, reason", "exports that were given up"},
	{"orchestrall_export_queue_length", "signal", "what waits for its export or is on its way"},
	{"orchestrall_export_queue_capacity", "signal", "how much can wait before anything is dropped"},
}

// reference describes the metrics for people. It names no lines: a reference
// that changes whenever code moves would be read by nobody.
func (s *service) reference(recording, alerting []group) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "<!-- Written by orchestrall dashboards. DO NOT EDIT. -->\n\n# Metrics of %s\n\n", s.title)
	b.WriteString("Every metric of an operation is a histogram in seconds: `_bucket` with `le`, `_count` and `_sum`, with the labels\n" +
		"`operation`, `status` (`success` or `failed`) and those that its directive adds. A label that has taken 100 values\n" +
		"reports further ones as `other`.\n")
	for i, m := range s.metrics {
		fmt.Fprintf(&b, "\n## %s\n\n| operation | kind | labels | slow | hang | slo | buckets up to | package |\n|---|---|---|---|---|---|---|---|\n", m.name)
		for _, op := range m.operations {
			buckets := op.Buckets()
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s | %ss | `%s` |\n", escape(op.Name), op.Kind, quoted(op.Labels[2:]), op.Slow, op.Hang, op.SLO,
				number(buckets[len(buckets)-1]), op.Package)
		}
		b.WriteString("\nRecorded:\n\n")
		var names []string
		for _, r := range recording[i].Rules {
			if !slices.Contains(names, r.Record) {
				names = append(names, r.Record)
				fmt.Fprintf(&b, "- `%s`\n", r.Record)
			}
		}
	}
	if len(alerting) > 0 {
		b.WriteString("\n## Alerts\n\n| alert | operation | severity | fires when | for |\n|---|---|---|---|---|\n")
		for _, r := range alerting[0].Rules {
			operation := "every one of `" + r.Labels["metric"] + "`"
			if r.Alert != highErrorRate {
				operation = "`" + escape(r.expected[0].Labels["operation"]) + "`"
			}
			fmt.Fprintf(&b, "| [%s](%s) | %s | %s | `%s` | %s |\n", r.Alert, r.Annotations["runbook_url"], operation, r.Labels["severity"],
				escape(strings.Join(strings.Fields(r.Expr), " ")), r.For)
		}
	}
	b.WriteString("\n## Of the runtime itself\n\n| metric | labels | what it counts |\n|---|---|---|\n")
	for _, m := range ownMetrics {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", m.name, quoted(strings.FieldsFunc(m.labels, func(r rune) bool { return r == ',' || r == ' ' })), m.what)
	}
	return b.Bytes()
}

// escape keeps text from ending its cell.
func escape(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func quoted(names []string) string {
	all := make([]string, len(names))
	for i, n := range names {
		all[i] = "`" + n + "`"
	}
	return strings.Join(all, ", ")
}
