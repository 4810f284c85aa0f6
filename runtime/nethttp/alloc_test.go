package nethttp_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/orchestrall/orchestrall/runtime/nethttp"
)

func TestUnsampledRequestsAllocateLittle(t *testing.T) {
	spans(t)
	allocations := func(h http.Handler) float64 {
		req := httptest.NewRequest("GET", "/alloc", nil)
		req.Header["Traceparent"] = []string{unsampled}
		var w discard
		one := func() { h.ServeHTTP(&w, req) }
		one()
		return testing.AllocsPerRun(200, one)
	}
	h := mux("/alloc", func(http.ResponseWriter, *http.Request) {})
	// The exchange, and the copy of the request that has its context.
	if n := allocations(nethttp.Handler(h)) - allocations(h); n > 2 {
		t.Errorf("%v allocations", n)
	}
}

type discard struct{ http.ResponseWriter }

func (*discard) WriteHeader(int) {}
