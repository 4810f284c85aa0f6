// Package querytest reads the spans and the metrics of the tests of databases.
package querytest

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// Below runs f under a span and returns the spans that ended inside it, each a
// child of it.
func Below(t testing.TB, r *tracetest.SpanRecorder, f func(ctx context.Context)) []sdk.ReadOnlySpan {
	t.Helper()
	root, spans := Within(r, f)
	for _, s := range spans {
		if s.Parent().SpanID() != root {
			t.Errorf("%s is not a child of the span in ctx", s.Name())
		}
	}
	return spans
}

// Within runs f under a span and returns that span's id and the spans that ended
// inside it, in the order of their ends.
func Within(r *tracetest.SpanRecorder, f func(ctx context.Context)) (root trace.SpanID, spans []sdk.ReadOnlySpan) {
	ctx, span := otel.Tracer("test").Start(context.Background(), "root")
	f(ctx)
	span.End()
	root = span.SpanContext().SpanID()
	for _, s := range r.Ended() {
		if s.SpanContext().TraceID() == span.SpanContext().TraceID() && s.SpanContext().SpanID() != root && Attribute(s, orchestrall.DropKey) == "" {
			spans = append(spans, s)
		}
	}
	return root, spans
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

// Names are those of the spans, and which have failed.
func Names(spans []sdk.ReadOnlySpan) []string {
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

// Find returns the first span of a name.
func Find(t testing.TB, spans []sdk.ReadOnlySpan, name string) sdk.ReadOnlySpan {
	t.Helper()
	i := slices.IndexFunc(spans, func(s sdk.ReadOnlySpan) bool { return s.Name() == name })
	if i < 0 {
		t.Fatalf("no span %q in %q", name, Names(spans))
	}
	return spans[i]
}

// Metric is the sum of the family's values with these labels, written a=b.
func Metric(t testing.TB, family string, labels ...string) (sum float64, found bool) {
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

// NoSecrets fails the test where an attribute shows one of the secrets.
func NoSecrets(t testing.TB, spans []sdk.ReadOnlySpan, secrets ...string) {
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
