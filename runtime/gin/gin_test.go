package gin_test

import (
	"io"
	"net"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"

	hook "github.com/orchestrall/orchestrall/runtime/gin"
	"github.com/orchestrall/orchestrall/runtime/internal/routertest"
	"github.com/orchestrall/orchestrall/runtime/internal/spantest"
	"github.com/orchestrall/orchestrall/runtime/nethttp"
)

func routes(e *gin.Engine) *gin.Engine {
	e.GET("/users/:id", func(c *gin.Context) {
		if !nethttp.Traced(c.Request.Context()) {
			c.Status(500)
		}
		c.String(200, c.Param("id"))
	})
	api := e.Group("/api")
	api.GET("/files/*path", func(c *gin.Context) {
		if c.Param("path") == "/none" {
			c.AbortWithStatus(404)
			return
		}
		c.AbortWithStatus(503)
	})
	api.POST("/only/posts", func(*gin.Context) {})
	e.GET("/panics", func(*gin.Context) { panic("oops") })
	return e
}

var cases = []struct{ path, name, route, status string }{
	{"/users/7", "GET /users/:id", "/users/:id", "200"},
	{"/api/files/a/b", "GET /api/files/*path", "/api/files/*path", "503"},
	{"/nowhere/7", "GET", "(absent)", "404"},
	{"/api/nowhere/7", "GET", "(absent)", "404"},
	{"/api/only/posts", "GET", "(absent)", "404"},
	{"/api/files/none", "GET /api/files/*path", "/api/files/*path", "404"},
}

// The engine's own Run, from which net/http is called in gin's code.
func TestRun(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	gin.DefaultWriter, gin.DefaultErrorWriter = io.Discard, io.Discard
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	go routes(hook.Engine(gin.Default())).Run(address)
	for _, c := range cases {
		r := spantest.Record(t)
		routertest.Ask(t, "http://"+address+c.path)
		routertest.Check(t, routertest.Only(t, r), c.name, c.route, c.status)
	}
	// Recovery stands outside of the hook, so the span has the panic itself.
	r := spantest.Record(t)
	if status, _ := routertest.Ask(t, "http://"+address+"/panics"); status != 500 {
		t.Errorf("answered %d", status)
	}
	if s := routertest.Only(t, r); routertest.Attr(s, "error.type") != "string" || len(s.Events()) != 1 {
		t.Errorf("error.type %s, events %v", routertest.Attr(s, "error.type"), s.Events())
	}
}

// Behind net/http's hook there is still one span, and it knows the route.
func TestBehindServer(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	s := httptest.NewServer(nethttp.Handler(routes(hook.Engine(gin.New()))))
	defer s.Close()
	for _, c := range cases {
		r := spantest.Record(t)
		routertest.Ask(t, s.URL+c.path)
		routertest.Check(t, routertest.Only(t, r), c.name, c.route, c.status)
	}
}
