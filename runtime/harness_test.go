package orchestrall_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// spans installs an SDK that samples everything, as a program would.
func spans(t testing.TB, options ...sdk.TracerProviderOption) *tracetest.SpanRecorder {
	t.Helper()
	recorder := tracetest.NewSpanRecorder()
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(sdk.NewTracerProvider(append(options, sdk.WithSpanProcessor(recorder))...))
	t.Cleanup(func() { otel.SetTracerProvider(before) })
	return recorder
}

// only returns the one span that has ended.
func only(t testing.TB, r *tracetest.SpanRecorder) sdk.ReadOnlySpan {
	t.Helper()
	ended := r.Ended()
	if len(ended) != 1 {
		var names []string
		for _, s := range ended {
			names = append(names, s.Name())
		}
		t.Fatalf("%d spans have ended, want 1: %q", len(ended), names)
	}
	return ended[0]
}

func attr(s sdk.ReadOnlySpan, key string) string {
	for _, kv := range s.Attributes() {
		if string(kv.Key) == key {
			return kv.Value.Emit()
		}
	}
	return "(absent)"
}

func eventAttr(kvs []attribute.KeyValue, key string) string {
	for _, kv := range kvs {
		if string(kv.Key) == key {
			return kv.Value.Emit()
		}
	}
	return "(absent)"
}

// journal is a log that tests read back.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(b)
}

func (j *journal) lines(t testing.TB) []map[string]any {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []map[string]any
	for line := range strings.Lines(j.buf.String()) {
		m := map[string]any{}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		out = append(out, m)
	}
	return out
}

// logs makes slog.Default write JSON into a journal, through our handler if wanted.
func logs(t testing.TB, level slog.Level, wrapped bool) *journal {
	t.Helper()
	j := &journal{}
	var h slog.Handler = slog.NewJSONHandler(j, &slog.HandlerOptions{Level: level})
	if wrapped {
		h = orchestrall.NewHandler(h)
	}
	use(t, h)
	return j
}

func use(t testing.TB, h slog.Handler) {
	before := slog.Default()
	slog.SetDefault(slog.New(h))
	t.Cleanup(func() { slog.SetDefault(before) })
}

// count is the number of observations with these labels, written "a=b", but for
// those that earlier runs of the same test have left behind.
func count(t testing.TB, family string, labels ...string) uint64 {
	t.Helper()
	key := strings.Join(append([]string{t.Name(), family}, labels...), "\xff")
	if !slices.Contains(toCount, key) {
		toCount = append(toCount, key)
		t.Cleanup(func() {
			earlier[key] = sum(t, family, labels)
			toCount = slices.DeleteFunc(toCount, func(k string) bool { return k == key })
		})
	}
	return sum(t, family, labels) - earlier[key]
}

// earlier has the counts at the end of the last run of a test, for -count;
// toCount are the keys of the run that goes on.
var (
	earlier = map[string]uint64{}
	toCount []string
)

func sum(t testing.TB, family string, labels []string) (n uint64) {
	t.Helper()
	for _, m := range gather(t, family) {
		if has(m, labels) {
			n += m.GetHistogram().GetSampleCount() + uint64(m.GetCounter().GetValue())
		}
	}
	return n
}

func has(m *dto.Metric, labels []string) bool {
	found := 0
	for _, l := range m.GetLabel() {
		for _, want := range labels {
			if l.GetName()+"="+l.GetValue() == want {
				found++
			}
		}
	}
	return found == len(labels)
}

func gather(t testing.TB, family string) []*dto.Metric {
	t.Helper()
	all, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if f.GetName() == family {
			return f.GetMetric()
		}
	}
	return nil
}

func operation(s orchestrall.Spec) *orchestrall.Operation {
	o := new(orchestrall.Operation)
	o.Register(s)
	return o
}

var named atomic.Int64

// unique is a name that no earlier run of the test has used.
func unique(name string) string { return name + strconv.FormatInt(named.Add(1), 10) }

func below(sampled bool) context.Context {
	cfg := trace.SpanContextConfig{TraceID: trace.TraceID{0xab}, SpanID: trace.SpanID{0xcd}}
	if sampled {
		cfg.TraceFlags = trace.FlagsSampled
	}
	return trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(cfg))
}
