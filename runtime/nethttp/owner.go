package nethttp

import (
	"io"
	"net/http"
	"reflect"
	"sync/atomic"
)

// An owner says whose a ResponseWriter is.
type owner uint8

const (
	nobody  owner = iota // another middleware's, or a test's
	server1              // the server's for HTTP/1
	server2              // the server's for HTTP/2
)

// writer1 is what the server's writer for HTTP/1 can do.
type writer1 interface {
	http.ResponseWriter
	http.Flusher
	http.Hijacker
	io.ReaderFrom
	io.StringWriter
	closeNotifier
	deadlines
	FlushError() error
}

// writer2 is what the server's writer for HTTP/2 can do.
type writer2 interface {
	http.ResponseWriter
	http.Flusher
	http.Pusher
	io.StringWriter
	closeNotifier
	deadlines
	FlushError() error
}

// The types of the server's writers, once they were seen.
var types1, types2 atomic.Pointer[reflect.Type]

// ownerOf tells the server's writers, whose types are not exported.
func ownerOf(w http.ResponseWriter) owner {
	t := reflect.TypeOf(w)
	if known := types1.Load(); known != nil && *known == t {
		return server1
	}
	if known := types2.Load(); known != nil && *known == t {
		return server2
	}
	return learn(w, t)
}

// learn looks at a writer's type. A release of Go in which the server's writers
// can do other things than these has none: every writer is somebody's then,
// which costs a little more.
func learn(w http.ResponseWriter, t reflect.Type) owner {
	if t == nil || t.Kind() != reflect.Pointer || t.Elem().PkgPath() != "net/http" {
		return nobody
	}
	_, pushes := w.(http.Pusher)
	_, reads := w.(io.ReaderFrom)
	switch t.Elem().Name() {
	case "response":
		if _, ok := w.(writer1); ok && !pushes {
			store(&types1, t)
			return server1
		}
	case "http2responseWriter":
		if _, ok := w.(writer2); ok && !reads {
			store(&types2, t)
			return server2
		}
	}
	return nobody
}

// store makes its own copy, so that only what is stored moves to the heap.
func store(known *atomic.Pointer[reflect.Type], t reflect.Type) {
	p := new(reflect.Type)
	*p = t
	known.Store(p)
}
