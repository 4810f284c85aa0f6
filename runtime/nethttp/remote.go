package nethttp

import (
	"go.opentelemetry.io/otel/trace"

	"github.com/orchestrall/orchestrall/runtime/internal/remote"
)

// withRemote makes sc the parent of what starts below e.
func (e *exchange) withRemote(sc trace.SpanContext) {
	if remote.Key != nil {
		e.remote.Context = sc
		return
	}
	e.parent = trace.ContextWithRemoteSpanContext(e.parent, sc)
}
