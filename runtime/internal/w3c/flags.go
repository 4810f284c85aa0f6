package w3c

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// TraceContext is OpenTelemetry's, which before v1.42 takes the traceparent of a
// sampled trace for none at all where it says that the trace id is random, as
// others have said since before.
type TraceContext struct{ propagation.TraceContext }

const randomAndSampled = "03"

// randomKnown is true where OpenTelemetry reads that itself.
var randomKnown = trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(),
	propagation.MapCarrier{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-" + randomAndSampled})).IsValid()

// Extract implements propagation.TextMapPropagator.
func (t TraceContext) Extract(ctx context.Context, carrier propagation.TextMapCarrier) context.Context {
	if !randomKnown {
		if s := carrier.Get("traceparent"); len(s) == size && s[:3] == "00-" && s[53:] == randomAndSampled {
			carrier = plain{carrier, s[:53] + "01"}
		}
	}
	return t.TraceContext.Extract(ctx, carrier)
}

// plain is a carrier with another traceparent.
type plain struct {
	propagation.TextMapCarrier
	parent string
}

// Get implements propagation.TextMapCarrier.
func (p plain) Get(key string) string {
	if key == "traceparent" {
		return p.parent
	}
	return p.TextMapCarrier.Get(key)
}
