package gorilla_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gorilla/mux"

	hook "github.com/orchestrall/orchestrall/runtime/gorilla"
	"github.com/orchestrall/orchestrall/runtime/internal/routertest"
	"github.com/orchestrall/orchestrall/runtime/internal/spantest"
	"github.com/orchestrall/orchestrall/runtime/nethttp"
)

func router() *mux.Router {
	m := hook.Router(mux.NewRouter())
	m.HandleFunc("/users/{id}", func(w http.ResponseWriter, r *http.Request) {
		if mux.Vars(r)["id"] == "none" {
			w.WriteHeader(404)
		}
		w.Write([]byte(mux.Vars(r)["id"]))
	})
	api := m.PathPrefix("/api").Subrouter()
	api.HandleFunc("/fails/{name:[a-z]+}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	api.HandleFunc("/only/posts", func(http.ResponseWriter, *http.Request) {}).Methods("POST")
	m.Host("nobody.example").HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	return m
}

func TestRoutes(t *testing.T) {
	s := httptest.NewServer(nethttp.Handler(router()))
	defer s.Close()
	for _, c := range []struct{ path, name, route, status string }{
		{"/users/7", "GET /users/{id}", "/users/{id}", "200"},
		{"/api/fails/x", "GET /api/fails/{name:[a-z]+}", "/api/fails/{name:[a-z]+}", "503"},
		{"/nowhere/7", "GET", "(absent)", "404"},
		{"/api/nowhere/7", "GET", "(absent)", "404"},
		{"/api/only/posts", "GET", "(absent)", "405"},
		{"/users/none", "GET /users/{id}", "/users/{id}", "404"},
	} {
		r := spantest.Record(t)
		routertest.Ask(t, s.URL+c.path)
		routertest.Check(t, routertest.Only(t, r), c.name, c.route, c.status)
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
