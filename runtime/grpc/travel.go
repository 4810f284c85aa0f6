package grpc

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/metadata"

	"github.com/orchestrall/orchestrall/runtime/internal/w3c"
)

// injecting is the program's propagator for contrib's handler, which finds the
// caller's trace in the context already.
type injecting struct{}

// Inject implements propagation.TextMapPropagator.
func (injecting) Inject(ctx context.Context, c propagation.TextMapCarrier) {
	otel.GetTextMapPropagator().Inject(ctx, c)
}

// Extract implements propagation.TextMapPropagator.
func (injecting) Extract(ctx context.Context, _ propagation.TextMapCarrier) context.Context {
	return ctx
}

// Fields implements propagation.TextMapPropagator.
func (injecting) Fields() []string { return otel.GetTextMapPropagator().Fields() }

// silent is a propagator for calls that are over.
type silent struct{ injecting }

// Inject implements propagation.TextMapPropagator.
func (silent) Inject(context.Context, propagation.TextMapCarrier) {}

// extract returns ctx with what the metadata says about the caller's trace.
func extract(ctx context.Context) (extracted context.Context) {
	extracted = ctx
	defer contain()
	if w3c.Installed() && one(ctx, "tracestate") == "" && one(ctx, "baggage") == "" {
		parent := one(ctx, "traceparent")
		if parent == "" {
			return ctx
		}
		if sc, ok := w3c.Parse(parent); ok {
			return trace.ContextWithRemoteSpanContext(ctx, sc)
		}
	}
	if got := otel.GetTextMapPropagator().Extract(ctx, incoming{ctx}); got != nil {
		extracted = got
	}
	return extracted
}

// one is the first value of a key in the metadata that came.
func one(ctx context.Context, key string) string {
	if values := metadata.ValueFromIncomingContext(ctx, key); len(values) > 0 {
		return values[0]
	}
	return ""
}

// incoming reads metadata without a copy of all of it.
type incoming struct{ ctx context.Context }

// Get implements propagation.TextMapCarrier.
func (c incoming) Get(key string) string { return one(c.ctx, key) }

// Set implements propagation.TextMapCarrier; nobody writes here.
func (incoming) Set(string, string) {}

// Keys implements propagation.TextMapCarrier.
func (c incoming) Keys() []string {
	md, _ := metadata.FromIncomingContext(c.ctx)
	return keys(md)
}

// inject returns ctx with the trace in the metadata of the call.
func inject(ctx context.Context) (injected context.Context) {
	injected = ctx
	defer contain()
	md, ok := metadata.FromOutgoingContext(ctx)
	if !ok {
		if w3c.Installed() && baggage.FromContext(ctx).Len() == 0 {
			if parent, ok := w3c.Format(trace.SpanContextFromContext(ctx)); ok {
				return metadata.AppendToOutgoingContext(ctx, "traceparent", parent)
			}
		}
		md = metadata.MD{}
	}
	otel.GetTextMapPropagator().Inject(ctx, outgoing(md))
	if len(md) == 0 {
		return ctx
	}
	return metadata.NewOutgoingContext(ctx, md)
}

type outgoing metadata.MD

// Get implements propagation.TextMapCarrier.
func (c outgoing) Get(key string) string {
	if values := metadata.MD(c).Get(key); len(values) > 0 {
		return values[0]
	}
	return ""
}

// Set implements propagation.TextMapCarrier.
func (c outgoing) Set(key, value string) { metadata.MD(c).Set(key, value) }

// Keys implements propagation.TextMapCarrier.
func (c outgoing) Keys() []string { return keys(metadata.MD(c)) }

func keys(md metadata.MD) []string {
	names := make([]string, 0, len(md))
	for name := range md {
		names = append(names, name)
	}
	return names
}
