package nethttp

import (
	"io"
	"net/http"
)

// The optional interfaces of a ResponseWriter that is neither of the server's
// two, such as one of a test or of another middleware.
const (
	canFlush = 1 << iota
	canHijack
	canPush
	canReadFrom
	canWriteString
	canNotify
)

func abilities(w http.ResponseWriter) (set int) {
	if _, ok := w.(http.Flusher); ok {
		set |= canFlush
	}
	if _, ok := w.(http.Hijacker); ok {
		set |= canHijack
	}
	if _, ok := w.(http.Pusher); ok {
		set |= canPush
	}
	if _, ok := w.(io.ReaderFrom); ok {
		set |= canReadFrom
	}
	if _, ok := w.(io.StringWriter); ok {
		set |= canWriteString
	}
	if _, ok := w.(closeNotifier); ok {
		set |= canNotify
	}
	return set
}

// shape is the writer with exactly these abilities: a program that asks whether
// it may flush or hijack must get the answer that it would get without us.
func (e *exchange) shape(set int) http.ResponseWriter {
	p := (*plain)(e)
	f, h, u := (*flusher)(e), (*hijacker)(e), (*pusher)(e)
	r, s, n := (*readerFrom)(e), (*stringWriter)(e), (*notifier)(e)
	switch set {
	case canFlush:
		return struct {
			*plain
			*flusher
		}{p, f}
	case canHijack:
		return struct {
			*plain
			*hijacker
		}{p, h}
	case canFlush | canHijack:
		return struct {
			*plain
			*flusher
			*hijacker
		}{p, f, h}
	case canPush:
		return struct {
			*plain
			*pusher
		}{p, u}
	case canFlush | canPush:
		return struct {
			*plain
			*flusher
			*pusher
		}{p, f, u}
	case canHijack | canPush:
		return struct {
			*plain
			*hijacker
			*pusher
		}{p, h, u}
	case canFlush | canHijack | canPush:
		return struct {
			*plain
			*flusher
			*hijacker
			*pusher
		}{p, f, h, u}
	case canReadFrom:
		return struct {
			*plain
			*readerFrom
		}{p, r}
	case canFlush | canReadFrom:
		return struct {
			*plain
			*flusher
			*readerFrom
		}{p, f, r}
	case canHijack | canReadFrom:
		return struct {
			*plain
			*hijacker
			*readerFrom
		}{p, h, r}
	case canFlush | canHijack | canReadFrom:
		return struct {
			*plain
			*flusher
			*hijacker
			*readerFrom
		}{p, f, h, r}
	case canPush | canReadFrom:
		return struct {
			*plain
			*pusher
			*readerFrom
		}{p, u, r}
	case canFlush | canPush | canReadFrom:
		return struct {
			*plain
			*flusher
			*pusher
			*readerFrom
		}{p, f, u, r}
	case canHijack | canPush | canReadFrom:
		return struct {
			*plain
			*hijacker
			*pusher
			*readerFrom
		}{p, h, u, r}
	case canFlush | canHijack | canPush | canReadFrom:
		return struct {
			*plain
			*flusher
			*hijacker
			*pusher
			*readerFrom
		}{p, f, h, u, r}
	case canWriteString:
		return struct {
			*plain
			*stringWriter
		}{p, s}
	case canFlush | canWriteString:
		return struct {
			*plain
			*flusher
			*stringWriter
		}{p, f, s}
	case canHijack | canWriteString:
		return struct {
			*plain
			*hijacker
			*stringWriter
		}{p, h, s}
	case canFlush | canHijack | canWriteString:
		return struct {
			*plain
			*flusher
			*hijacker
			*stringWriter
		}{p, f, h, s}
	case canPush | canWriteString:
		return struct {
			*plain
			*pusher
			*stringWriter
		}{p, u, s}
	case canFlush | canPush | canWriteString:
		return struct {
			*plain
			*flusher
			*pusher
			*stringWriter
		}{p, f, u, s}
	case canHijack | canPush | canWriteString:
		return struct {
			*plain
			*hijacker
			*pusher
			*stringWriter
		}{p, h, u, s}
	case canFlush | canHijack | canPush | canWriteString:
		return struct {
			*plain
			*flusher
			*hijacker
			*pusher
			*stringWriter
		}{p, f, h, u, s}
	case canReadFrom | canWriteString:
		return struct {
			*plain
			*readerFrom
			*stringWriter
		}{p, r, s}
	case canFlush | canReadFrom | canWriteString:
		return struct {
			*plain
			*flusher
			*readerFrom
			*stringWriter
		}{p, f, r, s}
	case canHijack | canReadFrom | canWriteString:
		return struct {
			*plain
			*hijacker
			*readerFrom
			*stringWriter
		}{p, h, r, s}
	case canFlush | canHijack | canReadFrom | canWriteString:
		return struct {
			*plain
			*flusher
			*hijacker
			*readerFrom
			*stringWriter
		}{p, f, h, r, s}
	case canPush | canReadFrom | canWriteString:
		return struct {
			*plain
			*pusher
			*readerFrom
			*stringWriter
		}{p, u, r, s}
	case canFlush | canPush | canReadFrom | canWriteString:
		return struct {
			*plain
			*flusher
			*pusher
			*readerFrom
			*stringWriter
		}{p, f, u, r, s}
	case canHijack | canPush | canReadFrom | canWriteString:
		return struct {
			*plain
			*hijacker
			*pusher
			*readerFrom
			*stringWriter
		}{p, h, u, r, s}
	case canFlush | canHijack | canPush | canReadFrom | canWriteString:
		return struct {
			*plain
			*flusher
			*hijacker
			*pusher
			*readerFrom
			*stringWriter
		}{p, f, h, u, r, s}
	case canNotify:
		return struct {
			*plain
			*notifier
		}{p, n}
	case canFlush | canNotify:
		return struct {
			*plain
			*flusher
			*notifier
		}{p, f, n}
	case canHijack | canNotify:
		return struct {
			*plain
			*hijacker
			*notifier
		}{p, h, n}
	case canFlush | canHijack | canNotify:
		return struct {
			*plain
			*flusher
			*hijacker
			*notifier
		}{p, f, h, n}
	case canPush | canNotify:
		return struct {
			*plain
			*pusher
			*notifier
		}{p, u, n}
	case canFlush | canPush | canNotify:
		return struct {
			*plain
			*flusher
			*pusher
			*notifier
		}{p, f, u, n}
	case canHijack | canPush | canNotify:
		return struct {
			*plain
			*hijacker
			*pusher
			*notifier
		}{p, h, u, n}
	case canFlush | canHijack | canPush | canNotify:
		return struct {
			*plain
			*flusher
			*hijacker
			*pusher
			*notifier
		}{p, f, h, u, n}
	case canReadFrom | canNotify:
		return struct {
			*plain
			*readerFrom
			*notifier
		}{p, r, n}
	case canFlush | canReadFrom | canNotify:
		return struct {
			*plain
			*flusher
			*readerFrom
			*notifier
		}{p, f, r, n}
	case canHijack | canReadFrom | canNotify:
		return struct {
			*plain
			*hijacker
			*readerFrom
			*notifier
		}{p, h, r, n}
	case canFlush | canHijack | canReadFrom | canNotify:
		return struct {
			*plain
			*flusher
			*hijacker
			*readerFrom
			*notifier
		}{p, f, h, r, n}
	case canPush | canReadFrom | canNotify:
		return struct {
			*plain
			*pusher
			*readerFrom
			*notifier
		}{p, u, r, n}
	case canFlush | canPush | canReadFrom | canNotify:
		return struct {
			*plain
			*flusher
			*pusher
			*readerFrom
			*notifier
		}{p, f, u, r, n}
	case canHijack | canPush | canReadFrom | canNotify:
		return struct {
			*plain
			*hijacker
			*pusher
			*readerFrom
			*notifier
		}{p, h, u, r, n}
	case canFlush | canHijack | canPush | canReadFrom | canNotify:
		return struct {
			*plain
			*flusher
			*hijacker
			*pusher
			*readerFrom
			*notifier
		}{p, f, h, u, r, n}
	case canWriteString | canNotify:
		return struct {
			*plain
			*stringWriter
			*notifier
		}{p, s, n}
	case canFlush | canWriteString | canNotify:
		return struct {
			*plain
			*flusher
			*stringWriter
			*notifier
		}{p, f, s, n}
	case canHijack | canWriteString | canNotify:
		return struct {
			*plain
			*hijacker
			*stringWriter
			*notifier
		}{p, h, s, n}
	case canFlush | canHijack | canWriteString | canNotify:
		return struct {
			*plain
			*flusher
			*hijacker
			*stringWriter
			*notifier
		}{p, f, h, s, n}
	case canPush | canWriteString | canNotify:
		return struct {
			*plain
			*pusher
			*stringWriter
			*notifier
		}{p, u, s, n}
	case canFlush | canPush | canWriteString | canNotify:
		return struct {
			*plain
			*flusher
			*pusher
			*stringWriter
			*notifier
		}{p, f, u, s, n}
	case canHijack | canPush | canWriteString | canNotify:
		return struct {
			*plain
			*hijacker
			*pusher
			*stringWriter
			*notifier
		}{p, h, u, s, n}
	case canFlush | canHijack | canPush | canWriteString | canNotify:
		return struct {
			*plain
			*flusher
			*hijacker
			*pusher
			*stringWriter
			*notifier
		}{p, f, h, u, s, n}
	case canReadFrom | canWriteString | canNotify:
		return struct {
			*plain
			*readerFrom
			*stringWriter
			*notifier
		}{p, r, s, n}
	case canFlush | canReadFrom | canWriteString | canNotify:
		return struct {
			*plain
			*flusher
			*readerFrom
			*stringWriter
			*notifier
		}{p, f, r, s, n}
	case canHijack | canReadFrom | canWriteString | canNotify:
		return struct {
			*plain
			*hijacker
			*readerFrom
			*stringWriter
			*notifier
		}{p, h, r, s, n}
	case canFlush | canHijack | canReadFrom | canWriteString | canNotify:
		return struct {
			*plain
			*flusher
			*hijacker
			*readerFrom
			*stringWriter
			*notifier
		}{p, f, h, r, s, n}
	case canPush | canReadFrom | canWriteString | canNotify:
		return struct {
			*plain
			*pusher
			*readerFrom
			*stringWriter
			*notifier
		}{p, u, r, s, n}
	case canFlush | canPush | canReadFrom | canWriteString | canNotify:
		return struct {
			*plain
			*flusher
			*pusher
			*readerFrom
			*stringWriter
			*notifier
		}{p, f, u, r, s, n}
	case canHijack | canPush | canReadFrom | canWriteString | canNotify:
		return struct {
			*plain
			*hijacker
			*pusher
			*readerFrom
			*stringWriter
			*notifier
		}{p, h, u, r, s, n}
	case canFlush | canHijack | canPush | canReadFrom | canWriteString | canNotify:
		return struct {
			*plain
			*flusher
			*hijacker
			*pusher
			*readerFrom
			*stringWriter
			*notifier
		}{p, f, h, u, r, s, n}
	}
	return p
}
