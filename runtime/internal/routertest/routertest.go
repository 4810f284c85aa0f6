// Package routertest asks servers of the web frameworks whose hooks are tested,
// and checks the one span that a request leaves.
package routertest

import (
	"io"
	"net/http"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// Only waits for the one span of a server and returns it.
func Only(t *testing.T, r *tracetest.SpanRecorder) sdk.ReadOnlySpan {
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

// Attr is the value of an attribute, "(absent)" where there is none.
func Attr(s sdk.ReadOnlySpan, key string) string {
	for _, kv := range s.Attributes() {
		if string(kv.Key) == key {
			return kv.Value.Emit()
		}
	}
	return "(absent)"
}

// Ask sends a request of a traced client, and again until the server listens.
func Ask(t *testing.T, url string) (status int, body string) {
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

// Check holds a server's span against its name, http.route and status, and
// against the caller that Ask plays.
func Check(t *testing.T, s sdk.ReadOnlySpan, name, route, status string) {
	t.Helper()
	if s.Name() != name || s.Parent().SpanID().String() != "b7ad6b7169203331" || !s.Parent().IsRemote() {
		t.Errorf("the span is %q below %v, want %q", s.Name(), s.Parent().SpanID(), name)
	}
	if got := Attr(s, "http.route"); got != route {
		t.Errorf("the route is %q, want %q", got, route)
	}
	if got := Attr(s, "http.response.status_code"); got != status {
		t.Errorf("the status is %s, want %s", got, status)
	}
	if failed := s.Status().Code == codes.Error; failed != (status >= "500") {
		t.Errorf("%s: the status of the span is %v", name, s.Status())
	}
}
