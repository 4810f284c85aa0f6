package bootstrap

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

func TestLoggerOfAPartNamesItOnce(t *testing.T) {
	log := orchestrall.NewLogger("billing")
	out, _ := begin(t)
	log.Info("hello")
	slog.Info("hello")
	if got := out.String(); strings.Count(got, `"service":`) != 2 || strings.Count(got, `"service":"billing"`) != 1 {
		t.Errorf("got %s, want a line of billing and one of the program", got)
	}
}

func TestInstrumentsAreServed(t *testing.T) {
	out, _ := begin(t, "PROMETHEUS_PORT", "0")
	orders, err := orchestrall.Meter("example.com/shop").Int64Counter("orders.placed")
	if err != nil {
		t.Fatal(err)
	}
	orders.Add(t.Context(), 3)
	url, _ := metadata(out.lines(t)[0])["url"].(string)
	if page := get(t, url); !strings.Contains(page, `orders_placed_total{otel_scope_name="example.com/shop"`) {
		t.Errorf("%s lacks the counter", url)
	}
}

// seen hands every span that starts to a function.
type seen func(trace.ReadWriteSpan)

func (f seen) OnStart(_ context.Context, s trace.ReadWriteSpan) { f(s) }
func (seen) OnEnd(trace.ReadOnlySpan)                           {}
func (seen) Shutdown(context.Context) error                     { return nil }
func (seen) ForceFlush(context.Context) error                   { return nil }

func TestSpansOfLibrariesGetCarriedFields(t *testing.T) {
	begin(t, "OTEL_EXPORTER", "console")
	var got []string
	otel.GetTracerProvider().(*trace.TracerProvider).RegisterSpanProcessor(seen(func(s trace.ReadWriteSpan) {
		for _, kv := range s.Attributes() {
			got = append(got, string(kv.Key)+"="+kv.Value.Emit())
		}
	}))
	ctx := orchestrall.WithFields(t.Context(), orchestrall.UserIDKey, "u1")
	_, span := otel.Tracer("library").Start(ctx, "query")
	span.End()
	if strings.Join(got, " ") != "userId=u1" {
		t.Errorf("the span has %q", got)
	}
}

func TestExemplarsAreServed(t *testing.T) {
	out, _ := begin(t, "PROMETHEUS_PORT", "0", "OTEL_EXPORTER", "console")
	url, _ := metadata(out.lines(t)[0])["url"].(string)
	o := new(orchestrall.Operation)
	o.Register(orchestrall.Spec{Name: "Exemplar.Served"})
	ctx, call := o.Start(t.Context())
	call.End()
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	want := `# {trace_id="` + api.SpanContextFromContext(ctx).TraceID().String() + `"}`
	if !strings.Contains(string(body), want) || !strings.HasSuffix(string(body), "# EOF\n") {
		t.Errorf("the page lacks %s", want)
	}
	for _, name := range []string{"go_goroutines", "process_start_time_seconds", "orchestrall_spans_dropped_total"} {
		if !strings.Contains(string(body), name) {
			t.Errorf("the page lacks %s", name)
		}
	}
}
