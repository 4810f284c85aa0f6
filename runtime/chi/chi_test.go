package chi_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-chi/chi/v5"

	hook "github.com/orchestrall/orchestrall/runtime/chi"
	"github.com/orchestrall/orchestrall/runtime/internal/routertest"
	"github.com/orchestrall/orchestrall/runtime/internal/spantest"
	"github.com/orchestrall/orchestrall/runtime/nethttp"
)

func router() *chi.Mux {
	m := hook.Mux(chi.NewRouter())
	m.Get("/users/{id}", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(chi.URLParam(r, "id"))) })
	m.Route("/api", func(r chi.Router) {
		r.Get("/fails/{name:[a-z]+}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
		r.Get("/files/*", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) })
		r.Route("/v1", func(r chi.Router) { r.Post("/orders", func(http.ResponseWriter, *http.Request) {}) })
	})
	mounted := hook.Mux(chi.NewMux())
	mounted.Get("/{deep}", func(w http.ResponseWriter, r *http.Request) {})
	m.Mount("/mounted", mounted)
	m.Mount("/debug", http.NotFoundHandler())
	m.Get("/panics/{id}", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	return m
}

func TestRoutes(t *testing.T) {
	s := httptest.NewServer(nethttp.Handler(router()))
	defer s.Close()
	for _, c := range []struct{ path, name, route, status string }{
		{"/users/7", "GET /users/{id}", "/users/{id}", "200"},
		{"/api/fails/x", "GET /api/fails/{name:[a-z]+}", "/api/fails/{name:[a-z]+}", "503"},
		{"/mounted/7", "GET /mounted/{deep}", "/mounted/{deep}", "200"},
		{"/nowhere/7", "GET", "(absent)", "404"},
		{"/api/nowhere/7", "GET", "(absent)", "404"},
		{"/api/v1/nowhere/7", "GET", "(absent)", "404"},
		{"/api/v1/orders", "GET", "(absent)", "405"},
		{"/mounted/nowhere/7", "GET", "(absent)", "404"},
		{"/api/files/a/b", "GET /api/files/*", "/api/files/*", "404"},
		{"/api/files/a/c", "GET /api/files/*", "/api/files/*", "404"},
		{"/debug/nowhere/7", "GET /debug/*", "/debug/*", "404"},
	} {
		r := spantest.Record(t)
		routertest.Ask(t, s.URL+c.path)
		routertest.Check(t, routertest.Only(t, r), c.name, c.route, c.status)
	}
	r := spantest.Record(t)
	// On a connection of its own: a client tries again where a used one breaks.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if resp, err := client.Get(s.URL + "/panics/7"); err == nil {
		resp.Body.Close()
		t.Error("an answer")
	}
	if got := routertest.Only(t, r).Name(); got != "GET /panics/{id}" {
		t.Errorf("the span is %q", got)
	}
}

// Without net/http's hook there is nobody to tell.
func TestAlone(t *testing.T) {
	r := spantest.Record(t)
	s := httptest.NewServer(router())
	defer s.Close()
	if status, body := routertest.Ask(t, s.URL+"/users/7"); status != 200 || body != "7" {
		t.Errorf("%d %q", status, body)
	}
	if len(r.Ended()) > 0 {
		t.Error("a span")
	}
}
