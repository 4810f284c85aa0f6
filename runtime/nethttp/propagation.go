package nethttp

import (
	"context"
	"net/http"
	"net/textproto"
	"reflect"
	"sync/atomic"
	"unsafe"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/orchestrall/orchestrall/runtime/internal/remote"
	"github.com/orchestrall/orchestrall/runtime/internal/w3c"
)

// format is what is known of the program's propagator.
type format struct {
	propagator propagation.TextMapPropagator
	words      [2]uintptr
	fields     []string // names of the headers that it writes, canonical
	w3c        bool     // trace context and perhaps baggage by OpenTelemetry's own types
	none       bool     // the API's own, which does nothing
}

var currentFormat atomic.Pointer[format]

// propagator follows otel.SetTextMapPropagator, however often it is called.
func propagator() *format {
	p := otel.GetTextMapPropagator()
	// Compared by words, since == panics for slices, and one is the usual type.
	words := *(*[2]uintptr)(unsafe.Pointer(&p))
	if f := currentFormat.Load(); f != nil && f.words == words {
		return f
	}
	f := newFormat(p)
	f.words = words
	currentFormat.Store(f)
	return f
}

func newFormat(p propagation.TextMapPropagator) (f *format) {
	f = &format{propagator: p, none: placeholder(p)}
	defer func() {
		if recover() != nil { // not ours
			f.fields, f.w3c = nil, false
		}
	}()
	for _, field := range p.Fields() {
		f.fields = append(f.fields, textproto.CanonicalMIMEHeaderKey(field))
	}
	f.w3c = w3c.Only(p)
	return f
}

// placeholder recognises what the API hands out before a program has chosen.
func placeholder(p propagation.TextMapPropagator) bool {
	t := reflect.TypeOf(p)
	return t == nil || t.Kind() == reflect.Pointer && t.Elem().PkgPath() == "go.opentelemetry.io/otel/internal/global"
}

// extract takes the caller's span from the headers, into a context or as it is
// where a context has room for it. Whatever stands there, the request goes on.
func extract(ctx context.Context, h http.Header) (context.Context, trace.SpanContext) {
	f := propagator()
	if f.none {
		return ctx, trace.SpanContext{}
	}
	if f.w3c && len(h["Baggage"]) == 0 {
		parents := h["Traceparent"]
		if len(parents) == 0 {
			return ctx, trace.SpanContext{}
		}
		if len(h["Tracestate"]) == 0 && remote.Key != nil {
			if sc, ok := w3c.Parse(parents[0]); ok {
				return ctx, sc
			}
		}
	}
	// Another one may read more than it says that it writes.
	return f.extract(ctx, h), trace.SpanContext{}
}

func (f *format) extract(ctx context.Context, h http.Header) (extracted context.Context) {
	extracted = ctx
	defer func() { _ = recover() }()
	if got := f.propagator.Extract(ctx, propagation.HeaderCarrier(h)); got != nil {
		extracted = got
	}
	return extracted
}

// injects reports whether inject has something to say.
func (f *format) injects(ctx context.Context) bool {
	if f.w3c {
		return trace.SpanContextFromContext(ctx).IsValid() || baggage.FromContext(ctx).Len() > 0
	}
	return len(f.fields) > 0
}

// inject puts the trace context of ctx into the headers.
func (f *format) inject(ctx context.Context, h http.Header) {
	defer func() { _ = recover() }()
	f.propagator.Inject(ctx, propagation.HeaderCarrier(h))
}

// injected reports whether the headers have what inject puts there.
func (f *format) injected(h http.Header) bool {
	for _, field := range f.fields {
		if len(h[field]) > 0 {
			return true
		}
	}
	return false
}
