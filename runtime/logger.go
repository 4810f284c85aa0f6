package orchestrall

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
)

// ServiceKey is the log attribute that names the service a line is from.
const ServiceKey = "service"

// NewLogger returns a logger for one part of the program. Its lines go where
// those of slog.Default go at that moment, so it may be made in a package
// variable, before anything is set up; they carry service, and trace ids and
// carried fields whoever made the default logger.
func NewLogger(service string) *slog.Logger {
	return slog.New(&follower{service: service, origin: slog.Default().Handler()})
}

// Err is the log attribute for an error: error: {name, message, causes}, as the
// runtime's own lines have it. name is the error's type in Go, causes are the
// errors that it wraps, at most eight of them. A nil error is left out.
func Err(err error) slog.Attr {
	if err == nil {
		return slog.Attr{}
	}
	return failureOf(err).slogAttr(causesOf(err))
}

// ServiceHandler is a slog.Handler that names the service itself. Its
// WithService returns the same handler for another name, where WithAttrs would
// write the key twice.
type ServiceHandler interface {
	slog.Handler
	WithService(name string) slog.Handler
}

// follower is a handler in front of slog.Default's, whichever that is.
type follower struct {
	service string
	wrap    []func(slog.Handler) slog.Handler // from WithAttrs and WithGroup, in order
	origin  slog.Handler                      // the default when the logger was made
	cached  atomic.Pointer[followed]
}

// followed is what the follower makes of one default logger.
type followed struct {
	logger  *slog.Logger
	handler slog.Handler
}

func (f *follower) target() slog.Handler {
	d := slog.Default()
	if c := f.cached.Load(); c != nil && c.logger == d {
		return c.handler
	}
	h := f.destination(d.Handler())
	own, ok := h.(*Handler)
	if !ok {
		own = newHandler(h)
	}
	h = own.withService(f.service)
	for _, w := range f.wrap {
		h = w(h)
	}
	f.cached.Store(&followed{d, h})
	return h
}

// destination is h, unless h leads back here: a program may well install one
// of our loggers as the default. Then the lines go where they went before that.
func (f *follower) destination(h slog.Handler) slog.Handler {
	for range 8 {
		inner := h
		if own, ok := inner.(*Handler); ok {
			inner = own.inner
		}
		loop, ok := inner.(*follower)
		if !ok {
			return h
		}
		h = loop.origin
		if isPlain(h) { // writes through package log, which slog.SetDefault has led to the new default
			break
		}
	}
	return slog.NewJSONHandler(os.Stderr, nil)
}

// plain is the type of slog's own default handler, which is not exported.
var plain = typeName(slog.Default().Handler())

func isPlain(h slog.Handler) bool { return plain == "*slog.defaultHandler" && typeName(h) == plain }

// Enabled implements slog.Handler.
func (f *follower) Enabled(ctx context.Context, level slog.Level) bool {
	return f.target().Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (f *follower) Handle(ctx context.Context, r slog.Record) error {
	return f.target().Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (f *follower) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return f
	}
	return f.with(func(h slog.Handler) slog.Handler { return h.WithAttrs(attrs) })
}

// WithGroup implements slog.Handler.
func (f *follower) WithGroup(name string) slog.Handler {
	if name == "" {
		return f
	}
	return f.with(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}

func (f *follower) with(w func(slog.Handler) slog.Handler) slog.Handler {
	return &follower{service: f.service, origin: f.origin, wrap: append(slices.Clip(f.wrap), w)}
}

// withService names the service on every line.
func (h *Handler) withService(name string) slog.Handler {
	inner := h.inner
	if own, ok := inner.(ServiceHandler); ok {
		inner = own.WithService(name)
	} else if len(h.groups) == 0 {
		inner = inner.WithAttrs([]slog.Attr{slog.String(ServiceKey, name)})
	}
	named := newHandler(inner)
	named.groups = h.groups
	return named
}
