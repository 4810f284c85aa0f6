package nethttp

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"time"
)

// response1 and response2 are the shapes for the server's own writers. They
// spell their methods out: embedding would cost another allocation a request.
type (
	response1 exchange
	response2 exchange
)

var (
	_ writer1 = (*response1)(nil)
	_ writer2 = (*response2)(nil)
	_ ours    = (*response1)(nil)
	_ ours    = (*response2)(nil)
)

func (r *response1) server() http.ResponseWriter { return r.w }

// Unwrap is for http.ResponseController.
func (r *response1) Unwrap() http.ResponseWriter { return r.w }

// Header implements http.ResponseWriter.
func (r *response1) Header() http.Header { return r.w.Header() }

// Write implements http.ResponseWriter.
func (r *response1) Write(b []byte) (int, error) { return (*plain)(r).Write(b) }

// WriteHeader implements http.ResponseWriter.
func (r *response1) WriteHeader(status int) { (*plain)(r).WriteHeader(status) }

// WriteString implements io.StringWriter.
func (r *response1) WriteString(s string) (int, error) { return (*stringWriter)(r).WriteString(s) }

// ReadFrom implements io.ReaderFrom.
func (r *response1) ReadFrom(src io.Reader) (int64, error) { return (*readerFrom)(r).ReadFrom(src) }

// Flush implements http.Flusher.
func (r *response1) Flush() { (*flusher)(r).Flush() }

// FlushError is Flush for http.ResponseController.
func (r *response1) FlushError() error { return (*flusher)(r).FlushError() }

// Hijack implements http.Hijacker.
func (r *response1) Hijack() (net.Conn, *bufio.ReadWriter, error) { return (*hijacker)(r).Hijack() }

// CloseNotify implements http.CloseNotifier.
func (r *response1) CloseNotify() <-chan bool { return (*notifier)(r).CloseNotify() }

// SetReadDeadline is for http.ResponseController.
func (r *response1) SetReadDeadline(t time.Time) error { return r.w.(deadlines).SetReadDeadline(t) }

// SetWriteDeadline is for http.ResponseController.
func (r *response1) SetWriteDeadline(t time.Time) error { return r.w.(deadlines).SetWriteDeadline(t) }

// EnableFullDuplex is for http.ResponseController.
func (r *response1) EnableFullDuplex() error { return r.w.(deadlines).EnableFullDuplex() }

func (r *response2) server() http.ResponseWriter { return r.w }

// Unwrap is for http.ResponseController.
func (r *response2) Unwrap() http.ResponseWriter { return r.w }

// Header implements http.ResponseWriter.
func (r *response2) Header() http.Header { return r.w.Header() }

// Write implements http.ResponseWriter.
func (r *response2) Write(b []byte) (int, error) { return (*plain)(r).Write(b) }

// WriteHeader implements http.ResponseWriter.
func (r *response2) WriteHeader(status int) { (*plain)(r).WriteHeader(status) }

// WriteString implements io.StringWriter.
func (r *response2) WriteString(s string) (int, error) { return (*stringWriter)(r).WriteString(s) }

// Flush implements http.Flusher.
func (r *response2) Flush() { (*flusher)(r).Flush() }

// FlushError is Flush for http.ResponseController.
func (r *response2) FlushError() error { return (*flusher)(r).FlushError() }

// Push implements http.Pusher.
func (r *response2) Push(target string, opts *http.PushOptions) error {
	return (*pusher)(r).Push(target, opts)
}

// CloseNotify implements http.CloseNotifier.
func (r *response2) CloseNotify() <-chan bool { return (*notifier)(r).CloseNotify() }

// SetReadDeadline is for http.ResponseController.
func (r *response2) SetReadDeadline(t time.Time) error { return r.w.(deadlines).SetReadDeadline(t) }

// SetWriteDeadline is for http.ResponseController.
func (r *response2) SetWriteDeadline(t time.Time) error { return r.w.(deadlines).SetWriteDeadline(t) }

// EnableFullDuplex is for http.ResponseController.
func (r *response2) EnableFullDuplex() error { return r.w.(deadlines).EnableFullDuplex() }
