package orchestrall

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/otel/trace"
)

// unsampledRoots is the provider that samples no trace which begins here.
var unsampledRoots atomic.Pointer[source]

// SetRootsSampled says whether the tracer provider that is installed now may
// sample a trace that begins in this program. With false [UnsampledRoot] answers
// in its place, until another provider is installed.
func SetRootsSampled(yes bool) {
	if yes {
		unsampledRoots.Store(nil)
		return
	}
	unsampledRoots.Store(currentSource())
}

// UnsampledRoot returns the ids of a new trace that nobody records, for a hook at
// which many traces begin: its log lines can still be told from others, and that
// costs less than a sampler's no. It reports false where the sampler has to be
// asked, and where there are no spans at all.
func UnsampledRoot() (trace.SpanContext, bool) {
	s := unsampledRoots.Load()
	if s == nil || tracingOff.Load() || s != currentSource() {
		return trace.SpanContext{}, false
	}
	return unsampled(), true
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
