// Package gorilla is the hook of github.com/gorilla/mux: the route of each
// request for the span and metrics of net/http's hook.
package gorilla

import (
	"net/http"

	"github.com/gorilla/mux"

	"github.com/orchestrall/orchestrall/runtime/nethttp"
)

// Router adds the middleware to a new router and returns it.
func Router(r *mux.Router) *mux.Router {
	if r != nil {
		r.Use(Middleware)
	}
	return r
}

// Middleware tells the request's span by which route it is served. A route
// without a path, such as one for a host alone, has no pattern.
func Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if route := mux.CurrentRoute(r); route != nil {
			if pattern, err := route.GetPathTemplate(); err == nil {
				nethttp.SetRoute(r.Context(), pattern)
			}
		}
		next.ServeHTTP(w, r)
	})
}
