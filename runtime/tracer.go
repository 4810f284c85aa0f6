package orchestrall

import (
	"context"

	"go.opentelemetry.io/otel"
	api "go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/embedded"
)

// Tracer returns an OpenTelemetry tracer for spans that no directive
// describes. It follows the tracer provider that the program has installed,
// also when that comes later, and its spans get the fields that the context
// carries, as the spans of traced functions do.
func Tracer(name string) trace.Tracer { return tracer{name: name} }

type tracer struct {
	embedded.Tracer
	name string
}

// Start implements trace.Tracer.
func (t tracer) Start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	if ctx == nil {
		ctx = context.Background()
	}
	if carried := carriedFields(ctx); len(carried) > 0 {
		options = append([]trace.SpanStartOption{trace.WithAttributes(carried...)}, options...)
	}
	return otel.GetTracerProvider().Tracer(t.name).Start(ctx, name, options...)
}

// Meter returns an OpenTelemetry meter for instruments that RecordMetric is too
// simple for. bootstrap serves what they measure at /metrics.
func Meter(name string) api.Meter { return otel.Meter(name) }
