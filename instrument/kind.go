package instrument

// A kind is what a function does, as kind= names it. It chooses the metric
// family; the runtime derives span kind and attributes from the same name.
type kind struct {
	name   string
	family string // histogram of seconds
}

// kinds in the order of the documentation. The names of the families are the
// runtime's too: a test holds the two tables against each other.
var kinds = []kind{
	{"agent", "agent_execution_duration_seconds"},
	{"workflow", "workflow_execution_duration_seconds"},
	{"step", "workflow_step_duration_seconds"},
	{"tool", "tool_execution_duration_seconds"},
	{"llm", "llm_request_duration_seconds"},
	{"server", "http_request_duration_seconds"},
	{"client", "client_request_duration_seconds"},
	{"db", "database_query_duration_seconds"},
	{"producer", "message_send_duration_seconds"},
	{"consumer", "message_process_duration_seconds"},
	{"internal", "operation_duration_seconds"},
}

func kindNames() []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.name
	}
	return names
}

// family returns the metric of a kind, "" for a kind that is not known.
func family(name string) string {
	for _, k := range kinds {
		if k.name == name {
			return k.family
		}
	}
	return ""
}
