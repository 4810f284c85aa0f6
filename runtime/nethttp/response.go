package nethttp

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"time"
)

// The types below are shapes of the exchange as the handler's ResponseWriter:
// the same memory with other methods.
type (
	plain        exchange // what every shape can do
	flusher      exchange
	hijacker     exchange
	pusher       exchange
	readerFrom   exchange
	stringWriter exchange
	notifier     exchange
)

// closeNotifier is http.CloseNotifier.
type closeNotifier interface{ CloseNotify() <-chan bool }

// deadlines is what http.ResponseController asks both of the server's writers.
type deadlines interface {
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
	EnableFullDuplex() error
}

// writer is the ResponseWriter for the handler: it can do what the server's can,
// no less and no more.
func (e *exchange) writer(own owner) http.ResponseWriter {
	switch own {
	case server1:
		return (*response1)(e)
	case server2:
		return (*response2)(e)
	}
	return e.shape(abilities(e.w))
}

// ours is a writer that a Handler has made.
type ours interface{ server() http.ResponseWriter }

func (p *plain) server() http.ResponseWriter { return p.w }

// Header implements http.ResponseWriter.
func (p *plain) Header() http.Header { return p.w.Header() }

// Write implements http.ResponseWriter.
func (p *plain) Write(b []byte) (int, error) {
	(*exchange)(p).implied()
	return p.w.Write(b)
}

// WriteHeader implements http.ResponseWriter.
func (p *plain) WriteHeader(status int) {
	p.w.WriteHeader(status)
	(*exchange)(p).answers(status)
}

// Unwrap is for http.ResponseController.
func (p *plain) Unwrap() http.ResponseWriter { return p.w }

// Flush implements http.Flusher.
func (f *flusher) Flush() {
	(*exchange)(f).implied()
	f.w.(http.Flusher).Flush()
}

// FlushError is Flush for http.ResponseController.
func (f *flusher) FlushError() error {
	(*exchange)(f).implied()
	if w, ok := f.w.(interface{ FlushError() error }); ok {
		return w.FlushError()
	}
	f.w.(http.Flusher).Flush()
	return nil
}

// Hijack implements http.Hijacker.
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buf, err := h.w.(http.Hijacker).Hijack()
	if err == nil {
		(*exchange)(h).taken()
	}
	return conn, buf, err
}

// Push implements http.Pusher.
func (p *pusher) Push(target string, opts *http.PushOptions) error {
	return p.w.(http.Pusher).Push(target, opts)
}

// ReadFrom implements io.ReaderFrom: that is how a file reaches the network
// without passing through the program.
func (r *readerFrom) ReadFrom(src io.Reader) (int64, error) {
	n, err := r.w.(io.ReaderFrom).ReadFrom(src)
	if n > 0 { // otherwise the handler can still answer something else
		(*exchange)(r).implied()
	}
	return n, err
}

// WriteString implements io.StringWriter.
func (s *stringWriter) WriteString(text string) (int, error) {
	(*exchange)(s).implied()
	return s.w.(io.StringWriter).WriteString(text)
}

// CloseNotify implements http.CloseNotifier.
func (n *notifier) CloseNotify() <-chan bool { return n.w.(closeNotifier).CloseNotify() }
