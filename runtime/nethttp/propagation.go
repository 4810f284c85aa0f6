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
)

// format is what is known of the program's propagator.
type format struct {
	propagator propagation.TextMapPropagator
	words      [2]uintptr
	fields     []string // header names, canonical
	w3c        bool     // trace context and perhaps baggage by OpenTelemetry's own types
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
	f = &format{propagator: p}
	defer func() {
		if recover() != nil { // not ours
			f.fields, f.w3c = nil, false
		}
	}()
	for _, field := range p.Fields() {
		f.fields = append(f.fields, textproto.CanonicalMIMEHeaderKey(field))
	}
	f.w3c = traceContext(p)
	return f
}

// traceContext reports whether p reads traceparent the way that parent does, and
// besides it baggage at most.
func traceContext(p propagation.TextMapPropagator) bool {
	switch p.(type) {
	case propagation.TraceContext:
		return true
	case propagation.Baggage:
		return false
	}
	list := reflect.ValueOf(p)
	if list.Kind() != reflect.Slice || list.Type().PkgPath() != reflect.TypeFor[propagation.TraceContext]().PkgPath() {
		return false
	}
	found := false
	for i := range list.Len() {
		switch list.Index(i).Interface().(type) {
		case propagation.TraceContext:
			found = true
		case propagation.Baggage:
		default:
			return false
		}
	}
	return found
}

// extract takes the caller's span from the headers. Whatever stands there, the
// request goes on.
func (e *exchange) extract(h http.Header) {
	f := propagator()
	if f.w3c {
		parents := h["Traceparent"]
		if len(h["Baggage"]) == 0 {
			if len(parents) == 0 {
				return
			}
			if len(h["Tracestate"]) == 0 {
				if sc, ok := parent(parents[0]); ok {
					e.withRemote(sc)
					return
				}
			}
		}
	}
	for _, field := range f.fields {
		if len(h[field]) > 0 {
			e.parent = f.extract(e.parent, h)
			return
		}
	}
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

// parent reads a traceparent of version 00, which is what there is. The rest,
// and what is wrong, is left to OpenTelemetry's own reading.
func parent(s string) (trace.SpanContext, bool) {
	const size = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if len(s) != size || s[:3] != "00-" || s[35] != '-' || s[52] != '-' {
		return trace.SpanContext{}, false
	}
	cfg := trace.SpanContextConfig{Remote: true}
	var flags [1]byte
	if !unhex(cfg.TraceID[:], s[3:35]) || !unhex(cfg.SpanID[:], s[36:52]) || !unhex(flags[:], s[53:]) {
		return trace.SpanContext{}, false
	}
	cfg.TraceFlags = trace.TraceFlags(flags[0])
	if flags[0] > byte(trace.FlagsSampled) {
		return trace.SpanContext{}, false
	}
	sc := trace.NewSpanContext(cfg)
	return sc, sc.IsValid()
}

// unhex reads lower-case digits, the only ones that the specification allows.
func unhex(out []byte, s string) bool {
	for i := range out {
		high, low := digit(s[2*i]), digit(s[2*i+1])
		if high > 15 || low > 15 {
			return false
		}
		out[i] = high<<4 | low
	}
	return true
}

func digit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 255
}
