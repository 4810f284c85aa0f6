package nethttp

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/orchestrall/orchestrall/runtime/internal/remote"
)

// An exchange is one request that a server answers. It is the context below the
// span's, so that routers find it, and in the shapes of response.go it is the
// handler's ResponseWriter: all of that costs one allocation. It is never used
// for another request, since a handler may leave a goroutine behind that holds
// on to it.
type exchange struct {
	parent context.Context // of the request as it came
	remote remote.Span     // the caller's, where the headers name one
	w      http.ResponseWriter
	inner  *http.Request // as the handler gets it
	method string
	told   *details // nil until somebody will see them

	returned bool
	status   atomic.Int32 // of the answer; 0 before it has begun
	routed   atomic.Bool  // route or reported may be set

	mu       sync.Mutex
	route    string // by a router
	reported string // by a ServeMux

	final string // the route, once the handler is done
}

// details are what spans and log lines show of a request: of one with a span as
// it came, of any other as it is when it has failed.
type details struct {
	host, path, peer, agent, client string
	major, minor                    int
	secure                          bool
}

func detailsOf(r *http.Request) *details {
	d := &details{
		host: r.Host, peer: r.RemoteAddr, major: r.ProtoMajor, minor: r.ProtoMinor, secure: r.TLS != nil,
		agent: r.Header.Get("User-Agent"), client: forwarded(r.Header),
	}
	if r.URL != nil {
		d.path = r.URL.Path
	}
	return d
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
	e.mu.Lock()
	e.route = pattern
	e.mu.Unlock()
	e.routed.Store(true)
}

// report notes the pattern of a ServeMux whose request is a copy. The innermost
// reports first.
func (e *exchange) report(pattern string) {
	e.mu.Lock()
	e.reported = below(pattern, e.reported)
	e.mu.Unlock()
	e.routed.Store(true)
}

// routeAtEnd is the pattern that a router has named, or else what ServeMux left in
// the request and in its copies.
func (e *exchange) routeAtEnd() string {
	if !e.routed.Load() {
		return routeOf(e.inner.Pattern)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.route == "" {
		return below(routeOf(e.inner.Pattern), e.reported)
	}
	return e.route
}

// routeOf is the path of a ServeMux pattern: "GET example.com/users/{id}" →
// "/users/{id}".
func routeOf(pattern string) string {
	if i := strings.IndexByte(pattern, '/'); i > 0 {
		return pattern[i:]
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
		if e.remote.Context.IsValid() {
			return &e.remote
		}
	}
	return e.parent.Value(key)
}
