package nethttp

import (
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// ListenAndServe is http.ListenAndServe with [Handler] around the handler.
func ListenAndServe(addr string, handler http.Handler) error {
	return http.ListenAndServe(addr, Handler(handler))
}

// ListenAndServeTLS is http.ListenAndServeTLS with [Handler] around the handler.
func ListenAndServeTLS(addr, certFile, keyFile string, handler http.Handler) error {
	return http.ListenAndServeTLS(addr, certFile, keyFile, Handler(handler))
}

// HTTPServe is http.Serve with [Handler] around the handler.
func HTTPServe(l net.Listener, handler http.Handler) error {
	return http.Serve(l, Handler(handler))
}

// HTTPServeTLS is http.ServeTLS with [Handler] around the handler.
func HTTPServeTLS(l net.Listener, handler http.Handler, certFile, keyFile string) error {
	return http.ServeTLS(l, Handler(handler), certFile, keyFile)
}

// ServerListenAndServe is s.ListenAndServe with [Handler] around the handler.
func ServerListenAndServe(s *http.Server) error {
	prepare(s)
	return s.ListenAndServe()
}

// ServerListenAndServeTLS is s.ListenAndServeTLS with [Handler] around the handler.
func ServerListenAndServeTLS(s *http.Server, certFile, keyFile string) error {
	prepare(s)
	return s.ListenAndServeTLS(certFile, keyFile)
}

// ServerServe is s.Serve with [Handler] around the handler.
func ServerServe(s *http.Server, l net.Listener) error {
	prepare(s)
	return s.Serve(l)
}

// ServerServeTLS is s.ServeTLS with [Handler] around the handler.
func ServerServeTLS(s *http.Server, l net.Listener, certFile, keyFile string) error {
	prepare(s)
	return s.ServeTLS(l, certFile, keyFile)
}

var preparing sync.Mutex

// prepare puts Handler around the handler of s, once: a server may serve several
// listeners, and while it serves the first its handler is being read.
func prepare(s *http.Server) {
	if s == nil {
		return // and the method panics as it always does
	}
	preparing.Lock()
	defer preparing.Unlock()
	if _, done := s.Handler.(*handler); !done {
		s.Handler = Handler(s.Handler)
	}
}

// MaxBytesReader is http.MaxBytesReader for a writer that [Handler] has made:
// the server closes the connection of a request that is too large only if it
// gets its own writer.
func MaxBytesReader(w http.ResponseWriter, r io.ReadCloser, n int64) io.ReadCloser {
	return http.MaxBytesReader(serverWriter(w), r, n)
}

// MaxBytesHandler is http.MaxBytesHandler with [MaxBytesReader].
func MaxBytesHandler(h http.Handler, n int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limited := *r
		limited.Body = MaxBytesReader(w, r.Body, n)
		Routed(h).ServeHTTP(w, &limited)
	})
}

// TimeoutHandler is http.TimeoutHandler with [Routed] around the handler.
func TimeoutHandler(h http.Handler, dt time.Duration, msg string) http.Handler {
	return http.TimeoutHandler(Routed(h), dt, msg)
}

func serverWriter(w http.ResponseWriter) http.ResponseWriter {
	if own, ok := w.(ours); ok {
		return own.server()
	}
	return w
}
