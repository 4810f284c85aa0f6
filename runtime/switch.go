package orchestrall

import (
	"reflect"
	"sync/atomic"
	"unsafe"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"
)

const scopeName = "github.com/orchestrall/orchestrall/runtime"

var (
	tracingOff     atomic.Bool
	asksEveryChild atomic.Bool
	current        atomic.Pointer[source]
)

// SetTracing turns spans on or off for the whole process; metrics and log lines
// are not touched. It is on at first, and costs nothing more while no tracer
// provider is installed.
func SetTracing(on bool) { tracingOff.Store(!on) }

// SetParentBased says whether the installed sampler follows the parent's
// decision. It is assumed to, and then a call below an unsampled parent starts
// no span at all. With false every call asks the sampler.
func SetParentBased(yes bool) { asksEveryChild.Store(!yes) }

// source is the tracer of one installed provider.
type source struct {
	provider trace.TracerProvider
	words    [2]uintptr
	tracer   trace.Tracer
	live     bool // false when the provider never records
}

// currentTracer follows otel.SetTracerProvider, however often it is called: the
// tracer that the API hands out before the first call keeps to that first
// provider for ever.
func currentTracer() *source {
	p := otel.GetTracerProvider()
	// Compared by words, since == panics for a provider of an incomparable type.
	// The provider is kept in source, so its address cannot be used again.
	words := *(*[2]uintptr)(unsafe.Pointer(&p))
	if s := current.Load(); s != nil && s.words == words {
		return s
	}
	s := &source{provider: p, words: words, tracer: p.Tracer(scopeName), live: !neverRecords(p)}
	current.Store(s)
	return s
}

// neverRecords recognises the two providers that stand for "no SDK": the API's
// own placeholder and its no-op.
func neverRecords(p trace.TracerProvider) bool {
	t := reflect.TypeOf(p)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.PkgPath() {
	case "go.opentelemetry.io/otel/internal/global", "go.opentelemetry.io/otel/trace/noop":
		return true
	}
	return false
}
