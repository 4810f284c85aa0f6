package gorilla_test

import (
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

func TestMain(m *testing.M) {
	otel.SetTextMapPropagator(propagation.TraceContext{})
	os.Exit(m.Run())
}

func spans(t *testing.T) *tracetest.SpanRecorder {
	t.Helper()
	recorder := tracetest.NewSpanRecorder()
	otel.SetTracerProvider(sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder)))
	return recorder
}

// only waits for the one span of a server and returns it.
func only(t *testing.T, r *tracetest.SpanRecorder) sdk.ReadOnlySpan {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); len(r.Ended()) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no span in ten seconds")
		}
	}
	if n := len(r.Ended()); n != 1 {
		t.Fatalf("%d spans", n)
	}
	return r.Ended()[0]
}

func attr(s sdk.ReadOnlySpan, key string) string {
	for _, kv := range s.Attributes() {
		if string(kv.Key) == key {
			return kv.Value.String()
		}
	}
	return "(absent)"
}

// ask sends a request of a traced client, and again until the server listens.
func ask(t *testing.T, url string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		resp, err := http.DefaultClient.Do(req)
		if err != nil && time.Now().Before(deadline) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		return resp.StatusCode, string(b)
	}
}

func check(t *testing.T, s sdk.ReadOnlySpan, name, route, status string) {
	t.Helper()
	if s.Name() != name || s.Parent().SpanID().String() != "b7ad6b7169203331" || !s.Parent().IsRemote() {
		t.Errorf("the span is %q below %v, want %q", s.Name(), s.Parent().SpanID(), name)
	}
	if got := attr(s, "http.route"); got != route {
		t.Errorf("the route is %q, want %q", got, route)
	}
	if got := attr(s, "http.response.status_code"); got != status {
		t.Errorf("the status is %s, want %s", got, status)
	}
	if failed := s.Status().Code == codes.Error; failed != (status >= "500") {
		t.Errorf("%s: the status of the span is %v", name, s.Status())
	}
}
