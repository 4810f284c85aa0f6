package dashboards

import (
	"fmt"
	"strings"
)

// Stack returns the dashboards that are delivered with the monitoring stack.
// They know no service: whatever reports the metric families of the runtime
// shows up, told apart by job and operation. Logs come from Loki.
func Stack() ([]File, error) {
	var files []File
	for _, f := range []struct {
		name  string
		board *board
	}{{PlatformBoard, stackPlatform()}, {AgentBoard, stackAgents()}, {WorkflowBoard, stackWorkflows()}, {SystemBoard, stackSystem()}} {
		src, err := f.board.json()
		if err != nil {
			return nil, err
		}
		files = append(files, File{f.name, src})
	}
	return files, nil
}

// stackBoard has lists of the services and their operations at the top. The
// UID is what alerts link to.
func stackBoard(title, description, uid string, operations bool) *board {
	b := emptyBoard(title, description, "orchestrall-"+uid)
	b.Templating.List = append(b.Templating.List,
		variable{Label: "Logs", Name: "logs", Query: "loki", Refresh: 1, Type: "datasource"},
		variable{
			AllValue: ".+", IncludeAll: true, Multi: true, Label: "Service", Name: "job", Type: "query",
			Query: "label_values(operations_in_flight, job)", Refresh: 2, Sort: 1,
			Current: &choice{true, []string{"All"}, []string{"$__all"}}, Datasource: &prometheus,
		})
	if operations {
		b.Templating.List = append(b.Templating.List, variable{
			AllValue: ".+", IncludeAll: true, Multi: true, Label: "Operation", Name: "operation", Type: "query",
			Query: `label_values(operations_in_flight{job=~"$job"}, operation)`, Refresh: 2, Sort: 1,
			Current: &choice{true, []string{"All"}, []string{"$__all"}}, Datasource: &prometheus,
		})
	}
	return b
}

const (
	chosenJob  = `job=~"$job"`
	chosenBoth = `job=~"$job", operation=~"$operation"`
	// chosenLines are the log lines of the chosen services: a service logs
	// under the name that its metrics are scraped under.
	chosenLines = `{service=~"$job"}`
	errorLines  = `{service=~"$job", level="ERROR"}`
	// readable shows of a line what people read first.
	readable = " | json | line_format `{{.service}} {{.message}} {{.error_message}} traceId={{.traceId}}`"
)

func stackRates(metric, by, selector string) []query {
	return []query{{fmt.Sprintf("sum by (%s) (rate(%s_count{%s}[$__rate_interval]))", by, metric, selector), legendOf(by), false}}
}

func stackFailures(metric, by, selector string) []query {
	return []query{{fmt.Sprintf("sum by (%[1]s) (rate(%[2]s_count{%[3]s, status=\"failed\"}[$__rate_interval])) / sum by (%[1]s) (rate(%[2]s_count{%[3]s}[$__rate_interval]))",
		by, metric, selector), legendOf(by), false}}
}

func stackSuccess(metric, by, selector string) []query {
	q := stackFailures(metric, by, selector)
	q[0].expr = "1 - " + q[0].expr
	return q
}

func stackPercentiles(metric, by, selector string, qs ...string) []query {
	var all []query
	for _, q := range qs {
		legend := legendOf(by)
		if len(qs) > 1 {
			legend += " p" + q
		}
		all = append(all, query{fmt.Sprintf("histogram_quantile(0.%s, sum by (%s, le) (rate(%s_bucket{%s}[$__rate_interval])))", q, by, metric, selector), legend, true})
	}
	return all
}

func one(expr, legend string) []query { return []query{{expr, legend, false}} }

func stackPlatform() *board {
	const http = "http_request_duration_seconds"
	b := stackBoard("Platform Overview", "Is every service well, and if not, which one and which of its operations?", "platform-overview", true)
	b.row("Now")
	b.stat("Services answering", "Share of the scraped programs that answer", "percentunit", "avg(up{"+chosenJob+"})")
	b.stat("Requests", "Requests a second", "reqps", "sum(rate("+http+"_count{"+chosenJob+"}[$__rate_interval]))")
	b.stat("Requests failed", "Share of the requests that failed", "percentunit",
		fmt.Sprintf(`sum(rate(%[1]s_count{%[2]s, status="failed"}[$__rate_interval])) / sum(rate(%[1]s_count{%[2]s}[$__rate_interval]))`, http, chosenJob), .01, .05)
	b.stat("Error lines", "Log lines at level ERROR a second; above 0.1 HighErrorRate fires", "short", "sum(job:log_errors:rate5m{"+chosenJob+"}) or vector(0)", .01, .1)
	b.stat("Running", "Calls that have not ended", "short", "sum(operations_in_flight{"+chosenBoth+"})")
	b.stat("Stuck", "Calls past their hang limit", "short", "sum("+stuckMetric+"{"+chosenBoth+"}) or vector(0)", 1)

	b.row("Services")
	b.lines("Requests", "Requests a second, by service and route", "reqps", stackRates(http, "job, operation", chosenBoth))
	b.lines("Failed requests", "Share of the requests that failed; above 5 % FailedRequests fires", "percentunit", one("job:http_requests_failed:ratio_rate5m{"+chosenJob+"}", "{{job}}"), .05)
	b.lines("Response time", "Median, 95th and 99th percentile; the dots are traces", "s", stackPercentiles(http, "job", chosenJob, "50", "95", "99"), 2)
	b.lines("Answers", "Answers a second by status code, where the library is hooked", "reqps", one("sum by (job, code) (rate(http_requests_total{"+chosenJob+"}[$__rate_interval]))", "{{job}} {{code}}"))
	b.lines("Error lines", "Log lines at level ERROR a second", "short", one("job:log_errors:rate5m{"+chosenJob+"}", "{{service}}"), .1)
	b.lines("Running calls", "Calls that have not ended", "short", one("sum by (job, operation) (operations_in_flight{"+chosenBoth+"}) > 0", "{{job}} {{operation}}"))
	b.lines("Alerts", "What fires, and since when", "short", one(`sum by (alertname, job, operation) (ALERTS{alertstate="firing"})`, "{{alertname}} {{job}} {{operation}}"))

	b.row("Spans, before any is dropped by sampling")
	b.lines("Calls", "Spans a second", "reqps", one(`topk(20, sum by (job, span_name) (rate(traces_span_metrics_calls_total{`+chosenJob+`}[$__rate_interval])))`, "{{job}} {{span_name}}"))
	b.lines("Failed calls", "Spans with an error, a second", "reqps",
		one(`topk(20, sum by (job, span_name) (rate(traces_span_metrics_calls_total{`+chosenJob+`, status_code="STATUS_CODE_ERROR"}[$__rate_interval])))`, "{{job}} {{span_name}}"))

	b.row("Log lines")
	b.logRates("Lines", "Lines a second by level", "short", "sum by (service, level) (rate("+chosenLines+"[$__auto]))", "{{service}} {{level}}")
	b.logRates("Users with errors", "Error lines by user, the ten who have most", "short", "topk(10, sum by (userId) (count_over_time("+errorLines+` | json | userId!="" [$__auto])))`, "{{userId}}")
	b.logLines("Errors", "The trace id of a line leads to its trace", errorLines+readable)
	return b
}

func stackAgents() *board {
	b := stackBoard("Agent Performance", "Execution times and success of agents, and of the models and tools that they call.", "agent-performance", true)
	for _, part := range []struct{ title, metric, limit string }{
		{"Agents", "agent_execution_duration_seconds", "10"}, {"Models", "llm_request_duration_seconds", ""}, {"Tools", "tool_execution_duration_seconds", ""},
	} {
		b.row(part.title)
		b.lines("Calls", "Calls a second by outcome", "reqps", stackRates(part.metric, "job, operation, status", chosenBoth))
		b.lines("Success", "Share of the calls that succeeded", "percentunit", stackSuccess(part.metric, "job, operation", chosenBoth))
		b.lines("Duration", "Median, 95th and 99th percentile; the dots are traces", "s", stackPercentiles(part.metric, "job, operation", chosenBoth, "50", "95", "99"))
		if part.title != "Agents" {
			b.lines("Running", "Time spent in such calls each second: how many run at once", "short",
				one(fmt.Sprintf("sum by (job, operation) (rate(%s_sum{%s}[$__rate_interval]))", part.metric, chosenBoth), "{{job}} {{operation}}"))
			continue
		}
		b.lines("95th percentile against the limit", "Above 10 s for five minutes SlowAgentExecution fires", "s",
			one("job_operation:agent_execution_duration_seconds:p95_rate5m{"+chosenBoth+"}", "{{job}} {{operation}}"), 10)
		b.lines("Duration by agent", "95th percentile by the label agent_type", "s", stackPercentiles(part.metric, "job, agent_type", chosenBoth, "95"))
		b.lines("Failed by agent", "Share of the executions that failed, by the label agent_type", "percentunit", stackFailures(part.metric, "job, agent_type", chosenBoth))
	}
	b.row("Log lines")
	b.logRates("Errors by agent", "Error lines by agent type", "short", "sum by (metadata_agent_type) (count_over_time("+errorLines+` | json | metadata_agent_type!="" [$__auto]))`, "{{metadata_agent_type}}")
	b.logRates("Slow operations", "Calls over a second, by operation", "short", "sum by (metadata_operation) (count_over_time("+chosenLines+" | json | metadata_duration > 1000 [$__auto]))", "{{metadata_operation}}")
	b.logLines("Executions", "Finished and failed executions", chosenLines+` | json | metadata_kind="agent" | line_format `+"`{{.level}} {{.message}} {{.metadata_duration}} ms {{.error_message}} userId={{.userId}} traceId={{.traceId}}`")
	return b
}

func stackWorkflows() *board {
	const flows, steps = "workflow_execution_duration_seconds", "workflow_step_duration_seconds"
	b := stackBoard("Workflow Analytics", "Completion and duration of workflows, and the steps that they spend their time in.", "workflow-analytics", true)
	b.row("Workflows")
	b.lines("Completed", "Workflows a second by outcome", "reqps", stackRates(flows, "job, operation, status", chosenBoth))
	b.lines("Completion", "Share of the workflows that succeeded", "percentunit", stackSuccess(flows, "job, operation", chosenBoth))
	b.lines("Duration", "Median, 95th and 99th percentile; the dots are traces", "s", stackPercentiles(flows, "job, operation", chosenBoth, "50", "95", "99"))
	b.row("Steps")
	by := "job, operation, step"
	b.lines("Where the time goes", "Seconds spent in a step each second: the largest is the bottleneck", "s",
		one(fmt.Sprintf("topk(10, sum by (%s) (rate(%s_sum{%s}[$__rate_interval])))", by, steps, chosenBoth), "{{job}} {{operation}} {{step}}"))
	b.lines("Duration", "95th percentile of a step", "s", stackPercentiles(steps, by, chosenBoth, "95"))
	b.lines("Failed steps", "Share of the steps that failed", "percentunit", stackFailures(steps, by, chosenBoth))
	b.lines("Database", "95th percentile of the queries below", "s", stackPercentiles("database_query_duration_seconds", "job, operation", chosenBoth, "95"))
	b.lines("Database connections", "Open ones, used and idle", "short", one("sum by (job, pool_name, state) (db_client_connection_count{"+chosenJob+"})", "{{job}} {{pool_name}} {{state}}"))
	b.lines("Waiting for connections", "Seconds that callers wait each second: above 0 the pool is too small, or its queries are too slow", "s",
		one("sum by (job, pool_name) (rate(db_client_connection_wait_time_seconds_total{"+chosenJob+"}[$__rate_interval]))", "{{job}} {{pool_name}}"))
	b.row("Log lines")
	b.logRates("Failed workflows", "Error lines that carry an execution, by operation", "short", "sum by (metadata_operation) (count_over_time("+errorLines+` | json | executionId!="" [$__auto]))`, "{{metadata_operation}}")
	b.logLines("Executions", "The lines of workflows, with the execution that they belong to", chosenLines+` | json | executionId!="" | line_format `+"`{{.level}} {{.executionId}} {{.message}} {{.metadata_duration}} ms {{.error_message}} traceId={{.traceId}}`")
	return b
}

func stackSystem() *board {
	b := stackBoard("System Health", "Machines, containers, the Go runtime, and what telemetry itself loses.", "system-health", false)
	b.row("Machines")
	b.lines("Processors", "Share of the time that they are busy", "percentunit", one("instance:cpu_busy:ratio_rate5m", "{{instance}}"), .9)
	b.lines("Memory", "Share that is used", "percentunit", one("instance:memory_used:ratio", "{{instance}}"), .9)
	b.lines("Disks", "Share that is used", "percentunit", one("instance:filesystem_used:ratio", "{{instance}} {{mountpoint}}"), .85)
	b.lines("Network", "Bytes a second", "Bps", []query{
		{`sum by (instance) (rate(node_network_receive_bytes_total{device!="lo"}[$__rate_interval]))`, "{{instance}} in", false},
		{`sum by (instance) (rate(node_network_transmit_bytes_total{device!="lo"}[$__rate_interval]))`, "{{instance}} out", false},
	})
	b.row("Containers")
	b.lines("Processor", "Cores in use", "short", one(`sum by (name) (rate(container_cpu_usage_seconds_total{name!=""}[$__rate_interval]))`, "{{name}}"))
	b.lines("Memory", "Bytes that can't be reclaimed", "bytes", one(`sum by (name) (container_memory_working_set_bytes{name!=""})`, "{{name}}"))
	b.row("Processes")
	b.lines("Processor", "Cores in use", "short", one("rate(process_cpu_seconds_total{"+chosenJob+"}[$__rate_interval])", "{{job}} {{instance}}"))
	b.lines("Memory", "Resident, and live on the Go heap", "bytes", []query{
		{"process_resident_memory_bytes{" + chosenJob + "}", "{{job}} {{instance}} resident", false},
		{"go_memstats_heap_inuse_bytes{" + chosenJob + "}", "{{job}} {{instance}} heap", false},
	})
	b.lines("Open files", "Share of the limit", "percentunit", one("process_open_fds{"+chosenJob+"} / process_max_fds{"+chosenJob+"}", "{{job}} {{instance}}"), .8)
	b.row("Go runtime")
	b.lines("Goroutines", "What only grows is a leak", "short", one("go_goroutines{"+chosenJob+"}", "{{job}} {{instance}}"))
	b.lines("Garbage collection", "Seconds of pause each second", "s", one("rate(go_gc_duration_seconds_sum{"+chosenJob+"}[$__rate_interval])", "{{job}} {{instance}}"))
	b.row("Telemetry of the services")
	b.lines("Spans dropped", "Spans a second that reached no Collector, by reason", "short",
		one("sum by (job, reason) (rate(orchestrall_spans_dropped_total{"+chosenJob+"}[$__rate_interval]))", "{{job}} {{reason}}"))
	b.lines("Failed exports", "Exports a second that a back end did not take, by reason", "short",
		one("sum by (job, signal, reason) (rate(orchestrall_export_failures_total{"+chosenJob+"}[$__rate_interval]))", "{{job}} {{signal}} {{reason}}"))
	b.lines("Duration of exports", "95th percentile, with what was tried again; no call waits for one", "s",
		one("histogram_quantile(0.95, sum by (job, signal, le) (rate(orchestrall_export_duration_seconds_bucket{"+chosenJob+"}[$__rate_interval])))", "{{job}} {{signal}}"))
	b.lines("Log lines dropped", "Lines a second that were not written or not delivered, by reason", "short",
		one("sum by (job, reason) (rate(log_events_dropped_total{"+chosenJob+"}[$__rate_interval]))", "{{job}} {{reason}}"))
	b.lines("Log lines", "Lines a second by level", "short", one("sum by (job, level) (rate(log_events_total{"+chosenJob+"}[$__rate_interval]))", "{{job}} {{level}}"))
	b.lines("Label values over the limit", "Recorded as other, a second", "short",
		one("sum by (job, operation, label) (rate(orchestrall_label_overflow_total{"+chosenJob+"}[$__rate_interval]))", "{{job}} {{operation}} {{label}}"))
	b.row("The stack itself")
	b.lines("Collector: spans", "Spans a second in, refused, and out", "short", []query{
		{collectorRate("receiver_accepted_spans", "receiver"), "in, {{receiver}}", false},
		{collectorRate("receiver_refused_spans", "receiver"), "refused, {{receiver}}", false},
		{collectorRate("exporter_sent_spans", "exporter"), "out, {{exporter}}", false},
	})
	b.lines("Collector: queues", "Share of each queue that waits for its store", "percentunit",
		one(`max by (exporter) (otelcol_exporter_queue_size{job="collector"}) / max by (exporter) (otelcol_exporter_queue_capacity{job="collector"})`, "{{exporter}}"), .8)
	b.lines("Collector: traces kept", "Decisions a second, by policy", "short",
		one(`sum by (policy, decision) (rate({job="collector", __name__=~"otelcol_processor_tail_sampling_count_traces_sampled(_total)?"}[$__rate_interval]))`, "{{policy}} {{decision}}"))
	b.lines("Loki: lines", "Lines a second that it took", "short", one("sum(rate(loki_distributor_lines_received_total[$__rate_interval]))", "lines"))
	b.lines("Prometheus: series", "What its memory is spent on", "short", one("prometheus_tsdb_head_series", "{{instance}}"))
	b.lines("Resident memory", "Of each part of the stack", "bytes", one(`process_resident_memory_bytes{job=~"prometheus|alertmanager|loki|jaeger|collector|grafana"}`, "{{job}}"))
	b.row("Log lines")
	b.logLines("Warnings of the services", "Among them what telemetry complains about", strings.Replace(errorLines, `level="ERROR"`, `level="WARN"`, 1)+readable)
	return b
}

// collectorRate is a rate of the Collector about itself; some of its versions
// end the names of counters in _total.
func collectorRate(name, by string) string {
	return fmt.Sprintf(`sum by (%s) (rate({job="collector", __name__=~"otelcol_%s(_total)?"}[$__rate_interval]))`, by, name)
}
