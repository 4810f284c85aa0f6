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
	path     string
	agent    string
	input    string
	stranger bool // carries no API key

	status int      // expected
	spans  []string // names from the root down, "a > b"; "!" before the last where it failed, "~" where it was slow
	logs   []string // "LEVEL text": a line of that level that holds the text; a busy machine may make INFO a WARN
}

func (r request) id() string { return "demo-" + strings.ReplaceAll(r.name, " ", "-") }

var requests = []request{
	{
		name: "success", story: "A user asks about a customer.",
		path: execute, agent: "crm", input: "Tell me about cus_acme", status: 200,
		spans: []string{
			"POST /api/v2/agents/execute > AgentService.Execute > tool customer.lookup > Repository.Find",
			"POST /api/v2/agents/execute > AgentService.Execute > tool risk.score > Repository.Orders",
			"POST /api/v2/agents/execute > AgentService.Execute > Offline.Complete",
			"POST /api/v2/agents/execute > AgentService.Execute > Repository.Record",
		},
		logs: []string{"INFO facts gathered", "INFO|WARN AgentService.Execute"},
	},
	{
		name: "workflow", story: "A customer is onboarded in three steps.",
		path: execute, agent: "onboarding", input: "Onboard cus_borealis", status: 200,
		spans: []string{
			"POST /api/v2/agents/execute > AgentService.Execute > Service.Run > step validate",
			"POST /api/v2/agents/execute > AgentService.Execute > Service.Run > step process > tool customer.lookup > Repository.Find",
			"POST /api/v2/agents/execute > AgentService.Execute > Service.Run > step process > Offline.Complete",
			"POST /api/v2/agents/execute > AgentService.Execute > Service.Run > step finalize > Repository.Record",
		},
		logs: []string{"INFO|WARN Service.Run", "INFO|WARN AgentService.Execute"},
	},
	{
		name: "stream", story: "The answer comes word by word; the span lasts until the last one.",
		path: stream, agent: "crm", input: "Tell me about cus_borealis", status: 200,
		spans: []string{
			"POST /api/v2/agents/stream > AgentService.Stream > tool risk.score > Repository.Orders",
			"POST /api/v2/agents/stream > AgentService.Stream > Offline.Stream",
		},
		logs: []string{"INFO|WARN AgentService.Stream"},
	},
	{
		name: "failure", story: "The profile of this customer is cut off in the database. Where did it fail?",
		path: execute, agent: "crm", input: "Tell me about cus_legacy", status: 500,
		spans: []string{
			"POST /api/v2/agents/execute > AgentService.Execute > tool customer.lookup > !Repository.Find",
			"POST /api/v2/agents/execute > AgentService.Execute > !tool customer.lookup",
			"POST /api/v2/agents/execute > !AgentService.Execute",
			"!POST /api/v2/agents/execute",
		},
		logs: []string{"ERROR Repository.Find", "ERROR decode profile", "ERROR AgentService.Execute"},
	},
	{
		name: "slow", story: "A detailed report takes longer than the directive allows. Where does the time go?",
		path: execute, agent: "crm", input: "Write a detailed report about cus_acme", status: 200,
		spans: []string{
			"POST /api/v2/agents/execute > ~AgentService.Execute",
			"POST /api/v2/agents/execute > AgentService.Execute > ~Offline.Complete",
		},
		logs: []string{"WARN Offline.Complete", "WARN AgentService.Execute"},
	},
	{
		name: "unauthorised", story: "Somebody calls without a key.",
		path: execute, agent: "crm", input: "Tell me about cus_acme", stranger: true, status: 401,
		spans: []string{"POST /api/v2/agents/execute"},
		logs:  []string{"WARN request refused"},
	},
}

// series are the metrics that must be there: the name, and what the labels hold.
var series = []struct {
	name   string
	labels []string
	count  string
}{
	{"http_request_duration_seconds", []string{`operation="server.handle"`, `status="success"`}, ""},
	{"http_request_duration_seconds", []string{`operation="server.handle"`, `status="failed"`}, "1"},
	{"agent_execution_duration_seconds", []string{`operation="AgentService.Execute"`, `agent_type="crm"`, `status="success"`}, "2"},
	{"agent_execution_duration_seconds", []string{`operation="AgentService.Execute"`, `agent_type="crm"`, `status="failed"`}, "1"},
	{"agent_execution_duration_seconds", []string{`operation="AgentService.Stream"`, `agent_type="crm"`, `status="success"`}, "1"},
	{"workflow_execution_duration_seconds", []string{`operation="Service.Run"`, `status="success"`}, "1"},
	{"workflow_step_duration_seconds", []string{`operation="Service.step"`, `step="finalize"`, `status="success"`}, "1"},
	{"tool_execution_duration_seconds", []string{`operation="Lookup.Call"`, `status="failed"`}, "1"},
	{"llm_request_duration_seconds", []string{`operation="Offline.Complete"`, `status="success"`}, "3"},
	{"database_query_duration_seconds", []string{`operation="Repository.Find"`, `status="failed"`}, "1"},
}
