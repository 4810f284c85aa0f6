// Package echo is the hook of github.com/labstack/echo/v4: the route of each
// request for its span and metrics, and the span itself where net/http's hook
// does not reach, as in (*echo.Echo).Start.
package echo

import (
	"net/http"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/orchestrall/orchestrall/runtime/nethttp"
)

// Echo adds the middleware to a new instance and returns it.
func Echo(e *echo.Echo) *echo.Echo {
	if e != nil {
		e.Use((&patterns{echo: e}).middleware)
	}
	return e
}

// patterns has the routes of patterns that end in a star.
type patterns struct {
	echo  *echo.Echo
	known sync.Map // by pattern
}

type pattern struct{ method, path string }

// middleware traces the request, or tells the trace that net/http's hook has
// begun by which route it goes on.
//
// In the first case an error of the handler goes to the instance's error handler
// from here, since only that knows the status that it becomes, and no further:
// the error handler is called once, as ever.
func (p *patterns) middleware(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		traced := nethttp.Traced(c.Request().Context())
		nethttp.Serve(c.Request(), p.route(c), func(r *http.Request) int {
			c.SetRequest(r)
			if err = next(c); err != nil && !traced {
				c.Error(err)
				err = nil
			}
			return c.Response().Status
		})
		return err
	}
}

// route is the pattern that was found. For what is not found, some versions give
// the path that the client sent, and a group with middleware the pattern under
// which it registers the handler for that, which ends in a star.
func (p *patterns) route(c echo.Context) string {
	switch entry(c.Handler()) {
	case entry(echo.NotFoundHandler), entry(echo.MethodNotAllowedHandler):
		return ""
	}
	path := c.Path()
	if !strings.HasSuffix(path, "*") {
		return path
	}
	key := pattern{c.Request().Method, path}
	if found, ok := p.known.Load(key); ok {
		return found.(string)
	}
	if p.notFound(key) {
		path = ""
	}
	if slices.Contains(methods, key.method) { // others come from clients, and there is no end of them
		p.known.Store(key, path)
	}
	return path
}

var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
	http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace, echo.PROPFIND, echo.REPORT,
}

// notFound reports whether all that was registered for the pattern is a handler
// for what is not found. Of a host's own router nothing is known.
func (p *patterns) notFound(key pattern) bool {
	handler := runtime.FuncForPC(entry(echo.NotFoundHandler)).Name()
	registered := false
	for _, r := range p.echo.Routes() {
		if r.Path != key.path {
			continue
		}
		registered = true
		if r.Method == key.method && r.Name != handler {
			return false
		}
	}
	return registered
}

func entry(h echo.HandlerFunc) uintptr { return reflect.ValueOf(h).Pointer() }
