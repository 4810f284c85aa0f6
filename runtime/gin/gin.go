// Package gin is the hook of github.com/gin-gonic/gin: the route of each request
// for its span and metrics, and the span itself where net/http's hook does not
// reach, as in (*gin.Engine).Run.
package gin

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/orchestrall/orchestrall/runtime/nethttp"
)

// Engine adds the middleware to a new engine and returns it.
func Engine(e *gin.Engine) *gin.Engine {
	if e != nil {
		e.Use(Middleware)
	}
	return e
}

// Middleware traces the request, or tells the trace that net/http's hook has
// begun by which route it goes on.
func Middleware(c *gin.Context) {
	nethttp.Serve(c.Request, c.FullPath(), func(r *http.Request) int {
		c.Request = r
		c.Next()
		return c.Writer.Status()
	})
}
