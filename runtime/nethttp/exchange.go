package nethttp

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
	"github.com/orchestrall/orchestrall/runtime/internal/remote"
)

// An exchange is one request that a server answers. It is the context below the
// span's, so that routers find it, and in the shapes of response.go it is the
// handler's ResponseWriter: all of that costs one allocation. It is never used
// for another request, since a handler may leave a goroutine behind that holds
// on to it.
type exchange struct {
	parent context.Context // of the request as it came
	w      http.ResponseWriter
	inner  *http.Request // as the handler gets it

	// As they came, since all copies of a request share them, and one may be in the
	// hands of a handler that still runs, which http.TimeoutHandler does not wait for.
	method, path  string
	agent, client *string // nil: none

	span     atomic.Pointer[remote.Span] // the caller's, or of the trace that begins here
	told     *details                    // nil until somebody will see them
	routes   atomic.Pointer[routes]      // nil until somebody names one
	status   atomic.Int32                // of the answer; 0 before it has begun
	root     trace.TraceID               // of that trace, zero for any
	begins   bool                        // a trace that nobody samples; its span is made when somebody asks
	returned bool
}

// routes are what routers say of a request.
type routes struct {
	mu       sync.Mutex
	named    string // by a router
	reported string // by a ServeMux
}

// details are what else spans and log lines show of a request: of one with a span
// as it came, of any other as it is when it has failed.
type details struct {
	host, peer   string
	major, minor int
	secure       bool
}

func detailsOf(r *http.Request) *details {
	return &details{host: r.Host, peer: r.RemoteAddr, major: r.ProtoMajor, minor: r.ProtoMinor, secure: r.TLS != nil}
}

// came notes what the request is.
func (e *exchange) came(r *http.Request) {
	e.inner, e.method = r, r.Method
	if r.URL != nil {
		e.path = r.URL.Path
	}
	e.agent, e.client = header(r.Header, "User-Agent"), header(r.Header, "X-Forwarded-For")
}

// header is the first value of a canonical name, nil for none.
func header(h http.Header, name string) *string {
	if values := h[name]; len(values) > 0 {
		return &values[0]
	}
	return nil
}

// above is the span that what the handler calls is below, where it is not of the
// context around the request; nil for none.
func (e *exchange) above() *remote.Span {
	span := e.span.Load()
	if span == nil && e.begins {
		e.span.CompareAndSwap(nil, &remote.Span{Context: orchestrall.UnsampledIDs(e.root)})
		return e.span.Load()
	}
	return span
}

// hijacked is the status of a connection that the handler has taken over without
// an answer that could be seen.
const hijacked = -1

type exchangeKey struct{}

// exchangeOf returns the exchange that ctx belongs to, nil for none.
func exchangeOf(ctx context.Context) *exchange {
	if e, ok := ctx.(*exchange); ok {
		return e
	}
	e, _ := ctx.Value(exchangeKey{}).(*exchange)
	return e
}

// SetRoute says by which pattern a router has chosen the handler of the request
// that ctx belongs to: http.route, and the second half of the span's name. The
// last pattern that is not empty counts. Outside of a request it does nothing.
//
// The pattern becomes a metric label, so it must not hold what the client sent.
func SetRoute(ctx context.Context, pattern string) {
	if pattern == "" || ctx == nil {
		return
	}
	if e := exchangeOf(ctx); e != nil {
		e.setRoute(pattern)
	}
}

// Traced reports whether ctx belongs to a request that is traced already, for
// middleware that otherwise would do so itself.
func Traced(ctx context.Context) bool { return ctx != nil && exchangeOf(ctx) != nil }

func (e *exchange) setRoute(pattern string) {
	r := e.routing()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.named = pattern
}

// report notes the pattern of a ServeMux whose request is a copy. The innermost
// reports first.
func (e *exchange) report(pattern string) {
	r := e.routing()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reported = below(pattern, r.reported)
}

func (e *exchange) routing() *routes {
	if e.routes.Load() == nil {
		e.routes.CompareAndSwap(nil, new(routes))
	}
	return e.routes.Load()
}

// route is the pattern that a router has named, or else what ServeMux left in
// the request and in its copies.
func (e *exchange) route() string {
	r := e.routes.Load()
	if r == nil {
		return routeOf(e.inner.Pattern)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.named == "" {
		return below(routeOf(e.inner.Pattern), r.reported)
	}
	return r.named
}

// routeOf is the path of a ServeMux pattern: "GET example.com/users/{id}" →
// "/users/{id}".
func routeOf(pattern string) string {
	for i := range len(pattern) {
		if pattern[i] == '/' {
			return pattern[i:]
		}
	}
	return pattern
}

// implied notes that the answer has begun without a word about its status.
func (e *exchange) implied() {
	if e.status.Load() == 0 {
		e.status.CompareAndSwap(0, http.StatusOK)
	}
}

// answers notes the status of the answer. Informational ones come before it.
func (e *exchange) answers(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols {
		e.status.CompareAndSwap(0, int32(status))
	}
}

// taken notes that the handler has the connection. What it answers there it
// answers past us; a request to upgrade is taken at its word.
func (e *exchange) taken() {
	status := int32(hijacked)
	if e.method != http.MethodConnect && len(e.inner.Header["Upgrade"]) > 0 {
		status = http.StatusSwitchingProtocols
	}
	e.status.CompareAndSwap(0, status)
}

// code is the answer's status when the handler is done, 0 when there is none
// that could be known.
func (e *exchange) code() int {
	switch status := e.status.Load(); {
	case status > 0:
		return int(status)
	case status == 0 && e.returned:
		return http.StatusOK
	}
	return 0
}

// Deadline implements context.Context.
func (e *exchange) Deadline() (time.Time, bool) { return e.parent.Deadline() }

// Done implements context.Context.
func (e *exchange) Done() <-chan struct{} { return e.parent.Done() }

// Err implements context.Context.
func (e *exchange) Err() error { return e.parent.Err() }

// Value implements context.Context.
func (e *exchange) Value(key any) any {
	switch key {
	case exchangeKey{}:
		return e
	case remote.Key:
		if span := e.above(); span != nil {
			return span
		}
	}
	return e.parent.Value(key)
}
