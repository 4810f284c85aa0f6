package nethttp

import (
	"net/http"
	"sync/atomic"
	_ "unsafe" // for go:linkname

	"github.com/orchestrall/orchestrall/runtime/internal/quiet"
)

// What a net/http asks that was built with deep hooks. In any other build these
// variables are this package's own, and nobody asks them. The build adds a file
// with the other half to net/http, which marks the variables for the linker.
var (
	//go:linkname deepServe net/http.orchestrallServe
	deepServe atomic.Pointer[func(http.Handler, http.ResponseWriter, *http.Request)]
	//go:linkname deepRoundTrip net/http.orchestrallRoundTrip
	deepRoundTrip atomic.Pointer[func(*http.Transport, *http.Request) (*http.Response, error, bool)]
	//go:linkname deepWriter net/http.orchestrallWriter
	deepWriter atomic.Pointer[func(http.ResponseWriter) http.ResponseWriter]
)

func init() {
	serve, roundTrip, writer := serveAny, roundTripAny, serverWriter
	deepServe.Store(&serve)
	deepRoundTrip.Store(&roundTrip)
	deepWriter.Store(&writer)
}

// serveAny is what a server calls in the place of its handler.
func serveAny(h http.Handler, w http.ResponseWriter, r *http.Request) {
	if own, ok := h.(*handler); ok {
		own.ServeHTTP(w, r)
		return
	}
	if r.RequestURI == "*" || quiet.Is(r.Context()) { // the server's own answer to OPTIONS, or our own server
		h.ServeHTTP(w, r)
		return
	}
	(&handler{next: h}).ServeHTTP(w, r)
}

// roundTripAny is what a transport asks first. It sends the request through t
// once more, which then finds it traced; done is false for those.
func roundTripAny(t *http.Transport, req *http.Request) (resp *http.Response, err error, done bool) {
	if req == nil || req.URL == nil || req.Header == nil {
		return nil, nil, false
	}
	ctx := req.Context()
	if a, _ := ctx.Value(attemptKey{}).(*attempt); a != nil && a.same(req) || quiet.Is(ctx) {
		return nil, nil, false
	}
	resp, err = (&transport{base: t}).RoundTrip(req)
	return resp, err, true
}
