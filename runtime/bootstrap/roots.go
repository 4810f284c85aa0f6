package bootstrap

import (
	"context"
	"strings"

	"go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// rootSampler is the decision of s about traces which begin here, nil where it
// looks at more than the id, or says yes to all.
func rootSampler(getenv func(string) string, s trace.Sampler) func(api.TraceID) bool {
	if strings.ToLower(strings.TrimSpace(getenv("OTEL_TRACES_SAMPLER"))) != "parentbased_traceidratio" {
		return nil
	}
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
