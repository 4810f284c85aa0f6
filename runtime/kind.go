package orchestrall

import (
	"log/slog"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// Kind says what sort of work an operation does. It chooses the span kind, the
// semantic-convention attributes, the metric family and the level of the
// finish line.
type Kind string

// The kinds that a directive can name. The zero value counts as Internal.
const (
	Agent    Kind = "agent"
	Workflow Kind = "workflow"
	Step     Kind = "step"
	Tool     Kind = "tool"
	LLM      Kind = "llm"
	Server   Kind = "server"
	Client   Kind = "client"
	DB       Kind = "db"
	Producer Kind = "producer"
	Consumer Kind = "consumer"
	Internal Kind = "internal"
)

// family is what operations of one kind have in common.
type family struct {
	span    trace.SpanKind
	metric  string
	help    string
	buckets []float64
	level   slog.Level // of the finish line when the directive says nothing
	genAI   string     // gen_ai.operation.name
	nameKey string     // attribute that repeats the operation's name in the kind's own convention
}

// Buckets fit the kind: a database answers in milliseconds, an agent runs for
// minutes. Each list is short, since every bucket is a series for each
// operation and status.
var (
	secondsToMinutes = []float64{.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800}
	modelSeconds     = []float64{.05, .1, .25, .5, 1, 2, 4, 8, 15, 30, 60, 120}
	requestSeconds   = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	querySeconds     = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5}
	callSeconds      = []float64{.0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5, 10, 60}
)

var families = map[Kind]family{
	Agent: {
		span: trace.SpanKindInternal, metric: "agent_execution_duration_seconds",
		help: "Duration of agent executions in seconds.", buckets: secondsToMinutes,
		level: slog.LevelInfo, genAI: "invoke_agent", nameKey: "gen_ai.agent.name",
	},
	Workflow: {
		span: trace.SpanKindInternal, metric: "workflow_execution_duration_seconds",
		help: "Duration of workflow executions in seconds.", buckets: secondsToMinutes,
		level: slog.LevelInfo, genAI: "invoke_workflow", nameKey: "gen_ai.workflow.name",
	},
	Step: {
		span: trace.SpanKindInternal, metric: "workflow_step_duration_seconds",
		help: "Duration of workflow steps in seconds.", buckets: modelSeconds,
		level: slog.LevelDebug,
	},
	Tool: {
		span: trace.SpanKindInternal, metric: "tool_execution_duration_seconds",
		help: "Duration of tool executions in seconds.", buckets: modelSeconds,
		level: slog.LevelDebug, genAI: "execute_tool", nameKey: "gen_ai.tool.name",
	},
	LLM: {
		span: trace.SpanKindClient, metric: "llm_request_duration_seconds",
		help: "Duration of requests to language models in seconds.", buckets: modelSeconds,
		level: slog.LevelDebug, genAI: "chat",
	},
	Server: {
		span: trace.SpanKindServer, metric: "http_request_duration_seconds",
		help: "Duration of served requests in seconds.", buckets: requestSeconds,
		level: slog.LevelDebug,
	},
	Client: {
		span: trace.SpanKindClient, metric: "client_request_duration_seconds",
		help: "Duration of requests to other services in seconds.", buckets: requestSeconds,
		level: slog.LevelDebug,
	},
	DB: {
		span: trace.SpanKindClient, metric: "database_query_duration_seconds",
		help: "Duration of database queries in seconds.", buckets: querySeconds,
		level: slog.LevelDebug,
	},
	Producer: {
		span: trace.SpanKindProducer, metric: "message_send_duration_seconds",
		help: "Duration of handing messages to a broker in seconds.", buckets: querySeconds,
		level: slog.LevelDebug,
	},
	Consumer: {
		span: trace.SpanKindConsumer, metric: "message_process_duration_seconds",
		help: "Duration of processing received messages in seconds.", buckets: requestSeconds,
		level: slog.LevelDebug,
	},
	Internal: {
		span: trace.SpanKindInternal, metric: "operation_duration_seconds",
		help: "Duration of operations in seconds.", buckets: callSeconds,
		level: slog.LevelDebug,
	},
}

// familyOf falls back to Internal, so that a kind from a newer tool still
// counts and traces.
func familyOf(k Kind) family {
	if f, ok := families[k]; ok {
		return f
	}
	return families[Internal]
}

// spanAttributes are the attributes that every span of the operation carries.
func spanAttributes(s *Spec, f family) []attribute.KeyValue {
	kvs := make([]attribute.KeyValue, 0, 6)
	add := func(key, value string) {
		if value != "" {
			kvs = append(kvs, attribute.String(key, value))
		}
	}
	add("code.function.name", s.Function)
	add("code.file.path", s.File)
	if s.Line > 0 {
		kvs = append(kvs, attribute.Int("code.line.number", s.Line))
	}
	add(KindKey, string(s.Kind))
	add("gen_ai.operation.name", f.genAI)
	if f.nameKey != "" {
		add(f.nameKey, s.Name)
	}
	return kvs
}
