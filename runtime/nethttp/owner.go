package nethttp

import (
	"io"
	"net/http"
	"reflect"
	"sync/atomic"
	"unsafe"
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

// The types of the server's writers, once they were seen, as the first word of an
// interface has them.
var type1, type2 atomic.Uintptr

// ownerOf tells the server's writers, whose types are not exported.
func ownerOf(w http.ResponseWriter) owner {
	switch t := *(*uintptr)(unsafe.Pointer(&w)); t {
	case 0:
		return nobody
	case type1.Load():
		return server1
	case type2.Load():
		return server2
	default:
		return learn(w, t)
	}
}

// learn looks at a writer's type. A release of Go in which the server's writers
// can do other things than these has none: every writer is somebody's then,
// which costs a little more.
func learn(w http.ResponseWriter, word uintptr) owner {
	t := reflect.TypeOf(w)
	if t == nil || t.Kind() != reflect.Pointer || t.Elem().PkgPath() != "net/http" {
		return nobody
	}
	_, pushes := w.(http.Pusher)
	_, reads := w.(io.ReaderFrom)
	switch t.Elem().Name() {
	case "response":
		if _, ok := w.(writer1); ok && !pushes {
			type1.Store(word)
			return server1
		}
	case "http2responseWriter":
		if _, ok := w.(writer2); ok && !reads {
			type2.Store(word)
			return server2
		}
	}
	return nobody
}
