package dashboards

import (
	"fmt"
	"slices"
	"strings"
)

// boards returns the dashboards of the service; one without a board has no
// bytes.
func (s *service) boards() ([]File, error) {
	var files []File
	for _, f := range []struct {
		name  string
		board *board
	}{{PlatformBoard, s.platform()}, {AgentBoard, s.agents()}, {WorkflowBoard, s.workflows()}, {SystemBoard, s.system()}} {
		if f.board == nil {
			files = append(files, File{Name: f.name})
			continue
		}
		src, err := f.board.json()
		if err != nil {
			return nil, err
		}
		files = append(files, File{f.name, src})
	}
	return files, nil
}

// chosen limits a query to the operations chosen at the top.
const chosen = `operation=~"$operation"`

// of returns the metrics of the operations of those kinds.
func (s *service) of(kinds ...string) []*metric {
	var found []*metric
	for _, m := range s.metrics {
		if slices.ContainsFunc(m.operations, func(op *operation) bool { return slices.Contains(kinds, op.Kind) }) {
			found = append(found, m)
		}
	}
	return found
}

// ownLabels are those that directives add to the metric, sorted.
func (m *metric) ownLabels() []string {
	var all []string
	for _, op := range m.operations {
		all = append(all, op.Labels[2:]...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func pattern(metrics []*metric) string {
	names := make([]string, len(metrics))
	for i, m := range metrics {
		names[i] = m.name + "_count"
	}
	return strings.Join(names, "|")
}

// The queries that most panels are made of, one for each metric.

func rates(metrics []*metric, by string) []query {
	return each(metrics, func(m *metric) query {
		return query{fmt.Sprintf("sum by (%s) (rate(%s_count{%s}[$__rate_interval]))", by, m.name, chosen), legendOf(by), false}
	})
}

func failures(metrics []*metric, by string) []query {
	return each(metrics, func(m *metric) query {
		return query{fmt.Sprintf("sum by (%[1]s) (rate(%[2]s_count{%[3]s, status=\"failed\"}[$__rate_interval])) / sum by (%[1]s) (rate(%[2]s_count{%[3]s}[$__rate_interval]))",
			by, m.name, chosen), legendOf(by), false}
	})
}

func percentiles(metrics []*metric, by string, qs ...string) []query {
	var all []query
	for _, m := range metrics {
		for _, q := range qs {
			legend := legendOf(by)
			if len(qs) > 1 {
				legend += " p" + q
			}
			all = append(all, query{fmt.Sprintf("histogram_quantile(0.%s, sum by (%s, le) (rate(%s_bucket{%s}[$__rate_interval])))", q, by, m.name, chosen), legend, true})
		}
	}
	return all
}

func each(metrics []*metric, do func(*metric) query) []query {
	var all []query
	for _, m := range metrics {
		all = append(all, do(m))
	}
	return all
}

// legendOf names a series by its labels.
func legendOf(by string) string {
	var parts []string
	for label := range strings.SplitSeq(by, ", ") {
		parts = append(parts, "{{"+label+"}}")
	}
	return strings.Join(parts, " ")
}

// platformTitle is of the dashboard that alerts lead to.
const platformTitle = "Platform Overview"

// platform is what an administrator looks at first: is the service well, and
// if not, which operation is it?
func (s *service) platform() *board {
	b := s.newBoard(platformTitle, "Rates, errors and durations of every operation, what runs now, and what the objectives say.")
	if len(s.metrics) > 0 {
		b.byOperation(pattern(s.metrics))
	}
	b.row("Now")
	for _, entry := range []struct{ kind, what string }{{"server", "Requests"}, {"agent", "Agent executions"}, {"workflow", "Workflows"}} {
		for i, m := range s.of(entry.kind) {
			if i > 0 {
				break
			}
			b.stat(entry.what, "Calls a second of "+m.name, "reqps", fmt.Sprintf("sum(rate(%s_count[$__rate_interval]))", m.name))
			b.stat(entry.what+" failed", "Share of the calls that failed", "percentunit",
				fmt.Sprintf("sum(rate(%[1]s_count{status=\"failed\"}[$__rate_interval])) / sum(rate(%[1]s_count[$__rate_interval]))", m.name), .01, .1)
		}
	}
	b.stat("Running", "Calls that have not ended", "short", "sum(operations_in_flight)")
	if len(s.hanging) > 0 {
		b.stat("Stuck", "Calls past their hang limit", "short", "sum("+stuckMetric+")", 1)
	}
	b.lines("Alerts firing", "Alerts of the operations", "short", []query{{
		fmt.Sprintf(`sum by (alertname, operation) (ALERTS{alertstate="firing", alertname=~"%s"})`, strings.Join(alertNames, "|")), "{{alertname}} {{operation}}", false,
	}})
	b.lines("Running calls", "Calls that have not ended, by operation", "short", []query{{"sum by (operation) (operations_in_flight{" + chosen + "})", "{{operation}}", false}})
	if len(s.metrics) > 0 {
		b.row("Operations")
		b.lines("Calls", "Calls a second", "reqps", rates(s.metrics, "operation"))
		b.lines("Failed calls", "Share of the calls that failed", "percentunit", failures(s.metrics, "operation"), .1)
		b.lines("Duration, 95th percentile", "Nineteen of twenty calls are faster", "s", percentiles(s.metrics, "operation", "95"))
	}
	s.limits(b)
	return b
}

// limits adds what slow= and slo= promise. It reads recorded series.
func (s *service) limits(b *board) {
	var slow, burn []query
	for _, m := range s.metrics {
		for _, op := range m.operations {
			name := matcher("operation", op.Name)
			if op.slow != nil {
				slow = append(slow, query{fmt.Sprintf("%s{%s} / %s", quantile(m.name, "95"), name, number(op.slow.bound)), "{{operation}} (" + op.slow.limit.String() + ")", false})
			}
			if op.slo != nil {
				burn = append(burn, query{fmt.Sprintf("%s{%s} / %s", badRatio(m.name, "1h"), name, threshold(op.slo.budget())), "{{operation}} (" + op.slo.String() + ")", false})
			}
		}
	}
	if slow == nil && burn == nil {
		return
	}
	b.row("Limits and objectives")
	b.lines("Duration against slow=", "The 95th percentile as a multiple of the limit; above 1 SlowCalls fires", "short", slow, 1)
	b.lines("Error budget burn", "How many times as fast as it lasts the budget of 30 days was spent in the last hour", "short", burn, 1, 14.4)
}

// agents shows what agents, their models and their tools do.
func (s *service) agents() *board {
	agents, models, tools := s.of("agent"), s.of("llm"), s.of("tool")
	if len(agents)+len(models)+len(tools) == 0 {
		return nil
	}
	b := s.newBoard("Agent Performance", "Execution times and success of agents, and of the models and tools that they call.")
	b.byOperation(pattern(s.of("agent", "llm", "tool")))
	for _, part := range []struct {
		title   string
		metrics []*metric
	}{{"Agents", agents}, {"Models", models}, {"Tools", tools}} {
		if len(part.metrics) == 0 {
			continue
		}
		b.row(part.title)
		b.lines("Calls", "Calls a second by outcome", "reqps", rates(part.metrics, "operation, status"))
		b.lines("Failed calls", "Share of the calls that failed", "percentunit", failures(part.metrics, "operation"), .1)
		b.lines("Duration", "Median, 95th and 99th percentile", "s", percentiles(part.metrics, "operation", "50", "95", "99"))
		b.byLabel(part.metrics)
	}
	return b
}

// byLabel adds durations and failures for each label of the directives.
func (b *board) byLabel(metrics []*metric) {
	for _, m := range metrics {
		for _, label := range m.ownLabels() {
			one := []*metric{m}
			b.lines("Duration by "+label, "95th percentile of "+m.name, "s", percentiles(one, label, "95"))
			b.lines("Failed calls by "+label, "Share of the calls that failed", "percentunit", failures(one, label), .1)
		}
	}
}

// workflows shows whether workflows complete and which step holds them up.
func (s *service) workflows() *board {
	flows, steps := s.of("workflow"), s.of("step")
	if len(flows)+len(steps) == 0 {
		return nil
	}
	b := s.newBoard("Workflow Analytics", "Completion and duration of workflows, and the steps that they spend their time in.")
	b.byOperation(pattern(s.of("workflow", "step")))
	if len(flows) > 0 {
		b.row("Workflows")
		b.lines("Completed", "Workflows a second by outcome", "reqps", rates(flows, "operation, status"))
		b.lines("Failed", "Share of the workflows that failed", "percentunit", failures(flows, "operation"), .1)
		b.lines("Duration", "Median, 95th and 99th percentile", "s", percentiles(flows, "operation", "50", "95", "99"))
		b.byLabel(flows)
	}
	if len(steps) > 0 {
		b.row("Steps")
		for _, m := range steps {
			by := strings.Join(append([]string{"operation"}, m.ownLabels()...), ", ")
			b.lines("Where the time goes", "Seconds spent in a step each second: the widest is the bottleneck", "s", []query{{
				fmt.Sprintf("topk(10, sum by (%s) (rate(%s_sum{%s}[$__rate_interval])))", by, m.name, chosen), legendOf(by), false,
			}})
			one := []*metric{m}
			b.lines("Duration", "95th percentile of a step", "s", percentiles(one, by, "95"))
			b.lines("Failed steps", "Share of the calls that failed", "percentunit", failures(one, by), .1)
		}
	}
	return b
}

// system shows the process, and whether telemetry itself loses anything.
func (s *service) system() *board {
	b := s.newBoard("System Health", "The processes, the Go runtime, and what telemetry itself drops.")
	one := func(expr, legend string) []query { return []query{{expr, legend, false}} }
	b.row("Process")
	b.lines("Processor", "Cores in use", "short", one("rate(process_cpu_seconds_total[$__rate_interval])", "{{instance}}"))
	b.lines("Memory", "Resident, and live on the Go heap", "bytes", []query{
		{"process_resident_memory_bytes", "{{instance}} resident", false}, {"go_memstats_heap_inuse_bytes", "{{instance}} heap", false},
	})
	b.lines("Open files", "Share of the limit", "percentunit", one("process_open_fds / process_max_fds", "{{instance}}"), .8)
	b.row("Go runtime")
	b.lines("Goroutines", "What only grows is a leak", "short", one("go_goroutines", "{{instance}}"))
	b.lines("Garbage collection", "Seconds of pause each second", "s", one("rate(go_gc_duration_seconds_sum[$__rate_interval])", "{{instance}}"))
	b.row("Telemetry")
	b.lines("Spans dropped", "Spans a second that reached no back end, by reason", "short", one("sum by (reason) (rate(orchestrall_spans_dropped_total[$__rate_interval]))", "{{reason}}"))
	b.lines("Log lines", "Lines a second by level", "short", one("sum by (level) (rate(log_events_total[$__rate_interval]))", "{{level}}"))
	b.lines("Log lines dropped", "Lines a second that were not written, by reason", "short",
		one("sum by (reason) (rate(log_events_dropped_total[$__rate_interval]))", "{{reason}}"))
	b.lines("Label values over the limit", "Recorded as other, a second", "short",
		one("sum by (operation, label) (rate(orchestrall_label_overflow_total[$__rate_interval]))", "{{operation}} {{label}}"))
	return b
}
