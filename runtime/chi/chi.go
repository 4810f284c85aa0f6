// Package chi is the hook of github.com/go-chi/chi/v5: the route of each request
// for the span and metrics of net/http's hook.
package chi

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/go-chi/chi/v5"

	"github.com/orchestrall/orchestrall/runtime/nethttp"
)

// Mux adds the middleware to a new router and returns it.
func Mux(m *chi.Mux) *chi.Mux {
	if m != nil {
		m.Use(new(patterns).middleware)
	}
	return m
}

// patterns are those of requests that passed a router, with the route that each
// stands for: as many as the program has registered.
type patterns struct{ known sync.Map }

type pattern struct {
	routes chi.Routes // of the outermost router
	text   string
}

// middleware tells the request's span by which route it was served. That is
// known behind the last router that the request passes, also when a handler
// panics.
func (p *patterns) middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if c := chi.RouteContext(r.Context()); c != nil {
				nethttp.SetRoute(r.Context(), p.route(c))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// route is the pattern of the request, and "" for one that a mounted router has
// not found: the last pattern is then where that router is mounted.
func (p *patterns) route(c *chi.Context) string {
	text := c.RoutePattern()
	if !strings.HasSuffix(text, "*") {
		return text
	}
	key := pattern{c.Routes, text}
	if route, ok := p.known.Load(key); ok {
		return route.(string)
	}
	if mounts(c.Routes, c.RoutePatterns) {
		text = ""
	}
	p.known.Store(key, text)
	return text
}

// mounts reports whether a router is mounted where the patterns lead from the
// outermost one.
func mounts(in chi.Routes, path []string) bool {
	for _, text := range path {
		if in == nil {
			return false
		}
		all := in.Routes()
		at := slices.IndexFunc(all, func(r chi.Route) bool { return r.Pattern == text })
		if at < 0 {
			return false
		}
		in = all[at].SubRoutes
	}
	return in != nil
}
