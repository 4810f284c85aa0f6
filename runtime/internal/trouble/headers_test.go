package trouble

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// propagator is what bootstrap installs.
var propagator = propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})

// FuzzHeaders serves a request with headers that anybody may have sent. They
// decide which trace it joins, and nothing else: not the result, and not what
// the program sends on.
func FuzzHeaders(f *testing.F) {
	for _, parent := range []string{
		"", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
		"00-00000000000000000000000000000000-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
		"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-the-future-brings",
		"00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff",
		"00", "-", "----", strings.Repeat("0", 1<<16), "\x00\xff", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nX-Evil: yes",
	} {
		f.Add(parent, "", "")
		f.Add(parent, "a=1,b=2", "userId=eve,userId=adam;p=1")
	}
	const good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	f.Add(good, strings.Repeat("k=v,", 1000), strings.Repeat("k=v,", 10_000))
	f.Add(good, "a="+strings.Repeat("x", 1<<16), "a="+strings.Repeat("x", 1<<16))
	f.Add(good, "a=\xff\r\nb", "a=%ff%0d%0a,b=\r\nX-Evil: yes")
	f.Fuzz(func(t *testing.T, parent, state, baggage string) {
		sent := receive(t, parent, state, baggage)
		for _, h := range []string{"traceparent", "tracestate", "baggage"} {
			if v := sent.Get(h); strings.ContainsAny(v, "\r\n\x00") || len(v) > 16<<10 {
				t.Errorf("%s: %d bytes were sent on: %.100q", h, len(v), v)
			}
		}
		back := trace.SpanContextFromContext(propagator.Extract(context.Background(), propagation.HeaderCarrier(sent)))
		if !back.IsValid() {
			t.Errorf("traceparent %q was sent on", sent.Get("traceparent"))
		}
	})
}

var served = new(orchestrall.Operation)

func init() {
	served.Register(orchestrall.Spec{Name: "Trouble.Served", Kind: orchestrall.Server, Fields: []orchestrall.Field{
		{Role: orchestrall.Carried, Key: "path"},
	}})
	otel.SetTracerProvider(sdk.NewTracerProvider(sdk.WithSampler(sdk.ParentBased(sdk.AlwaysSample()))))
}

// receive returns the headers of the request that the service makes in turn.
func receive(t *testing.T, parent, state, baggage string) http.Header {
	r := httptest.NewRequest(http.MethodGet, "/orders", nil)
	r.Header["Traceparent"] = []string{parent}
	r.Header["Tracestate"] = []string{state, state}
	r.Header["Baggage"] = []string{baggage, baggage}
	remote := propagator.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	ctx, call := served.Start(remote, func(int) orchestrall.Value { return orchestrall.Of(r.URL.Path) })
	defer call.End()
	want, got := trace.SpanContextFromContext(remote), trace.SpanContextFromContext(ctx)
	if !got.IsValid() || want.IsValid() && (got.TraceID() != want.TraceID() || got.IsSampled() != want.IsSampled()) {
		t.Errorf("traceparent %q: the call is in %v, want %v", parent, got, want)
	}
	if result := part(ctx, 7, 1); result != 14 {
		t.Errorf("the result is %d", result)
	}
	sent := http.Header{}
	propagator.Inject(ctx, propagation.HeaderCarrier(sent))
	return sent
}
