package orchestrall

import (
	"reflect"
	"sync/atomic"
	"unsafe"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"
)

// ScopeName is the name of the instrumentation scope of every span of ours.
const ScopeName = "github.com/orchestrall/orchestrall/runtime"

var (
	tracingOff     atomic.Bool
	asksEveryChild atomic.Bool
	inScope        atomic.Bool
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

// SetAttributesInScope says where an operation's static attributes go (function,
// file, line, kind). By default they are attributes of each span, which works
// with every SDK but costs more than the span itself. With true each operation
// has an instrumentation scope of its own that carries them, and a span costs
// little more than a bare one; an exporter that knows this puts them back on
// the spans, off the program's path.
func SetAttributesInScope(yes bool) {
	inScope.Store(yes)
}

// source is one installed provider.
type source struct {
	provider trace.TracerProvider
	words    [2]uintptr
	live     bool // false when the provider never records
	scoped   bool
}

// currentSource follows otel.SetTracerProvider, however often it is called: the
// tracer that the API hands out before the first call keeps to that first
// provider for ever.
func currentSource() *source {
	p := otel.GetTracerProvider()
	// Compared by words, since == panics for a provider of an incomparable type.
	// The provider is kept in source, so its address cannot be used again.
	words := *(*[2]uintptr)(unsafe.Pointer(&p))
	scoped := inScope.Load()
	if s := current.Load(); s != nil && s.words == words && s.scoped == scoped {
		return s
	}
	s := &source{provider: p, words: words, live: !neverRecords(p), scoped: scoped}
	current.Store(s)
	return s
}

// emitter is how an operation starts its spans at one source.
type emitter struct {
	source  *source
	tracer  trace.Tracer
	options []trace.SpanStartOption
}

func (st *state) emitterFor(s *source) *emitter {
	if e := st.emitter.Load(); e != nil && e.source == s {
		return e
	}
	e := &emitter{source: s}
	if st.spanKind != trace.SpanKindInternal { // the default, and an option costs time
		e.options = append(e.options, trace.WithSpanKind(st.spanKind))
	}
	if s.scoped {
		e.tracer = s.provider.Tracer(ScopeName, trace.WithInstrumentationAttributes(st.static...))
	} else {
		e.tracer = s.provider.Tracer(ScopeName)
		e.options = append(e.options, trace.WithAttributes(st.static...))
	}
	st.emitter.Store(e)
	return e
}

// neverRecords recognises the two providers that stand for "no SDK": the API's
// own placeholder and its no-op.
func neverRecords(p trace.TracerProvider) bool {
	t := reflect.TypeOf(p)
	if t == nil {
		return true
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.PkgPath() {
	case "go.opentelemetry.io/otel/internal/global", "go.opentelemetry.io/otel/trace/noop":
		return true
	}
	return false
}
