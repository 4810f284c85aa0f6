// Package w3c reads and writes traceparent as OpenTelemetry's propagator does,
// for hooks that can do without what that allocates.
package w3c

import (
	"encoding/hex"
	"reflect"
	"sync/atomic"
	"unsafe"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// verdict is what is known of the propagator that was installed last.
type verdict struct {
	propagator propagation.TextMapPropagator // held, so that its address is not used again
	words      [2]uintptr
	only       bool
}

var last atomic.Pointer[verdict]

// Installed reports whether [Only] is true for the program's propagator. It
// follows otel.SetTextMapPropagator, however often it is called.
func Installed() bool {
	p := otel.GetTextMapPropagator()
	// Compared by words, since == panics for slices, and one is the usual type.
	words := *(*[2]uintptr)(unsafe.Pointer(&p))
	if v := last.Load(); v != nil && v.words == words {
		return v.only
	}
	v := &verdict{propagator: p, words: words, only: Only(p)}
	last.Store(v)
	return v.only
}

// Only reports whether p reads traceparent the way that [Parse] does, and besides
// it baggage at most.
func Only(p propagation.TextMapPropagator) bool {
	switch p.(type) {
	case propagation.TraceContext, TraceContext:
		return true
	case nil, propagation.Baggage:
		return false
	}
	list := reflect.ValueOf(p)
	if list.Kind() != reflect.Slice || list.Type().PkgPath() != reflect.TypeFor[propagation.TraceContext]().PkgPath() {
		return false
	}
	found := false
	for i := range list.Len() {
		switch list.Index(i).Interface().(type) {
		case propagation.TraceContext, TraceContext:
			found = true
		case propagation.Baggage:
		default:
			return false
		}
	}
	return found
}

const size = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")

// Parse reads a traceparent of version 00, which is what there is, without a
// trace state. The rest, and what is wrong, is left to OpenTelemetry's own
// reading.
func Parse(s string) (trace.SpanContext, bool) {
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

// Format is the traceparent of a span without a trace state, and false for what
// is left to OpenTelemetry's own writing.
func Format(sc trace.SpanContext) (string, bool) {
	if !sc.IsValid() || sc.TraceState().Len() > 0 || sc.TraceFlags() > trace.FlagsSampled {
		return "", false
	}
	var b [size]byte
	traceID, spanID := sc.TraceID(), sc.SpanID()
	copy(b[:], "00-")
	hex.Encode(b[3:], traceID[:])
	b[35] = '-'
	hex.Encode(b[36:], spanID[:])
	b[52], b[53], b[54] = '-', '0', '0'+byte(sc.TraceFlags())
	return string(b[:]), true
}

// unhex reads lower-case digits, the only ones that the specification allows.
func unhex(out []byte, s string) bool {
	bad := byte(0)
	for i := range out {
		high, low := digits[s[2*i]], digits[s[2*i+1]]
		bad |= high | low
		out[i] = high<<4 | low
	}
	return bad <= 15
}

// digits are the values of hexadecimal digits, by byte; that of any other byte
// has bits that no digit's has.
var digits = func() (values [256]byte) {
	for i := range values {
		values[i] = 0xf0
	}
	for i, c := range []byte("0123456789abcdef") {
		values[c] = byte(i)
	}
	return values
}()
