package orchestrall

import (
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
