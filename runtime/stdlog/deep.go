package stdlog

import (
	"context"
	"log/slog"
	"sync/atomic"
	_ "unsafe" // for go:linkname

	"go.opentelemetry.io/otel/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// What a log/slog asks that was built with deep hooks. In any other build the
// variable is this package's own, and nobody asks it. The build adds a file with
// the other half to log/slog, which marks the variable for the linker.
//
//go:linkname deepHandle log/slog.orchestrallHandle
var deepHandle atomic.Pointer[func(context.Context, slog.Handler, slog.Record) error]

// plain is the handler of the loggers that packages take from slog.Default
// while they are initialized; nil where another one is the default by now. What
// it writes goes through package log, which knows no context.
var plain slog.Handler

func init() {
	if h := slog.Default().Handler(); isPlain(h) {
		plain = h
	}
	handle := handleAny
	deepHandle.Store(&handle)
}

// handleAny is what a logger does with a record, whoever made the logger. Lines
// without anything to add stay as they are.
func handleAny(ctx context.Context, h slog.Handler, r slog.Record) error {
	switch h.(type) {
	case *orchestrall.Handler, orchestrall.CorrelatingHandler:
		return h.Handle(ctx, r)
	}
	if !trace.SpanContextFromContext(ctx).IsValid() && len(orchestrall.CarriedFields(ctx)) == 0 {
		return h.Handle(ctx, r)
	}
	if plain != nil && h == plain {
		if now := slog.Default().Handler(); now != plain {
			if !now.Enabled(ctx, r.Level) {
				return nil
			}
			h = now
		}
	}
	return orchestrall.NewHandler(h).Handle(ctx, r)
}
