package orchestrall_test

import (
	"context"
	"testing"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

type valueKey struct{}

func TestDetached(t *testing.T) {
	recorder := spans(t)
	if got := orchestrall.Detached(t.Context()); got != context.Background() {
		t.Errorf("without a span: %v", got)
	}
	ctx, parent := orchestrall.Tracer("own").Start(t.Context(), "request")
	ctx, cancel := context.WithCancel(context.WithValue(orchestrall.WithFields(ctx, orchestrall.UserIDKey, "u"), valueKey{}, 1))
	cancel()
	left := orchestrall.Detached(ctx)
	if left.Err() != nil || left.Done() != nil || left.Value(valueKey{}) != nil {
		t.Errorf("err %v, value %v", left.Err(), left.Value(valueKey{}))
	}
	work := func(ctx context.Context) (int, error) {
		return orchestrall.Trace(ctx, "inner", func(context.Context) (int, error) { return 1, nil })
	}
	if _, err := orchestrall.Trace(left, "outer", work); err != nil {
		t.Fatal(err)
	}
	// What the detached work leaves behind is linked to the same call.
	if _, err := orchestrall.Trace(orchestrall.Detached(left), "again", work); err != nil {
		t.Fatal(err)
	}
	parent.End()
	for _, span := range recorder.Ended() {
		root := span.Name() == "outer" || span.Name() == "again"
		if span.Name() == "request" {
			continue
		}
		if span.Parent().IsValid() == root || attr(span, "userId") != "u" {
			t.Errorf("%s: parent %v, attributes %v", span.Name(), span.Parent(), span.Attributes())
		}
		if root != (len(span.Links()) == 1) || root && span.Links()[0].SpanContext.SpanID() != parent.SpanContext().SpanID() {
			t.Errorf("%s: links %v", span.Name(), span.Links())
		}
	}
	if n := len(recorder.Ended()); n != 5 {
		t.Errorf("%d spans", n)
	}
}
