package servers

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// recorder installs an SDK that samples everything, and leaves out the spans
// that a program's exporter would.
func recorder(t testing.TB) *tracetest.SpanRecorder {
	t.Helper()
	r := tracetest.NewSpanRecorder()
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(sdk.NewTracerProvider(sdk.WithSpanProcessor(r)))
	t.Cleanup(func() { otel.SetTracerProvider(before) })
	return r
}

// below runs f under a span and returns the spans that ended inside it, each a
// child of it.
func below(t testing.TB, r *tracetest.SpanRecorder, f func(ctx context.Context)) []sdk.ReadOnlySpan {
	t.Helper()
	ctx, root := otel.Tracer("test").Start(context.Background(), "root")
	f(ctx)
	root.End()
	var spans []sdk.ReadOnlySpan
	for _, s := range r.Ended() {
		if s.SpanContext().TraceID() == root.SpanContext().TraceID() && s.Name() != "root" && attr(s, orchestrall.DropKey) == "" {
			if s.Parent().SpanID() != root.SpanContext().SpanID() {
				t.Errorf("%s is not a child of the span in ctx", s.Name())
			}
			spans = append(spans, s)
		}
	}
	return spans
}

func attr(s sdk.ReadOnlySpan, key string) string {
	for _, kv := range s.Attributes() {
		if string(kv.Key) == key {
			return kv.Value.Emit()
		}
	}
	return ""
}

func names(spans []sdk.ReadOnlySpan) []string {
	var all []string
	for _, s := range spans {
		name := s.Name()
		if s.Status().Code == codes.Error {
			name += " failed"
		}
		all = append(all, name)
	}
	return all
}

func find(t testing.TB, spans []sdk.ReadOnlySpan, name string) sdk.ReadOnlySpan {
	t.Helper()
	i := slices.IndexFunc(spans, func(s sdk.ReadOnlySpan) bool { return s.Name() == name })
	if i < 0 {
		t.Fatalf("no span %q in %q", name, names(spans))
	}
	return spans[i]
}

// metric is the sum of the family's values with these labels, written a=b.
func metric(t testing.TB, family string, labels ...string) (sum float64, found bool) {
	t.Helper()
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != family {
			continue
		}
		for _, m := range f.GetMetric() {
			n := 0
			for _, l := range m.GetLabel() {
				if slices.Contains(labels, l.GetName()+"="+l.GetValue()) {
					n++
				}
			}
			if n == len(labels) {
				found = true
				sum += m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum, found
}

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func execute(t testing.TB, ctx context.Context, db interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}, query string, args ...any,
) {
	t.Helper()
	if _, err := db.ExecContext(ctx, query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func noSecrets(t testing.TB, spans []sdk.ReadOnlySpan, secrets ...string) {
	t.Helper()
	for _, s := range spans {
		for _, kv := range s.Attributes() {
			for _, secret := range secrets {
				if strings.Contains(kv.Value.Emit(), secret) {
					t.Errorf("%s of %s shows %s: %s", kv.Key, s.Name(), secret, kv.Value.Emit())
				}
			}
		}
	}
}
