package remote

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/trace"
)

type holder struct {
	context.Context
	span Span
}

func (h *holder) Value(key any) any {
	if key == Key {
		return &h.span
	}
	return h.Context.Value(key)
}

func TestKey(t *testing.T) {
	sc := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, Remote: true})
	h := &holder{Context: t.Context(), span: Span{Context: sc}}
	if got := trace.SpanContextFromContext(h); !got.Equal(sc) {
		t.Errorf("the context's span is %v", got)
	}
	if trace.SpanFromContext(h).IsRecording() {
		t.Error("the caller's span is recorded here")
	}
}
