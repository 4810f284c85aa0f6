package pinned_test

import (
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/orchestrall/orchestrall/runtime/internal/pinned"
)

func TestSpansHaveTheirIDs(t *testing.T) {
	tracer := sdk.NewTracerProvider(sdk.WithIDGenerator(pinned.Generator{})).Tracer("test")
	traceID, spanID := trace.TraceID{1}, trace.SpanID{2}
	ctx, root := tracer.Start(pinned.Context(t.Context(), traceID, spanID), "root")
	if c := root.SpanContext(); c.TraceID() != traceID || c.SpanID() != spanID {
		t.Errorf("the root is %v of %v", c.SpanID(), c.TraceID())
	}
	_, child := tracer.Start(pinned.Context(ctx, trace.TraceID{3}, trace.SpanID{4}), "child")
	if c := child.SpanContext(); c.TraceID() != traceID || c.SpanID() != (trace.SpanID{4}) {
		t.Errorf("the child is %v of %v", c.SpanID(), c.TraceID())
	}
	// What is below a pinned span has ids of its own.
	_, other := tracer.Start(ctx, "other")
	_, another := tracer.Start(t.Context(), "another")
	if a, b := other.SpanContext(), another.SpanContext(); a.SpanID() == spanID || a.TraceID() != traceID || !b.IsValid() || b.TraceID() == traceID {
		t.Errorf("got %v and %v", a, b)
	}
}
