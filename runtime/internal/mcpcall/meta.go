package mcpcall

import (
	"context"
	"maps"
	"net/http"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// MCP reserves these names in _meta for W3C Trace Context and Baggage, whatever
// the program propagates over HTTP.
const traceparent = "traceparent"

var (
	traceContext = propagation.TraceContext{}
	wire         = propagation.NewCompositeTextMapPropagator(traceContext, propagation.Baggage{})
)

// carrier is a _meta as propagators see it.
type carrier map[string]any

// Get implements propagation.TextMapCarrier.
func (c carrier) Get(key string) string {
	s, _ := c[key].(string)
	return s
}

// Set implements propagation.TextMapCarrier. What the program has put there
// itself stays.
func (c carrier) Set(key, value string) {
	if _, there := c[key]; !there {
		c[key] = value
	}
}

// Keys implements propagation.TextMapCarrier.
func (c carrier) Keys() []string {
	keys := make([]string, 0, len(c))
	for k := range c {
		keys = append(keys, k)
	}
	return keys
}

// Inject returns meta with the trace context of ctx, as a new map, and reports
// whether there was anything to add. A meta that names a trace already stays.
func Inject(ctx context.Context, meta map[string]any) (map[string]any, bool) {
	if _, there := meta[traceparent]; there || !trace.SpanContextFromContext(ctx).IsValid() {
		return meta, false
	}
	c := make(carrier, len(meta)+2)
	maps.Copy(c, meta)
	wire.Inject(ctx, c)
	return c, true
}

// Parent returns the context that the span of a received request starts in, and
// what that span is to be linked with.
//
// The trace context in meta comes first, since it is the caller's own; what the
// transport runs in is linked then. Without it, that is the parent: the span in
// ctx, or the one that the HTTP request names.
func Parent(ctx context.Context, meta map[string]any, header http.Header) (context.Context, trace.SpanContext) {
	if stale(ctx, header) || !trace.SpanContextFromContext(ctx).IsValid() {
		ctx = trace.ContextWithSpanContext(ctx, trace.SpanContext{})
		if header != nil {
			ctx = wire.Extract(ctx, propagation.HeaderCarrier(header))
		}
	}
	sent := trace.SpanContextFromContext(traceContext.Extract(context.Background(), carrier(meta)))
	if !sent.IsValid() {
		return ctx, trace.SpanContext{}
	}
	around := trace.SpanContextFromContext(ctx)
	if around.SpanID() == sent.SpanID() {
		around = trace.SpanContext{}
	}
	return wire.Extract(ctx, carrier(meta)), around
}

// stale reports whether the span in the context of an HTTP request belongs to an
// earlier one: libraries give all requests of a session the context of the
// first, whose span has ended since.
func stale(ctx context.Context, header http.Header) bool {
	span := trace.SpanFromContext(ctx)
	if header == nil || span.IsRecording() {
		return false
	}
	return span.SpanContext().IsSampled() || header.Get("Mcp-Session-Id") != ""
}
