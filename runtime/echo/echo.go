// Package echo is the hook of github.com/labstack/echo/v4: the route of each
// request for its span and metrics, and the span itself where net/http's hook
// does not reach, as in (*echo.Echo).Start.
package echo

import (
	"net/http"
	"reflect"

	"github.com/labstack/echo/v4"

	"github.com/orchestrall/orchestrall/runtime/nethttp"
)

// Echo adds the middleware to a new instance and returns it.
func Echo(e *echo.Echo) *echo.Echo {
	if e != nil {
		e.Use(Middleware)
	}
	return e
}

// Middleware traces the request, or tells the trace that net/http's hook has
// begun by which route it goes on.
//
// In the first case an error of the handler goes to the instance's error handler
// from here, since only that knows the status that it becomes, and no further:
// the error handler is called once, as ever.
func Middleware(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		traced := nethttp.Traced(c.Request().Context())
		nethttp.Serve(c.Request(), route(c), func(r *http.Request) int {
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
// the path that the client sent.
func route(c echo.Context) string {
	switch entry(c.Handler()) {
	case entry(echo.NotFoundHandler), entry(echo.MethodNotAllowedHandler):
		return ""
	}
	return c.Path()
}

func entry(h echo.HandlerFunc) uintptr { return reflect.ValueOf(h).Pointer() }
