package orchestrall

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"sync/atomic"

	"go.opentelemetry.io/otel/trace"
)

// knownRoots is how the provider decides about the traces that begin here.
var knownRoots atomic.Pointer[roots]

type roots struct {
	source  *source                  // another provider decides otherwise
	sampled func(trace.TraceID) bool // nil: none is
}

// SetRootsSampled says whether the tracer provider that is installed now may
// sample a trace that begins in this program. With false [UnsampledRoot] answers
// in its place, until another provider is installed.
func SetRootsSampled(yes bool) {
	if yes {
		knownRoots.Store(nil)
		return
	}
	knownRoots.Store(&roots{source: currentSource()})
}

// SetRootSampler says by which of their ids the tracer provider that is installed
// now samples the traces that begin in this program, so that those that it does
// not sample never get there. The provider has to give a trace the id that
// [RootID] names.
func SetRootSampler(sampled func(trace.TraceID) bool) {
	knownRoots.Store(&roots{currentSource(), sampled})
}

// current is nil where the provider has to be asked, and where there are no spans
// at all.
func (r *roots) current() *roots {
	if r == nil || tracingOff.Load() || r.source != currentSource() {
		return nil
	}
	return r
}

// UnsampledRoot returns the ids of a new trace that nobody records, for a hook at
// which many traces begin: its log lines can still be told from others, and that
// costs less than a sampler's no. It reports false where the sampler has to be
// asked, and where there are no spans at all.
func UnsampledRoot() (trace.SpanContext, bool) {
	if r := knownRoots.Load().current(); r != nil && r.sampled == nil {
		return UnsampledIDs(trace.TraceID{}), true
	}
	return trace.SpanContext{}, false
}

// NewRoot is [UnsampledRoot] for a hook that makes the ids when somebody asks, by
// [UnsampledIDs], and that hands the id of a trace which is to be sampled on, by
// [WithRoot]. The id is zero where none is sampled, whatever its id. With no ok
// both is left to the provider.
func NewRoot() (id trace.TraceID, sampled, ok bool) {
	r := knownRoots.Load().current()
	if r == nil || r.sampled == nil {
		return id, false, r != nil
	}
	id = newTraceID()
	return id, r.sampled(id), true
}

func newTraceID() (id trace.TraceID) {
	low := rand.Uint64()
	for low == 0 { // zero is no id
		low = rand.Uint64()
	}
	binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(id[8:], low)
	return id
}

// UnsampledIDs returns the ids of a trace that nobody records; they still join the
// log lines of one request. For zero, the trace is a new one.
func UnsampledIDs(id trace.TraceID) trace.SpanContext {
	if !id.IsValid() {
		id = newTraceID()
	}
	// The only span in its trace.
	span := binary.NativeEndian.Uint64(id[:8])*0x9e3779b97f4a7c15 ^ binary.NativeEndian.Uint64(id[8:])
	var cfg trace.SpanContextConfig
	cfg.TraceID = id
	binary.NativeEndian.PutUint64(cfg.SpanID[:], max(span, 1))
	return trace.NewSpanContext(cfg)
}

// rooted is a context in which a trace begins whose id is chosen. It is
// recognized by its type, as [rescuing] is.
type rooted struct {
	context.Context
	id trace.TraceID
}

// WithRoot returns the context for the first span of the trace with this id.
func WithRoot(ctx context.Context, id trace.TraceID) context.Context {
	return &rooted{ctx, id}
}

// RootID is for id generators: the id that the trace has to have whose first span
// is started with ctx, zero where any will do.
func RootID(ctx context.Context) trace.TraceID {
	if r, ok := ctx.(*rooted); ok {
		return r.id
	}
	return trace.TraceID{}
}

// Unsampled reports whether no span that is started with ctx would be recorded,
// for a hook that then starts none, and returns the context to go on with: ctx
// itself, or with the ids of a new trace that nobody records where one begins.
// It reports false where the sampler has to be asked. ctx is not nil.
func Unsampled(ctx context.Context) (context.Context, bool) {
	if tracingOff.Load() || !currentSource().live {
		return ctx, true
	}
	if parent := trace.SpanContextFromContext(ctx); parent.IsValid() {
		return ctx, !parent.IsSampled() && !asksEveryChild.Load()
	}
	if sc, ok := UnsampledRoot(); ok {
		return trace.ContextWithSpanContext(ctx, sc), true
	}
	return ctx, false
}
