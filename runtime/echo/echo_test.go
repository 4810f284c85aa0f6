package echo_test

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	hook "github.com/orchestrall/orchestrall/runtime/echo"
	"github.com/orchestrall/orchestrall/runtime/internal/routertest"
	"github.com/orchestrall/orchestrall/runtime/internal/spantest"
	"github.com/orchestrall/orchestrall/runtime/nethttp"
)

var errMine = errors.New("mine")

// routes also counts how often the error handler runs.
func routes(e *echo.Echo, handled *int) *echo.Echo {
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		*handled++
		if errors.Is(err, errMine) {
			c.NoContent(http.StatusConflict)
			return
		}
		e.DefaultHTTPErrorHandler(err, c)
	}
	e.GET("/users/:id", func(c echo.Context) error { return c.String(200, c.Param("id")) })
	e.Group("/api").GET("/files/*", func(echo.Context) error { return errors.New("no") })
	e.Group("/api").POST("/only/posts", func(echo.Context) error { return nil })
	guarded := e.Group("/guarded", func(next echo.HandlerFunc) echo.HandlerFunc { return next })
	guarded.GET("/files/*", func(echo.Context) error { return echo.ErrNotFound })
	e.GET("/mine/:id", func(echo.Context) error { return errMine })
	return e
}

var cases = []struct {
	path, name, route, status string
	handled                   int
}{
	{"/users/7", "GET /users/:id", "/users/:id", "200", 0},
	{"/api/files/a/b", "GET /api/files/*", "/api/files/*", "500", 1},
	{"/mine/1", "GET /mine/:id", "/mine/:id", "409", 1},
	{"/nowhere/7", "GET", "(absent)", "404", 1},
	{"/api/nowhere/7", "GET", "(absent)", "404", 1},
	{"/api/only/posts", "GET", "(absent)", "405", 1},
	{"/guarded/nowhere/7", "GET", "(absent)", "404", 1},
	{"/guarded/files/none", "GET /guarded/files/*", "/guarded/files/*", "404", 1},
}

// The instance's own Start, from which net/http is called in echo's code.
func TestStart(t *testing.T) {
	var handled int
	e := routes(hook.Echo(echo.New()), &handled)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e.Listener = l
	go e.Start("")
	defer e.Close()
	for _, c := range cases {
		handled = 0
		r := spantest.Record(t)
		routertest.Ask(t, "http://"+l.Addr().String()+c.path)
		routertest.Check(t, routertest.Only(t, r), c.name, c.route, c.status)
		if handled != c.handled {
			t.Errorf("%s: the error handler ran %d times, want %d", c.path, handled, c.handled)
		}
	}
}

// Behind net/http's hook there is still one span, and it knows the route.
func TestBehindServer(t *testing.T) {
	var handled int
	s := httptest.NewServer(nethttp.Handler(routes(hook.Echo(echo.New()), &handled)))
	defer s.Close()
	for _, c := range cases {
		handled = 0
		r := spantest.Record(t)
		routertest.Ask(t, s.URL+c.path)
		routertest.Check(t, routertest.Only(t, r), c.name, c.route, c.status)
		if handled != c.handled {
			t.Errorf("%s: the error handler ran %d times, want %d", c.path, handled, c.handled)
		}
	}
}
