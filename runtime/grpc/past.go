package grpc

import (
	"context"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// past is the context in which contrib's handler sees a call that is over.
type past struct {
	context.Context
	begin    time.Time
	failed   bool
	measured measured
}

type pastKey struct{}

// Value implements context.Context.
func (p *past) Value(key any) any {
	if key == (pastKey{}) {
		return p
	}
	return p.Context.Value(key)
}

// rescuers start the spans of calls that failed unsampled, and no others.
type rescuers struct{ noop.TracerProvider }

// Tracer implements trace.TracerProvider.
func (rescuers) Tracer(name string, options ...trace.TracerOption) trace.Tracer {
	return rescuer{name: name, options: options}
}

type rescuer struct {
	noop.Tracer
	name    string
	options []trace.TracerOption
}

// none hides the span around the call, which is not to be ended with it.
func none(ctx context.Context) (context.Context, trace.Span) {
	return trace.ContextWithSpan(ctx, noop.Span{}), noop.Span{}
}

// Start implements trace.Tracer.
func (r rescuer) Start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	p, ok := ctx.Value(pastKey{}).(*past)
	if !ok || !p.failed {
		return none(ctx)
	}
	asked, ok := orchestrall.RescueContext(ctx)
	if !ok {
		return none(ctx)
	}
	options = append(options[:len(options):len(options)], trace.WithTimestamp(p.begin))
	return otel.GetTracerProvider().Tracer(r.name, r.options...).Start(asked, name, options...)
}
