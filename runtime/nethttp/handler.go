package nethttp

import (
	"net/http"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// Handler returns h with a span and the metrics of each request, and with the
// trace that the request's headers name. A nil h is http.DefaultServeMux, as
// for net/http. A handler that this function has returned comes back as it is,
// and a request that passes several of them is traced once.
//
// The handler's ResponseWriter has the optional interfaces of the server's, and
// its request another context. Where the server itself calls, that is the
// server's own request, so that it sees what the handler leaves there; from
// anybody else the handler gets a copy.
func Handler(h http.Handler) http.Handler {
	if h, ok := h.(*handler); ok {
		return h
	}
	return &handler{next: h}
}

type handler struct{ next http.Handler } // nil: whatever http.DefaultServeMux is

func (h *handler) handler() http.Handler {
	if h.next == nil {
		return http.DefaultServeMux
	}
	return h.next
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	next := h.handler()
	// "PRI *" is no request: a handler for HTTP/2 without TLS takes the
	// connection over, and each request on it is one of its own.
	// And behind a Handler nobody gets the server's own writer.
	own := ownerOf(w)
	if r == nil || r.Method == "PRI" || own == nobody && exchangeOf(r.Context()) != nil {
		next.ServeHTTP(w, r)
		return
	}
	err := error(nil)
	var call orchestrall.Call
	e, ctx := begin(w, r, &call)
	defer call.EndErr(&err, func(field int) orchestrall.Value { return e.field(field) })
	defer e.end(r, &err, &call)
	if own != nobody {
		setContext(r, ctx)
	} else {
		e.inner = r.WithContext(ctx)
	}
	next.ServeHTTP(e.writer(own), e.inner)
	e.returned = true
}

// Serve is Handler for routers that are middleware rather than handlers: it
// answers one request by next, which gets the request to go on with and returns
// the status of the answer. A request that is traced already goes on as it is.
func Serve(r *http.Request, route string, next func(*http.Request) (status int)) {
	if e := exchangeOf(r.Context()); e != nil {
		if route != "" {
			e.setRoute(route)
		}
		next(r)
		return
	}
	err := error(nil)
	var call orchestrall.Call
	e, ctx := begin(nil, r, &call)
	e.setRoute(route)
	defer call.EndErr(&err, func(field int) orchestrall.Value { return e.field(field) })
	defer e.end(r, &err, &call)
	e.inner = r.WithContext(ctx)
	e.answers(next(e.inner))
	e.returned = true
}
