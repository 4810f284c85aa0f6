package w3c

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

func TestOnly(t *testing.T) {
	both := propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})
	for _, c := range []struct {
		p    propagation.TextMapPropagator
		want bool
	}{
		{propagation.TraceContext{}, true},
		{TraceContext{}, true},
		{propagation.NewCompositeTextMapPropagator(TraceContext{}, propagation.Baggage{}), true},
		{both, true},
		{propagation.Baggage{}, false},
		{propagation.NewCompositeTextMapPropagator(propagation.Baggage{}), false},
		{propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, both), false},
		{nil, false},
	} {
		if got := Only(c.p); got != c.want {
			t.Errorf("%T %v: %v", c.p, c.p, got)
		}
	}
	before := otel.GetTextMapPropagator()
	t.Cleanup(func() { otel.SetTextMapPropagator(before) })
	for range 2 {
		otel.SetTextMapPropagator(both)
		for range 2 { // looked at, and remembered
			if !Installed() {
				t.Error("the propagator that is installed is not seen")
			}
		}
		otel.SetTextMapPropagator(propagation.Baggage{})
		if Installed() {
			t.Error("another propagator is not seen")
		}
	}
}

// FuzzAsOpenTelemetry holds both directions against OpenTelemetry's own.
func FuzzAsOpenTelemetry(f *testing.F) {
	for _, s := range []string{
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03", "00-00000000000000000000000000000000-b7ad6b7169203331-01",
		"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": s})
		want := trace.SpanContextFromContext(ctx)
		if got, ok := Parse(s); ok && !got.Equal(want) {
			t.Errorf("%q is read as %v, by OpenTelemetry as %v", s, got, want)
		}
		written := propagation.MapCarrier{}
		propagation.TraceContext{}.Inject(ctx, written)
		if got, ok := Format(want); ok && got != written["traceparent"] {
			t.Errorf("%q is written as %q, by OpenTelemetry as %q", s, got, written["traceparent"])
		}
	})
}

func TestFlags(t *testing.T) {
	const ids = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-"
	for flags, want := range map[string]string{"00": "valid", "01": "sampled", "02": "valid", "03": "sampled", "0g": "", "FF": ""} {
		ctx := TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": ids + flags, "tracestate": "vendor=1"})
		got, sc := "", trace.SpanContextFromContext(ctx)
		if sc.IsValid() && sc.TraceState().Get("vendor") == "1" {
			got = "valid"
		}
		if sc.IsSampled() {
			got = "sampled"
		}
		if got != want {
			t.Errorf("flags %s: %q, want %q", flags, got, want)
		}
	}
}
