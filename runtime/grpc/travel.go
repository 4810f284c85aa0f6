package grpc

import (
	"context"
	"maps"
	"slices"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/metadata"

	"github.com/orchestrall/orchestrall/runtime/internal/contextkey"
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

// extract puts what the metadata says about the caller's trace into the context.
func (c *quiet) extract() {
	defer contain()
	md := received(c.Context)
	if w3c.Installed() && len(md["tracestate"]) == 0 && len(md["baggage"]) == 0 {
		parents := md["traceparent"]
		if len(parents) == 0 {
			return
		}
		if sc, ok := w3c.Parse(parents[0]); ok {
			c.below(sc)
			return
		}
	}
	if got := otel.GetTextMapPropagator().Extract(c.Context, incoming{carrier(md)}); got != nil {
		c.Context = got
	}
}

// incomingKey is the key under which a context holds the metadata that came.
var incomingKey = contextkey.Of(func(ctx context.Context) { metadata.FromIncomingContext(ctx) })

// received is the metadata that came, which is not to be written to:
// metadata.FromIncomingContext would copy all of it.
func received(ctx context.Context) metadata.MD {
	if md, ok := ctx.Value(incomingKey).(metadata.MD); ok {
		return md
	}
	md, _ := metadata.FromIncomingContext(ctx)
	return md
}

// inject returns the context around c with the trace of c in the metadata of the
// call.
func (c *quiet) inject() (injected context.Context) {
	injected = c.Context
	defer contain()
	md, ok := metadata.FromOutgoingContext(injected)
	if !ok {
		if w3c.Installed() && baggage.FromContext(injected).Len() == 0 {
			if parent, ok := w3c.Format(trace.SpanContextFromContext(c)); ok {
				return metadata.AppendToOutgoingContext(injected, "traceparent", parent)
			}
		}
		md = metadata.MD{}
	}
	otel.GetTextMapPropagator().Inject(c, carrier(md))
	if len(md) == 0 {
		return injected
	}
	return metadata.NewOutgoingContext(injected, md)
}

type carrier metadata.MD

// Get implements propagation.TextMapCarrier.
func (c carrier) Get(key string) string {
	if values := metadata.MD(c).Get(key); len(values) > 0 {
		return values[0]
	}
	return ""
}

// Set implements propagation.TextMapCarrier.
func (c carrier) Set(key, value string) { metadata.MD(c).Set(key, value) }

// Keys implements propagation.TextMapCarrier.
func (c carrier) Keys() []string { return slices.Collect(maps.Keys(c)) }

// incoming is a carrier that nobody writes to.
type incoming struct{ carrier }

// Set implements propagation.TextMapCarrier.
func (incoming) Set(string, string) {}
