package bootstrap

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	api "go.opentelemetry.io/otel/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

var update = flag.Bool("update", false, "write the golden files")

var origin = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// stub makes a span of one fixed trace; parent 0 is none.
func stub(id, parent byte, name string, from, to time.Duration, attrs ...attribute.KeyValue) tracetest.SpanStub {
	at := func(id byte) api.SpanContext {
		if id == 0 {
			return api.SpanContext{}
		}
		return api.NewSpanContext(api.SpanContextConfig{
			TraceID: api.TraceID{0xab, 0xcd}, SpanID: api.SpanID{id}, TraceFlags: api.FlagsSampled,
		})
	}
	return tracetest.SpanStub{
		Name: name, SpanContext: at(id), Parent: at(parent), SpanKind: api.SpanKindInternal,
		StartTime: origin.Add(from), EndTime: origin.Add(to), Attributes: attrs,
		Resource: resource.NewSchemaless(serviceKey.String("shop")),
	}
}

func TestTree(t *testing.T) {
	ms := func(f float64) time.Duration { return time.Duration(f * float64(time.Millisecond)) }
	kind := func(k string) attribute.KeyValue { return attribute.String(orchestrall.KindKey, k) }
	request := stub(1, 0, "POST /orders", 0, ms(41.26), kind("server"),
		attribute.Int("http.response.status_code", 500), attribute.String("requestId", "req_1"))
	request.Status = trace.Status{Code: codes.Error, Description: "place: no stock"}
	place := stub(2, 1, "Orders.Place", ms(1), ms(40), attribute.String("userId", "user 123"), attribute.String("requestId", "req_1"),
		attribute.String("code.file.path", "orders/place.go"), attribute.Int("code.line.number", 42),
		attribute.String("code.function.name", "example.com/shop/orders.Place"),
		attribute.String("note", strings.Repeat("long ", 60)), attribute.StringSlice("items", []string{"a", "b"}))
	place.Status = request.Status
	place.Events = []trace.Event{{Name: "exception", Attributes: []attribute.KeyValue{
		attribute.String("exception.type", "*errors.errorString"),
		attribute.String("exception.message", "place: no stock"),
		attribute.String("exception.stacktrace", "goroutine 1 [running]:"),
	}}}
	place.InstrumentationScope = instrumentation.Scope{
		Name:       orchestrall.ScopeName,
		Attributes: attribute.NewSet(attribute.String("orchestrall.kind", "agent"), attribute.String("gen_ai.agent.name", "Orders.Place")),
	}
	stock := stub(3, 2, "stock\x1b[2J", ms(2), ms(2.0453), attribute.String("empty", ""))
	stock.SpanKind = api.SpanKindClient
	below := stub(5, 4, "below a dropped span", ms(3), ms(3.2))
	audit := stub(6, 1, "audit", ms(30), 2*time.Second, kind("db"), attribute.Bool(orchestrall.SlowKey, true))
	audit.Links = []trace.Link{{SpanContext: stock.SpanContext}}
	elsewhere := stub(7, 99, "caller elsewhere", ms(50), 90*time.Second)

	g := &gathered{
		spans:   tracetest.SpanStubs{elsewhere, audit, below, stock, place, request}.Snapshots(),
		hidden:  map[api.SpanID]api.SpanID{{4}: {2}},
		open:    1,
		missing: 2,
	}
	for i, s := range g.spans {
		g.spans[i] = complete(s)
	}
	golden := filepath.Join("testdata", "tree.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(g.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got := g.String(); got != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// newTestConsole returns a provider that prints to the returned buffer, which
// may be read after a shutdown or once synctest says that all is quiet.
func newTestConsole() (*trace.TracerProvider, *bytes.Buffer, prometheus.Counter) {
	var out bytes.Buffer
	dropped := prometheus.NewCounter(prometheus.CounterOpts{Name: "x"})
	return trace.NewTracerProvider(trace.WithSpanProcessor(newConsole(&out, dropped)),
		trace.WithResource(resource.NewSchemaless(serviceKey.String("shop")))), &out, dropped
}

func TestConsoleWaitsForWorkLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider, out, _ := newTestConsole()
		tracer := provider.Tracer("test")
		ctx, request := tracer.Start(t.Context(), "request")
		request.End()
		time.Sleep(settle / 2) // virtual time
		_, audit := tracer.Start(ctx, "audit")
		time.Sleep(10 * settle)
		synctest.Wait()
		if out.Len() > 0 {
			t.Errorf("printed before the last span ended:\n%s", out)
		}
		audit.End()
		time.Sleep(2 * settle)
		synctest.Wait()
		if got := out.String(); strings.Count(got, "trace ") != 1 || !strings.Contains(got, "└─ audit") {
			t.Errorf("want one tree with the work that was left behind, got:\n%s", got)
		}
		_, late := tracer.Start(ctx, "late")
		late.End()
		if err := provider.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if got := out.String(); !strings.Contains(got, "\nlate ") {
			t.Errorf("a span after its tree was printed is missing:\n%s", got)
		}
	})
}

func TestConsoleFlushesAtTheEnd(t *testing.T) {
	provider, out, _ := newTestConsole()
	tracer := provider.Tracer("test")
	ctx, open := tracer.Start(t.Context(), "open")
	_, done := tracer.Start(ctx, "done")
	done.RecordError(errors.New("no stock"))
	done.End()
	for range 2 {
		if err := provider.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
	open.End()
	if got := out.String(); !strings.Contains(got, "1 span not ended") || !strings.Contains(got, `exception.message="no stock"`) {
		t.Errorf("got:\n%s", got)
	}
}

func TestConsoleForceFlush(t *testing.T) {
	provider, out, _ := newTestConsole()
	_, span := provider.Tracer("test").Start(t.Context(), "request")
	span.End()
	if err := errors.Join(provider.ForceFlush(t.Context()), provider.Shutdown(t.Context())); err != nil {
		t.Error(err)
	}
	if strings.Count(out.String(), "trace ") != 1 {
		t.Errorf("got:\n%s", out)
	}
}

func TestConsoleHidesDroppedSpans(t *testing.T) {
	provider, out, _ := newTestConsole()
	tracer := provider.Tracer("test")
	ctx, a := tracer.Start(t.Context(), "a")
	ctx, b := tracer.Start(ctx, "b", api.WithAttributes(attribute.Bool(orchestrall.DropKey, true)))
	_, c := tracer.Start(ctx, "c")
	for _, span := range []api.Span{c, b, a} {
		span.End()
	}
	if err := provider.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if got := out.String(); !strings.Contains(got, "2 spans") || !strings.Contains(got, "└─ c") {
		t.Errorf("c must move up to a:\n%s", got)
	}
}

func TestConsoleMemoryIsBounded(t *testing.T) {
	provider, out, dropped := newTestConsole()
	tracer := provider.Tracer("test")
	ctx, root := tracer.Start(t.Context(), "wide")
	for i := range maxSpans + 5 {
		_, span := tracer.Start(ctx, fmt.Sprint(i))
		span.End()
	}
	root.End()
	for range maxTraces + 20 {
		tracer.Start(t.Context(), "never ends")
	}
	if err := provider.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if !strings.Contains(out.String(), "6 spans left out") || total(t, dropped) != 6 {
		t.Errorf("%v spans dropped, want 6:\n%.200s", total(t, dropped), out)
	}
}

// blocked is a terminal that nobody reads.
type blocked struct{ released chan struct{} }

func (b blocked) Write(p []byte) (int, error) {
	<-b.released
	return len(p), nil
}

func TestConsoleNeverBlocksTheProgram(t *testing.T) {
	dropped := prometheus.NewCounter(prometheus.CounterOpts{Name: "x"})
	out := blocked{make(chan struct{})}
	provider := trace.NewTracerProvider(trace.WithSpanProcessor(newConsole(out, dropped)))
	for range 3 * maxWaiting {
		_, span := provider.Tracer("test").Start(t.Context(), "request")
		span.End()
		if err := provider.ForceFlush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if total(t, dropped) < maxWaiting {
		t.Errorf("%v drops counted, want the trees that did not fit", total(t, dropped))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := provider.Shutdown(ctx); err == nil {
		t.Error("Shutdown waited for a terminal that nobody reads")
	}
	close(out.released)
}
