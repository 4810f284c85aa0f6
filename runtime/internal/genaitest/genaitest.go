// Package genaitest checks the spans of requests to language models in the tests
// of the SDKs' hooks, and tests the SDKs of which there are several.
package genaitest

import (
	"strings"
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// Only returns the one span that has ended, and forgets it. It must have the
// name, the parent and the attributes, each as key=value, and tell nothing of
// what was said: the tests say "secret".
func Only(t *testing.T, recorder *tracetest.SpanRecorder, parent trace.Span, name string, attributes ...string) sdk.ReadOnlySpan {
	t.Helper()
	ended := recorder.Ended()
	if len(ended) != 1 {
		t.Fatalf("%d spans", len(ended))
	}
	recorder.Reset()
	span, got := ended[0], make(map[string]string)
	if span.Name() != name || span.Parent().SpanID() != parent.SpanContext().SpanID() || span.SpanKind() != trace.SpanKindClient {
		t.Errorf("a %v %q below %v, want a client %q below %v", span.SpanKind(), span.Name(), span.Parent().SpanID(), name, parent.SpanContext().SpanID())
	}
	for _, kv := range span.Attributes() {
		got[string(kv.Key)] = kv.Value.Emit()
		if strings.Contains(kv.Value.Emit(), "secret") {
			t.Errorf("the span tells %s=%s", kv.Key, kv.Value.Emit())
		}
	}
	for _, attribute := range attributes {
		if key, want, _ := strings.Cut(attribute, "="); got[key] != want {
			t.Errorf("%s is %q, want %q", key, got[key], want)
		}
	}
	return span
}
