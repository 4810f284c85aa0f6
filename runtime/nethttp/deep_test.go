package nethttp

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/orchestrall/orchestrall/runtime/internal/quiet"
)

// What a net/http with deep hooks calls is there as soon as the package is.
func TestDeepHooks(t *testing.T) {
	traced := func(r *http.Request) bool {
		var found bool
		h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { found = Traced(r.Context()) })
		(*deepServe.Load())(h, httptest.NewRecorder(), r)
		return found
	}
	r := httptest.NewRequest("GET", "/", nil)
	if !traced(r) {
		t.Error("a request is not traced")
	}
	if traced(r.WithContext(quiet.Context(r.Context()))) {
		t.Error("a request for telemetry is traced")
	}
	if o := httptest.NewRequest("OPTIONS", "*", nil); traced(o) {
		t.Error("the server's own answer is traced")
	}
	once := 0
	h := Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		once++
		if got := (*deepWriter.Load())(w); got == w {
			t.Error("MaxBytesReader gets a writer that the server does not know")
		}
	}))
	if (*deepServe.Load())(h, httptest.NewRecorder(), r); once != 1 {
		t.Errorf("the handler was called %d times", once)
	}
}

func TestDeepTransport(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }))
	defer s.Close()
	own := s.Client().Transport.(*http.Transport)
	ask := *deepRoundTrip.Load()
	req := httptest.NewRequest("GET", s.URL, nil)
	req.RequestURI = ""
	resp, err, done := ask(own, req)
	if err != nil || !done || resp.Request != req {
		t.Fatal(resp, err, done)
	}
	resp.Body.Close()
	// The request that was sent is on its way already.
	a := newAttempt(req.Context(), req)
	for name, r := range map[string]*http.Request{
		"traced": req.WithContext(a), "quiet": req.WithContext(quiet.Context(req.Context())), "without an address": {Header: http.Header{}}, "none": nil,
	} {
		if _, _, done := ask(own, r); done {
			t.Errorf("a request that is %s was sent again", name)
		}
	}
}
