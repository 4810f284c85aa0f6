// Package sockettest waits for the spans that the two ends of a WebSocket
// connection leave in the tests of the libraries' hooks.
package sockettest

import (
	"context"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Spans is a span processor that hands over the spans as they end, since the two
// ends of a connection end theirs when they like.
type Spans chan sdk.ReadOnlySpan

// OnEnd implements trace.SpanProcessor.
func (e Spans) OnEnd(s sdk.ReadOnlySpan) { e <- s }

// Record collects the spans of a test.
func Record(t *testing.T) Spans {
	t.Helper()
	spans, before := make(Spans, 100), otel.GetTracerProvider()
	otel.SetTracerProvider(sdk.NewTracerProvider(sdk.WithSpanProcessor(processor{spans})))
	t.Cleanup(func() { otel.SetTracerProvider(before) })
	return spans
}

// Both waits for the spans of the two ends.
func (e Spans) Both(t *testing.T) (client, server sdk.ReadOnlySpan) {
	t.Helper()
	for client == nil || server == nil {
		switch s := e.Next(t); s.SpanKind() {
		case trace.SpanKindClient:
			client = s
		case trace.SpanKindServer:
			server = s
		}
	}
	return client, server
}

// Next waits for a span to end.
func (e Spans) Next(t *testing.T) sdk.ReadOnlySpan {
	t.Helper()
	select {
	case s := <-e:
		return s
	case <-time.After(time.Minute):
		t.Fatal("a span has not ended")
		return nil
	}
}

// Attribute is the value of an attribute, "" where there is none.
func Attribute(s sdk.ReadOnlySpan, key string) string {
	for _, kv := range s.Attributes() {
		if string(kv.Key) == key {
			return kv.Value.Emit()
		}
	}
	return ""
}

// WantAttributes holds the attributes of a span against those that it has to have.
func WantAttributes(t *testing.T, s sdk.ReadOnlySpan, want map[string]string) {
	t.Helper()
	for key, v := range want {
		if got := Attribute(s, key); got != v {
			t.Errorf("%v: %s = %q, want %q", s.SpanKind(), key, got, v)
		}
	}
}

type processor struct{ Spans }

func (processor) OnStart(context.Context, sdk.ReadWriteSpan) {}
func (processor) Shutdown(context.Context) error             { return nil }
func (processor) ForceFlush(context.Context) error           { return nil }
