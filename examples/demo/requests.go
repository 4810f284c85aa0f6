package main

import "strings"

const (
	userID  = "user_123"
	execute = "/api/v2/agents/execute"
	stream  = "/api/v2/agents/stream"
)

// A request is one thing that happens to the platform, and what an
// administrator must be able to see of it.
type request struct {
	name     string
	story    string
	path     string // of REST
	over     string // instead of it: the way that the client SDK asks
	agent    string
	input    string
	stranger bool // carries no API key

	status int      // expected; of the client SDK: 200 when it got an answer
	spans  []string // names from the handler down, "a > b"; "!" before the last where it failed, "~" where it was slow
	hooked []string // the same for spans of libraries, which are there where the mode weaves them
	logs   []string // "LEVEL text": a line of that level that holds the text; a busy machine may make INFO a WARN
}

func (r request) id() string { return "demo-" + strings.ReplaceAll(r.name, " ", "-") }

// in is what the request looks like in a mode.
func (r request) in(mode string) request {
	if !weaves(mode) {
		return r
	}
	// net/http's own span stands above the handler's.
	above := func(span string) string {
		if r.over != "" {
			return span
		}
		return "POST " + r.path + " > " + span
	}
	var spans []string
	for _, span := range append(r.spans[:len(r.spans):len(r.spans)], r.hooked...) {
		spans = append(spans, above(span))
	}
	if r.status >= 500 {
		spans = append(spans, "!POST "+r.path)
	}
	r.spans = spans
	return r
}

// weaves reports whether a mode weaves libraries.
func weaves(mode string) bool { return mode != "generate" }

// requestsIn are the requests that show something in a mode.
func requestsIn(mode string) []request {
	var in []request
	for _, r := range requests {
		if r.over == "" || weaves(mode) {
			in = append(in, r.in(mode))
		}
	}
	return in
}

const viaMCP = "Session.Run > tools/call run_agent > tools/call run_agent > AgentService.Execute"

var requests = []request{
	{
		name: "one trace", story: "Another program onboards a customer through the MCP server: client, MCP, agent, workflow, tools, database.",
		over: "mcp", agent: "onboarding", input: "Onboard cus_borealis", status: 200,
		spans: []string{"Session.Run"},
		hooked: []string{
			"Session.Run > tools/call run_agent > POST > POST /mcp",
			viaMCP + " > Service.Run > step validate",
			viaMCP + " > Service.Run > step process > tool customer.lookup > Repository.Find > SELECT customers",
			viaMCP + " > Service.Run > step process > tool risk.score > Repository.Orders > SELECT orders",
			viaMCP + " > Service.Run > step process > Offline.Complete",
			viaMCP + " > Service.Run > step finalize > Repository.Record > INSERT runs",
		},
		logs: []string{"INFO|WARN Service.Run", "INFO|WARN AgentService.Execute"},
	},
	{
		name: "event stream", story: "A dashboard follows an execution over a WebSocket.",
		over: "events", agent: "onboarding", input: "Onboard cus_acme", status: 200,
		spans: []string{"Client.Follow"},
		hooked: []string{
			"Client.Follow > websocket 127.0.0.1 > GET /api/v2/events > websocket /api/v2/events",
			"Client.Follow > POST > POST /api/v2/agents/execute > server.handle > AgentService.Execute > Service.Run",
		},
		logs: []string{"INFO|WARN Service.Run"},
	},
	{
		name: "success", story: "A user asks about a customer.",
		path: execute, agent: "crm", input: "Tell me about cus_acme", status: 200,
		spans: []string{
			"server.handle > AgentService.Execute > tool customer.lookup > Repository.Find",
			"server.handle > AgentService.Execute > tool risk.score > Repository.Orders",
			"server.handle > AgentService.Execute > Offline.Complete",
			"server.handle > AgentService.Execute > Repository.Record",
		},
		hooked: []string{"server.handle > AgentService.Execute > tool customer.lookup > Repository.Find > SELECT customers"},
		logs:   []string{"INFO facts gathered", "INFO|WARN AgentService.Execute"},
	},
	{
		name: "workflow", story: "A customer is onboarded in three steps.",
		path: execute, agent: "onboarding", input: "Onboard cus_borealis", status: 200,
		spans: []string{
			"server.handle > AgentService.Execute > Service.Run > step validate",
			"server.handle > AgentService.Execute > Service.Run > step process > tool customer.lookup > Repository.Find",
			"server.handle > AgentService.Execute > Service.Run > step process > Offline.Complete",
			"server.handle > AgentService.Execute > Service.Run > step finalize > Repository.Record",
		},
		logs: []string{"INFO|WARN Service.Run", "INFO|WARN AgentService.Execute"},
	},
	{
		name: "stream", story: "The answer comes word by word; the span lasts until the last one.",
		path: stream, agent: "crm", input: "Tell me about cus_borealis", status: 200,
		spans: []string{
			"server.handle > AgentService.Stream > tool risk.score > Repository.Orders",
			"server.handle > AgentService.Stream > Offline.Stream",
		},
		logs: []string{"INFO|WARN AgentService.Stream"},
	},
	{
		name: "failure", story: "The profile of this customer is cut off in the database. Where did it fail?",
		path: execute, agent: "crm", input: "Tell me about cus_legacy", status: 500,
		spans: []string{
			"server.handle > AgentService.Execute > tool customer.lookup > !Repository.Find",
			"server.handle > AgentService.Execute > !tool customer.lookup",
			"server.handle > !AgentService.Execute",
			"!server.handle",
		},
		logs: []string{"ERROR Repository.Find", "ERROR decode profile", "ERROR AgentService.Execute"},
	},
	{
		name: "slow", story: "A detailed report takes longer than the directive allows. Where does the time go?",
		path: execute, agent: "crm", input: "Write a detailed report about cus_acme", status: 200,
		spans: []string{
			"server.handle > ~AgentService.Execute",
			"server.handle > AgentService.Execute > ~Offline.Complete",
		},
		logs: []string{"WARN Offline.Complete", "WARN AgentService.Execute"},
	},
	{
		name: "unauthorised", story: "Somebody calls without a key.",
		path: execute, agent: "crm", input: "Tell me about cus_acme", stranger: true, status: 401,
		spans: []string{"server.handle"},
		logs:  []string{"WARN request refused"},
	},
}

// A metric is one that must be there: the name, what the labels hold, and
// how many calls it counts.
type metric struct {
	name   string
	labels []string
	count  string // "" for any number but none
}

// seriesIn are the metrics of a mode.
func seriesIn(mode string) []metric {
	if weaves(mode) {
		return append(series[:len(series):len(series)], hookedSeries...)
	}
	return series
}

var hookedSeries = []metric{
	{"http_request_duration_seconds", []string{`operation="http.server"`, `route="/api/v2/agents/execute"`, `status="success"`}, ""},
	{"http_request_duration_seconds", []string{`operation="http.server"`, `route="/api/v2/agents/execute"`, `status="failed"`}, "1"},
	{"database_query_duration_seconds", []string{`operation="sql.query"`, `db_operation="SELECT"`, `status="success"`}, ""},
}

var series = []metric{
	{"operation_duration_seconds", []string{`operation="server.handle"`, `status="success"`}, ""},
	{"operation_duration_seconds", []string{`operation="server.handle"`, `status="failed"`}, "1"},
	{"agent_execution_duration_seconds", []string{`operation="AgentService.Execute"`, `agent_type="crm"`, `status="success"`}, "2"},
	{"agent_execution_duration_seconds", []string{`operation="AgentService.Execute"`, `agent_type="crm"`, `status="failed"`}, "1"},
	{"agent_execution_duration_seconds", []string{`operation="AgentService.Stream"`, `agent_type="crm"`, `status="success"`}, "1"},
	{"workflow_execution_duration_seconds", []string{`operation="Service.Run"`, `status="success"`}, "1"},
	{"workflow_step_duration_seconds", []string{`operation="Service.step"`, `step="finalize"`, `status="success"`}, "1"},
	{"tool_execution_duration_seconds", []string{`operation="Lookup.Call"`, `status="failed"`}, "1"},
	{"llm_request_duration_seconds", []string{`operation="Offline.Complete"`, `status="success"`}, "3"},
	{"database_query_duration_seconds", []string{`operation="Repository.Find"`, `status="failed"`}, "1"},
}
