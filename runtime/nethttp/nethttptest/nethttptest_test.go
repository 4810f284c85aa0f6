package nethttptest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/orchestrall/orchestrall/runtime/nethttp"
	"github.com/orchestrall/orchestrall/runtime/nethttp/nethttptest"
)

func TestServersAreTraced(t *testing.T) {
	unstarted := func(h http.Handler) *httptest.Server {
		s := nethttptest.NewUnstartedServer(h)
		s.Start()
		return s
	}
	for _, start := range []func(http.Handler) *httptest.Server{nethttptest.NewServer, nethttptest.NewTLSServer, unstarted} {
		s := start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if nethttp.Traced(r.Context()) {
				io.WriteString(w, "traced")
			}
		}))
		resp, err := s.Client().Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		s.Close()
		if string(body) != "traced" {
			t.Errorf("answered %q", body)
		}
	}
}
