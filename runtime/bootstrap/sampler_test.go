package bootstrap

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	api "go.opentelemetry.io/otel/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

func TestSampler(t *testing.T) {
	for _, test := range []struct{ name, arg, want string }{
		{"", "", "ParentBased{root:AlwaysOnSampler"},
		{"always_on", "", "AlwaysOnSampler"},
		{" Always_Off ", "", "AlwaysOffSampler"},
		{"traceidratio", "0.25", "TraceIDRatioBased{0.25}"},
		{"parentbased_always_off", "", "ParentBased{root:AlwaysOffSampler"},
		{"parentbased_traceidratio", "0.5", "ParentBased{root:TraceIDRatioBased{0.5}"},
		{"parentbased_traceidratio", "many", "ParentBased{root:" + trace.TraceIDRatioBased(1).Description()},
		{"jaeger_remote", "", "ParentBased{root:AlwaysOnSampler"},
	} {
		begin(t)
		s, roots := newSampler(func(key string) string {
			return map[string]string{"OTEL_TRACES_SAMPLER": test.name, "OTEL_TRACES_SAMPLER_ARG": test.arg}[key]
		})
		if got := s.Description(); !strings.HasPrefix(got, test.want) {
			t.Errorf("%s %s gives %s", test.name, test.arg, got)
		}
		if byID := test.name == "parentbased_traceidratio"; byID != (roots != nil) {
			t.Errorf("%s: the id alone decides about roots: %v", test.name, roots != nil)
		}
	}
}

func recordSpans(t *testing.T) *tracetest.SpanRecorder {
	t.Helper()
	recorder := tracetest.NewSpanRecorder()
	otel.GetTracerProvider().(*trace.TracerProvider).RegisterSpanProcessor(recorder)
	return recorder
}

var errLost = errors.New("connection lost")

// nested calls fail all the way up.
func nested(ctx context.Context, outer, inner *orchestrall.Operation) (err error) {
	ctx, call := outer.Start(ctx)
	defer call.EndErr(&err)
	return func() (err error) {
		_, call := inner.Start(ctx)
		defer call.EndErr(&err)
		return errLost
	}()
}

func operations() (outer, inner *orchestrall.Operation) {
	outer, inner = new(orchestrall.Operation), new(orchestrall.Operation)
	outer.Register(orchestrall.Spec{Name: "Keep.Outer", Function: "keep.Outer"})
	inner.Register(orchestrall.Spec{Name: "Keep.Inner", Function: "keep.Inner"})
	return outer, inner
}

func TestFailedCallsAreKept(t *testing.T) {
	remote := api.NewSpanContext(api.SpanContextConfig{TraceID: api.TraceID{7}, SpanID: api.SpanID{9}, Remote: true})
	for name, test := range map[string]struct {
		sampler, arg string
		ctx          context.Context
		root         bool // the outer span is the trace's first
	}{
		"unsampled caller":       {ctx: api.ContextWithRemoteSpanContext(t.Context(), remote)},
		"root that was not kept": {sampler: "parentbased_traceidratio", arg: "0", ctx: t.Context(), root: true},
		"every call is asked":    {sampler: "traceidratio", arg: "0", ctx: t.Context(), root: true},
		"asked below a caller":   {sampler: "traceidratio", arg: "0", ctx: api.ContextWithRemoteSpanContext(t.Context(), remote)},
	} {
		t.Run(name, func(t *testing.T) {
			out, _ := begin(t, "OTEL_EXPORTER", "console", "OTEL_TRACES_SAMPLER", test.sampler, "OTEL_TRACES_SAMPLER_ARG", test.arg)
			recorder := recordSpans(t)
			outer, inner := operations()
			before := time.Now()
			if err := nested(orchestrall.WithFields(test.ctx, orchestrall.UserIDKey, "u"), outer, inner); err != errLost {
				t.Fatal(err)
			}
			ended := recorder.Ended()
			if len(ended) != 2 {
				t.Fatalf("%d spans, want both calls", len(ended))
			}
			in, ex := ended[0], ended[1]
			if in.Name() != "Keep.Inner" || in.Status().Code != codes.Error || in.Status().Description != "connection lost" ||
				in.StartTime().Before(before) || in.EndTime().Before(in.StartTime()) || ex.StartTime().After(in.StartTime()) || ex.EndTime().Before(in.EndTime()) {
				t.Errorf("%s %v from %v to %v, outer from %v to %v", in.Name(), in.Status(), in.StartTime(), in.EndTime(), ex.StartTime(), ex.EndTime())
			}
			if in.SpanContext().TraceID() != ex.SpanContext().TraceID() || !in.SpanContext().IsSampled() {
				t.Errorf("traces %v and %v", in.SpanContext(), ex.SpanContext())
			}
			if test.root {
				if ex.Parent().IsValid() || in.Parent().SpanID() != ex.SpanContext().SpanID() {
					t.Errorf("parents %v and %v, want none and the outer span", ex.Parent(), in.Parent())
				}
			} else if ex.SpanContext().TraceID() != remote.TraceID() || ex.Parent().SpanID() != remote.SpanID() {
				t.Errorf("the outer span is %v below %v, want it below the caller", ex.SpanContext(), ex.Parent())
			}
			for i, line := range out.lines(t) {
				if line["traceId"] != ended[i].SpanContext().TraceID().String() || line["spanId"] != ended[i].SpanContext().SpanID().String() {
					t.Errorf("line %v names other ids than %v", line, ended[i].SpanContext())
				}
			}
			for _, s := range ended {
				if v, _ := attributeOf(s, "userId"); v != "u" {
					t.Errorf("%s lacks the carried field", s.Name())
				}
			}
		})
	}
}

func attributeOf(s trace.ReadOnlySpan, key string) (string, bool) {
	for _, kv := range s.Attributes() {
		if string(kv.Key) == key {
			return kv.Value.Emit(), true
		}
	}
	return "", false
}

func TestWhatIsNotKept(t *testing.T) {
	outer, inner := operations()
	for name, env := range map[string][]string{
		"sampling is off":   {"OTEL_EXPORTER", "console", "OTEL_TRACES_SAMPLER", "always_off"},
		"nothing to export": {},
	} {
		t.Run(name, func(t *testing.T) {
			begin(t, env...)
			recorder := recordSpans(t)
			_ = nested(t.Context(), outer, inner)
			if n := len(recorder.Ended()); n != 0 {
				t.Errorf("%d spans", n)
			}
		})
	}
	t.Run("success", func(t *testing.T) {
		begin(t, "OTEL_EXPORTER", "console", "OTEL_TRACES_SAMPLER", "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG", "0")
		recorder := recordSpans(t)
		ctx, call := outer.Start(t.Context())
		slog.InfoContext(ctx, "fine")
		call.End()
		if n := len(recorder.Ended()); n != 0 {
			t.Errorf("%d spans", n)
		}
	})
}

func TestPanicOfAnUnsampledCallIsKept(t *testing.T) {
	begin(t, "OTEL_EXPORTER", "console", "OTEL_TRACES_SAMPLER", "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG", "0")
	recorder := recordSpans(t)
	o := new(orchestrall.Operation)
	o.Register(orchestrall.Spec{Name: "Keep.Panic", SpanName: "panic {0}", Fields: []orchestrall.Field{{Role: orchestrall.NamePart}}})
	func() {
		defer func() { _ = recover() }()
		_, call := o.Start(t.Context(), func(int) orchestrall.Value { return orchestrall.Of("x") })
		defer call.End()
		panic("boom")
	}()
	if ended := recorder.Ended(); len(ended) != 1 || ended[0].Name() != "Keep.Panic" || len(ended[0].Events()) != 1 {
		t.Errorf("spans %v", ended)
	}
}

func TestFailureUnderTheOperationsOwnRatioIsKept(t *testing.T) {
	out, _ := begin(t, "OTEL_EXPORTER", "console")
	recorder := recordSpans(t)
	rare := new(orchestrall.Operation)
	rare.Register(orchestrall.Spec{Name: "Keep.Rare", Sample: "0"})
	err := errLost
	func() {
		_, call := rare.Start(t.Context())
		defer call.EndErr(&err)
	}()
	ended := recorder.Ended()
	if len(ended) != 1 || ended[0].Parent().IsValid() || out.lines(t)[0]["traceId"] != ended[0].SpanContext().TraceID().String() {
		t.Errorf("spans %v, lines %s", ended, out)
	}
}

// The exemplar of a failed call leads to its span, though its trace was not sampled.
func TestRescuedCallsLeaveExemplars(t *testing.T) {
	b := newBackend(t)
	_, stop := begin(t, "OTEL_EXPORTER_OTLP_ENDPOINT", b.URL, "OTEL_TRACES_SAMPLER", "traceidratio", "OTEL_TRACES_SAMPLER_ARG", "0")
	var o orchestrall.Operation
	o.Register(orchestrall.Spec{Name: "Exemplar.Fail", Kind: orchestrall.Tool, Log: "off"})
	err := errors.New("no")
	func() {
		_, call := o.Start(t.Context())
		defer call.EndErr(&err)
	}()
	stop()
	families, gatherErr := prometheus.DefaultGatherer.Gather()
	if gatherErr != nil {
		t.Fatal(gatherErr)
	}
	var ids []string
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, bucket := range m.GetHistogram().GetBucket() {
				if e := bucket.GetExemplar(); e != nil && strings.Contains(m.String(), "Exemplar.Fail") {
					ids = append(ids, e.GetLabel()[0].GetValue())
				}
			}
		}
	}
	if len(b.traces) != 1 || !slices.Equal(ids, b.traces) {
		t.Errorf("exemplars %q, traces of the exported spans %q; want one and the same", ids, b.traces)
	}
}
