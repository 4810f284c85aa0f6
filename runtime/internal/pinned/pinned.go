// Package pinned starts spans under ids that are known beforehand: those of
// work that may be begun anew on another machine and stays one span.
package pinned

import (
	"context"
	"encoding/binary"
	"math/rand/v2"

	"go.opentelemetry.io/otel/trace"
)

// ids is a context that asks the provider for a span with its ids. It is
// recognized by its type, as looking for a value would cost every span.
type ids struct {
	context.Context
	trace trace.TraceID
	span  trace.SpanID
}

// Context returns the context to start a span with that has the id span and,
// where ctx has no span, the trace's, too. Whether the provider heeds it shows
// in the span: that of bootstrap does, as does any with a [Generator].
func Context(ctx context.Context, trace trace.TraceID, span trace.SpanID) context.Context {
	return &ids{ctx, trace, span}
}

// A Generator makes random ids, but for spans that have some already. It
// implements the SDK's IDGenerator.
type Generator struct{}

// NewIDs returns the ids of a trace's first span.
func (g Generator) NewIDs(ctx context.Context) (traceID trace.TraceID, spanID trace.SpanID) {
	if p, ok := ctx.(*ids); ok && p.trace.IsValid() && p.span.IsValid() {
		return p.trace, p.span
	}
	for !traceID.IsValid() {
		binary.NativeEndian.PutUint64(traceID[:8], rand.Uint64())
		binary.NativeEndian.PutUint64(traceID[8:], rand.Uint64())
	}
	return traceID, g.NewSpanID(ctx, traceID)
}

// NewSpanID returns the id of a span in a trace.
func (Generator) NewSpanID(ctx context.Context, _ trace.TraceID) (id trace.SpanID) {
	if p, ok := ctx.(*ids); ok && p.span.IsValid() {
		return p.span
	}
	for !id.IsValid() {
		binary.NativeEndian.PutUint64(id[:], rand.Uint64())
	}
	return id
}
