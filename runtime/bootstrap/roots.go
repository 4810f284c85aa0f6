package bootstrap

import (
	"context"

	"go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// byID is the decision of a sampler that looks at nothing but the id.
func byID(s trace.Sampler) func(api.TraceID) bool {
	return func(id api.TraceID) bool {
		return s.ShouldSample(trace.SamplingParameters{ParentContext: context.Background(), TraceID: id}).Decision == trace.RecordAndSample
	}
}

// rootIDs gives a trace the id by which it was sampled.
type rootIDs struct{ trace.IDGenerator }

// NewIDs implements trace.IDGenerator.
func (g rootIDs) NewIDs(ctx context.Context) (api.TraceID, api.SpanID) {
	if id := orchestrall.RootID(ctx); id.IsValid() {
		return id, g.NewSpanID(ctx, id)
	}
	return g.IDGenerator.NewIDs(ctx)
}
