package bootstrap

import (
	"context"
	"log/slog"
)

// fan hands each line to several handlers, all of which tie it to its trace
// themselves.
type fan []slog.Handler

// Correlates implements orchestrall.CorrelatingHandler.
func (f fan) Correlates() {}

// Enabled implements slog.Handler.
func (f fan) Enabled(ctx context.Context, level slog.Level) bool {
	for _, h := range f {
		if h.Enabled(ctx, level) {
			return true
		}
	}
	return false
}

// Handle implements slog.Handler.
func (f fan) Handle(ctx context.Context, r slog.Record) (err error) {
	for _, h := range f {
		if !h.Enabled(ctx, r.Level) {
			continue
		}
		if e := h.Handle(ctx, r.Clone()); e != nil {
			err = e
		}
	}
	return err
}

// WithAttrs implements slog.Handler.
func (f fan) WithAttrs(attrs []slog.Attr) slog.Handler {
	return f.each(func(h slog.Handler) slog.Handler { return h.WithAttrs(attrs) })
}

// WithGroup implements slog.Handler.
func (f fan) WithGroup(name string) slog.Handler {
	return f.each(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}

// WithService implements orchestrall.ServiceHandler.
func (f fan) WithService(name string) slog.Handler {
	return f.each(func(h slog.Handler) slog.Handler { return named(h, name) })
}

func (f fan) each(change func(slog.Handler) slog.Handler) slog.Handler {
	changed := make(fan, len(f))
	for i, h := range f {
		changed[i] = change(h)
	}
	return changed
}
