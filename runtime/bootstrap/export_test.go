package bootstrap

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	api "go.opentelemetry.io/otel/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

func total(t *testing.T, c prometheus.Counter) float64 {
	t.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

// backend is an OTLP receiver on loopback.
type backend struct {
	*httptest.Server
	mu       sync.Mutex
	services []string
	spans    []string
	scopes   []string
	traces   []string          // of each span
	attrs    map[string]string // of all spans
	arrived  chan struct{}     // one for each export
}

func newBackend(t *testing.T) *backend {
	b := &backend{attrs: make(map[string]string), arrived: make(chan struct{}, 1000)}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		request := &collector.ExportTraceServiceRequest{}
		if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, request) != nil {
			http.Error(w, "not a trace export", http.StatusBadRequest)
			return
		}
		defer func() { b.arrived <- struct{}{} }()
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, rs := range request.ResourceSpans {
			for _, kv := range rs.Resource.Attributes {
				if kv.Key == string(serviceKey) {
					b.services = append(b.services, kv.Value.GetStringValue())
				}
			}
			for _, ss := range rs.ScopeSpans {
				b.scopes = append(b.scopes, fmt.Sprint(ss.Scope.Name, ss.Scope.Attributes))
				for _, span := range ss.Spans {
					b.spans = append(b.spans, span.Name)
					b.traces = append(b.traces, hex.EncodeToString(span.TraceId))
					for _, kv := range span.Attributes {
						b.attrs[kv.Key] = kv.Value.GetStringValue()
					}
				}
			}
		}
	}))
	t.Cleanup(b.Close)
	return b
}

// names lists the spans that have arrived.
func (b *backend) names() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.spans)
}

// await returns when a span of that name has arrived.
func (b *backend) await(t *testing.T, name string) {
	t.Helper()
	for {
		select {
		case <-b.arrived:
			if slices.Contains(b.names(), name) {
				return
			}
		case <-t.Context().Done():
			t.Fatalf("%q did not arrive", name)
		case <-time.After(30 * time.Second):
			t.Fatalf("%q did not arrive; the back end got %q", name, b.names())
		}
	}
}

func hangingBackend(asked chan<- struct{}, released <-chan struct{}) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-released
	}))
}

func TestExportOverHTTP(t *testing.T) {
	b := newBackend(t)
	_, stop := begin(t, "OTEL_EXPORTER_OTLP_ENDPOINT", b.URL)
	ctx, parent := otel.Tracer("test").Start(t.Context(), "parent")
	_, child := otel.Tracer("test").Start(ctx, "child")
	_, short := otel.Tracer("test").Start(ctx, "too short")
	short.SetAttributes(attribute.Bool(orchestrall.DropKey, true))
	short.End()
	child.End()
	parent.End()
	stop()
	if want := []string{"child", "parent"}; !slices.Equal(b.spans, want) {
		t.Errorf("the back end got %q, want %q", b.spans, want)
	}
	if !slices.Equal(b.services, []string{"shop"}) {
		t.Errorf("service.name = %q, want shop", b.services)
	}
}

// What the runtime hands over per operation must reach the back end on the spans.
func TestExportedSpansAreWhole(t *testing.T) {
	b := newBackend(t)
	_, stop := begin(t, "OTEL_EXPORTER_OTLP_ENDPOINT", b.URL)
	var place, ship orchestrall.Operation
	place.Register(orchestrall.Spec{Name: "Orders.Place", Kind: orchestrall.Agent, File: "orders/place.go", Line: 42})
	ship.Register(orchestrall.Spec{Name: "Orders.Ship", Kind: orchestrall.Agent})
	ctx, outer := place.Start(t.Context())
	_, inner := ship.Start(ctx)
	inner.End()
	outer.End()
	stop()
	if b.attrs[orchestrall.KindKey] != "agent" || b.attrs["code.file.path"] != "orders/place.go" {
		t.Errorf("attributes of the spans = %v, want kind and file", b.attrs)
	}
	if want := []string{orchestrall.ScopeName + "[]"}; !slices.Equal(b.scopes, want) {
		t.Errorf("scopes = %q, want %q", b.scopes, want)
	}
}

func TestSamplerFromTheEnvironment(t *testing.T) {
	b := newBackend(t)
	_, stop := begin(t, "OTEL_EXPORTER_OTLP_ENDPOINT", b.URL, "OTEL_TRACES_SAMPLER", "always_off")
	_, span := otel.Tracer("test").Start(t.Context(), "request")
	span.End()
	stop()
	if len(b.spans) > 0 {
		t.Errorf("always_off exported %q", b.spans)
	}
	for name, want := range map[string]bool{
		"": true, "parentbased_traceidratio": true, "always_on": false, "TraceIDRatio": false,
	} {
		if got := parentBased(name); got != want {
			t.Errorf("parentBased(%q) = %v", name, got)
		}
	}
}

func TestUnknownProtocolIsAWarning(t *testing.T) {
	out, _ := begin(t, "OTEL_EXPORTER", "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL", "carrier")
	if lines := out.lines(t); len(lines) != 1 || lines[0]["level"] != "WARN" {
		t.Errorf("got %s, want one warning", out)
	}
}

func TestGRPCNeedsNoBackendToStart(t *testing.T) {
	out, stop := begin(t, "OTEL_EXPORTER", "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc",
		"OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1", "OTEL_BSP_EXPORT_TIMEOUT", "200")
	_, span := otel.Tracer("test").Start(t.Context(), "request")
	span.End()
	stop()
	if lines := out.lines(t); len(lines) == 0 {
		t.Error("a lost span was not mentioned")
	}
}

// A back end that takes requests and never answers must hinder nothing: not
// the program while it runs, and its end for no longer than the limit.
func TestHangingBackend(t *testing.T) {
	asked, released := make(chan struct{}, 100), make(chan struct{})
	hanging := hangingBackend(asked, released)
	defer hanging.Close()
	defer close(released)
	lost := func() float64 {
		d := newDrops()
		return total(t, d.queueFull) + total(t, d.exportFailed) + total(t, d.shutdown)
	}
	before := lost()
	_, stop := begin(t, "OTEL_EXPORTER_OTLP_ENDPOINT", hanging.URL, "OTEL_BSP_EXPORT_TIMEOUT", "100",
		"OTEL_BSP_MAX_QUEUE_SIZE", "16", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4", "OTEL_BSP_SCHEDULE_DELAY", "1")
	const made = 1000
	for range made {
		_, span := otel.Tracer("test").Start(t.Context(), "request")
		span.End()
	}
	<-asked
	stop()
	if got := lost() - before; got < made-16 || got > made {
		t.Errorf("%v of %d spans were counted as lost", got, made)
	}
}

// stuck is an exporter that waits for permission.
type stuck struct{ permit chan struct{} }

func (s stuck) ExportSpans(ctx context.Context, _ []trace.ReadOnlySpan) error {
	select {
	case <-s.permit:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (stuck) Shutdown(context.Context) error { return nil }

func TestQueueCountsExactlyWhatItDrops(t *testing.T) {
	counter := func() prometheus.Counter { return prometheus.NewCounter(prometheus.CounterOpts{Name: "x"}) }
	d := drops{counter(), counter(), counter(), counter(), counter()}
	exporter := stuck{make(chan struct{})}
	q := newBoundedQueue(exporter, 8, tidier{limit: maxSpanText}, d)
	sampled := tracetest.SpanStub{SpanContext: api.NewSpanContext(api.SpanContextConfig{
		TraceID: api.TraceID{1}, SpanID: api.SpanID{1}, TraceFlags: api.FlagsSampled,
	})}.Snapshot()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { q.OnEnd(sampled) })
	}
	wg.Wait()
	q.OnEnd(tracetest.SpanStub{}.Snapshot()) // not sampled: nobody wants it
	if got := total(t, d.queueFull); got != 12 {
		t.Errorf("%v drops counted, want 12", got)
	}
	close(exporter.permit)
	if err := q.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	q.abandon()
	if lost := total(t, d.shutdown) + total(t, d.exportFailed); lost != 0 {
		t.Errorf("%v delivered spans were counted as lost", lost)
	}
}

func TestAbandonedSpansAreCountedOnce(t *testing.T) {
	shutdown := prometheus.NewCounter(prometheus.CounterOpts{Name: "x"})
	other := prometheus.NewCounter(prometheus.CounterOpts{Name: "y"})
	q := newBoundedQueue(stuck{make(chan struct{})}, 8, tidier{limit: maxSpanText}, drops{other, other, shutdown, other, other})
	for range 3 {
		q.OnEnd(tracetest.SpanStub{SpanContext: api.NewSpanContext(api.SpanContextConfig{
			TraceID: api.TraceID{1}, SpanID: api.SpanID{1}, TraceFlags: api.FlagsSampled,
		})}.Snapshot())
	}
	if lost, again := q.abandon(), q.abandon(); lost != 3 || again != 0 {
		t.Errorf("%d and then %d spans were lost, want 3 and then 0", lost, again)
	}
	_ = q.Shutdown(t.Context()) // with nothing to hand over any more
	if got := total(t, shutdown) + total(t, other); got != 3 {
		t.Errorf("%v spans were counted, want 3", got)
	}
}

// A call that hangs is in the back end before it ends.
func TestStuckCallsAreExportedWhileTheyRun(t *testing.T) {
	b := newBackend(t)
	_, stop := begin(t, "OTEL_EXPORTER_OTLP_ENDPOINT", b.URL, "OTEL_BSP_SCHEDULE_DELAY", "1")
	var o orchestrall.Operation
	o.Register(orchestrall.Spec{Name: "Stuck.Run", Hang: time.Millisecond, Log: "off"})
	_, call := o.Start(t.Context())
	b.await(t, "Stuck.Run (still running)")
	call.End()
	stop()
	if got := b.names(); len(got) != 2 || got[1] != "Stuck.Run" || b.traces[0] != b.traces[1] {
		t.Errorf("the back end got %q in the traces %q, want both spans in one", got, b.traces)
	}
}
