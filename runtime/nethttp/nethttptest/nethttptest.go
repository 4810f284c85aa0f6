// Package nethttptest is the hook of net/http/httptest: test servers that trace
// as real ones do. It stands apart from nethttp, so that only tests link
// httptest.
package nethttptest

import (
	"net/http"
	"net/http/httptest"

	"github.com/orchestrall/orchestrall/runtime/nethttp"
)

// NewServer is httptest.NewServer with nethttp.Handler around the handler.
func NewServer(h http.Handler) *httptest.Server { return httptest.NewServer(nethttp.Handler(h)) }

// NewTLSServer is httptest.NewTLSServer with nethttp.Handler around the handler.
func NewTLSServer(h http.Handler) *httptest.Server { return httptest.NewTLSServer(nethttp.Handler(h)) }

// NewUnstartedServer is httptest.NewUnstartedServer with nethttp.Handler around
// the handler.
func NewUnstartedServer(h http.Handler) *httptest.Server {
	return httptest.NewUnstartedServer(nethttp.Handler(h))
}
