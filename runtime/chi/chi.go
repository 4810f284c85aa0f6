// Package chi is the hook of github.com/go-chi/chi/v5: the route of each request
// for the span and metrics of net/http's hook.
package chi

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/orchestrall/orchestrall/runtime/nethttp"
)

// Mux adds the middleware to a new router and returns it.
func Mux(m *chi.Mux) *chi.Mux {
	if m != nil {
		m.Use(Middleware)
	}
	return m
}

// Middleware tells the request's span by which route it was served. That is
// known behind the last router that the request passes, also when a handler
// panics.
func Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if c := chi.RouteContext(r.Context()); c != nil {
				nethttp.SetRoute(r.Context(), c.RoutePattern())
			}
		}()
		next.ServeHTTP(w, r)
	})
}
