package bootstrap

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel"
	api "go.opentelemetry.io/otel/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// A root is drawn and decided about once: by the sampler, whoever asks it.
func TestRatioOfRoots(t *testing.T) {
	begin(t, "OTEL_EXPORTER", "console", "OTEL_TRACES_SAMPLER", "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG", "0.5")
	recorder := recordSpans(t)
	o := new(orchestrall.Operation)
	o.Register(orchestrall.Spec{Name: "Ratio.Root", Log: "off"})
	const calls = 2000
	sampled := 0
	for range calls {
		ctx, call := o.Start(context.Background())
		own := api.SpanContextFromContext(ctx)
		if !own.IsValid() {
			t.Fatal("a call has no ids")
		}
		if own.IsSampled() {
			sampled++
		}
		inner, nested := o.Start(ctx)
		if sc := api.SpanContextFromContext(inner); sc.TraceID() != own.TraceID() || sc.IsSampled() != own.IsSampled() {
			t.Fatalf("%v below %v", sc, own)
		}
		nested.End()
		call.End()
	}
	if sampled < calls*2/5 || sampled > calls*3/5 {
		t.Errorf("%d of %d calls are sampled", sampled, calls)
	}
	if n := len(recorder.Ended()); n != 2*sampled {
		t.Errorf("%d spans of %d calls that are sampled", n, sampled)
	}
	// What the SDK's own sampler is asked about is decided alike: the ids of sampled
	// traces are those that the ratio takes.
	_, takes := newSampler(func(key string) string {
		return map[string]string{"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.5"}[key]
	})
	for _, s := range recorder.Ended() {
		if !takes(s.SpanContext().TraceID()) {
			t.Fatalf("trace %v is not one of those that the ratio takes", s.SpanContext().TraceID())
		}
	}
	if _, span := otel.Tracer("own").Start(orchestrall.WithRoot(t.Context(), recorder.Ended()[0].SpanContext().TraceID()), "own"); span.SpanContext().TraceID() != recorder.Ended()[0].SpanContext().TraceID() {
		t.Error("the chosen id is not taken")
	}
}
