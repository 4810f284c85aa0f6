package orchestrall_test

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

func TestUnsampled(t *testing.T) {
	spans(t)
	if _, ok := orchestrall.Unsampled(context.Background()); ok {
		t.Error("the sampler was not asked about a root")
	}
	if _, ok := orchestrall.Unsampled(below(true)); ok {
		t.Error("the call below a sampled one")
	}
	refused := below(false)
	if ctx, ok := orchestrall.Unsampled(refused); !ok || ctx != refused {
		t.Error("the call below one that is not sampled")
	}
	orchestrall.SetParentBased(false)
	if _, ok := orchestrall.Unsampled(refused); ok {
		t.Error("a sampler that heeds no parent was not asked")
	}
	orchestrall.SetParentBased(true)
	orchestrall.SetRootsSampled(false)
	t.Cleanup(func() { orchestrall.SetRootsSampled(true) })
	if ctx, ok := orchestrall.Unsampled(context.Background()); !ok || !trace.SpanContextFromContext(ctx).IsValid() {
		t.Error("a root that is not sampled has no ids")
	}
	orchestrall.SetTracing(false)
	if _, ok := orchestrall.Unsampled(below(true)); !ok {
		t.Error("spans without tracing")
	}
	orchestrall.SetTracing(true)
	otel.SetTracerProvider(noop.NewTracerProvider())
	if _, ok := orchestrall.Unsampled(below(true)); !ok {
		t.Error("spans without a provider")
	}
}

func TestRescueContext(t *testing.T) {
	spans(t)
	if _, ok := orchestrall.RescueContext(below(false)); ok {
		t.Error("errors are not kept")
	}
	orchestrall.SetKeepErrors(true)
	t.Cleanup(func() { orchestrall.SetKeepErrors(false) })
	ctx, ok := orchestrall.RescueContext(below(false))
	if _, _, rescued := orchestrall.Rescued(ctx); !ok || !rescued {
		t.Error("the provider is not asked")
	}
}
