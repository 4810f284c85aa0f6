// Package stdlog stands between woven code and the standard library's loggers:
// log/slog, whose lines get the ids of the trace that their context belongs to,
// and package log, whose lines get them where the function that writes has a
// context.
//
// What a program formats stays as it formats it. In package log's text the ids
// are a suffix, traceId=… spanId=…; in a slog handler they are attributes.
package stdlog

import (
	"log/slog"
	"reflect"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// New is [slog.New].
func New(h slog.Handler) *slog.Logger { return slog.New(correlated(h)) }

// SetDefault is [slog.SetDefault]. A logger that woven code has made stays the
// very logger.
func SetDefault(l *slog.Logger) {
	if l == nil {
		slog.SetDefault(l)
		return
	}
	if h := l.Handler(); !same(h, correlated(h)) {
		l = slog.New(correlated(h))
	}
	slog.SetDefault(l)
}

// Handler is [slog.Logger.Handler]: the program gets the handler that it gave
// to New.
func Handler(l *slog.Logger) slog.Handler {
	h := l.Handler()
	if own, ok := h.(*orchestrall.Handler); ok {
		return own.Unwrap()
	}
	return h
}

// correlated wraps a handler once. slog's own default handler stays: it writes
// through package log, and SetDefault knows it by its type.
func correlated(h slog.Handler) slog.Handler {
	if h == nil || isPlain(h) {
		return h
	}
	return orchestrall.NewHandler(h)
}

var plainType = func() reflect.Type {
	if t := reflect.TypeOf(slog.Default().Handler()); t.String() == "*slog.defaultHandler" {
		return t
	}
	return nil // somebody was earlier
}()

// isPlain reports whether a handler is slog's own default, or made of it.
func isPlain(h slog.Handler) bool { return reflect.TypeOf(h) == plainType && plainType != nil }

// same compares handlers of any type; only ours are left as they are.
func same(h, wrapped slog.Handler) bool {
	own, ok := wrapped.(*orchestrall.Handler)
	if !ok {
		return true
	}
	before, ok := h.(*orchestrall.Handler)
	return ok && before == own
}
