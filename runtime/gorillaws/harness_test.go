package gorillaws_test

import (
	"context"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// ended is a span processor that hands over the spans as they end, since the two
// ends of a connection end theirs when they like.
type ended chan sdk.ReadOnlySpan

func (e ended) OnEnd(s sdk.ReadOnlySpan) { e <- s }

func record(t *testing.T) ended {
	t.Helper()
	spans, before := make(ended, 100), otel.GetTracerProvider()
	otel.SetTracerProvider(sdk.NewTracerProvider(sdk.WithSpanProcessor(processor{spans})))
	t.Cleanup(func() { otel.SetTracerProvider(before) })
	return spans
}

// both waits for the spans of the two ends.
func (e ended) both(t *testing.T) (client, server sdk.ReadOnlySpan) {
	t.Helper()
	for client == nil || server == nil {
		switch s := e.next(t); s.SpanKind() {
		case trace.SpanKindClient:
			client = s
		case trace.SpanKindServer:
			server = s
		}
	}
	return client, server
}

func (e ended) next(t *testing.T) sdk.ReadOnlySpan {
	t.Helper()
	select {
	case s := <-e:
		return s
	case <-time.After(time.Minute):
		t.Fatal("a span has not ended")
		return nil
	}
}

func attribute(s sdk.ReadOnlySpan, key string) string {
	for _, kv := range s.Attributes() {
		if string(kv.Key) == key {
			return kv.Value.String()
		}
	}
	return ""
}

func wantAttributes(t *testing.T, s sdk.ReadOnlySpan, want map[string]string) {
	t.Helper()
	for key, v := range want {
		if got := attribute(s, key); got != v {
			t.Errorf("%v: %s = %q, want %q", s.SpanKind(), key, got, v)
		}
	}
}

type processor struct{ ended }

func (processor) OnStart(context.Context, sdk.ReadWriteSpan) {}
func (processor) Shutdown(context.Context) error             { return nil }
func (processor) ForceFlush(context.Context) error           { return nil }
