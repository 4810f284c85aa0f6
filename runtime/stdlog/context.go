package stdlog

import (
	"context"
	"log/slog"
	"runtime"
	"time"
)

// The functions below are those of log/slog that take no context, with the
// context of the function that calls them. Woven code calls them where there is
// one.

// Debug is [slog.Debug].
func Debug(ctx context.Context, msg string, args ...any) {
	say(ctx, slog.Default(), slog.LevelDebug, msg, args)
}

// Info is [slog.Info].
func Info(ctx context.Context, msg string, args ...any) {
	say(ctx, slog.Default(), slog.LevelInfo, msg, args)
}

// Warn is [slog.Warn].
func Warn(ctx context.Context, msg string, args ...any) {
	say(ctx, slog.Default(), slog.LevelWarn, msg, args)
}

// Error is [slog.Error].
func Error(ctx context.Context, msg string, args ...any) {
	say(ctx, slog.Default(), slog.LevelError, msg, args)
}

// LoggerDebug is [slog.Logger.Debug].
func LoggerDebug(ctx context.Context, l *slog.Logger, msg string, args ...any) {
	say(ctx, l, slog.LevelDebug, msg, args)
}

// LoggerInfo is [slog.Logger.Info].
func LoggerInfo(ctx context.Context, l *slog.Logger, msg string, args ...any) {
	say(ctx, l, slog.LevelInfo, msg, args)
}

// LoggerWarn is [slog.Logger.Warn].
func LoggerWarn(ctx context.Context, l *slog.Logger, msg string, args ...any) {
	say(ctx, l, slog.LevelWarn, msg, args)
}

// LoggerError is [slog.Logger.Error].
func LoggerError(ctx context.Context, l *slog.Logger, msg string, args ...any) {
	say(ctx, l, slog.LevelError, msg, args)
}

// The methods that are called with a context are woven for the loggers that a
// program takes from slog while it is initialized, see late.

// LoggerDebugContext is [slog.Logger.DebugContext].
func LoggerDebugContext(l *slog.Logger, ctx context.Context, msg string, args ...any) {
	say(ctx, l, slog.LevelDebug, msg, args)
}

// LoggerInfoContext is [slog.Logger.InfoContext].
func LoggerInfoContext(l *slog.Logger, ctx context.Context, msg string, args ...any) {
	say(ctx, l, slog.LevelInfo, msg, args)
}

// LoggerWarnContext is [slog.Logger.WarnContext].
func LoggerWarnContext(l *slog.Logger, ctx context.Context, msg string, args ...any) {
	say(ctx, l, slog.LevelWarn, msg, args)
}

// LoggerErrorContext is [slog.Logger.ErrorContext].
func LoggerErrorContext(l *slog.Logger, ctx context.Context, msg string, args ...any) {
	say(ctx, l, slog.LevelError, msg, args)
}

// toProgram skips runtime.Callers, say and the function that calls it, so that
// a record's source is the program's own line.
const toProgram = 3

// say is what slog's own functions do, with a context.
func say(ctx context.Context, l *slog.Logger, level slog.Level, msg string, args []any) {
	if ctx == nil {
		ctx = context.Background()
	}
	if !l.Enabled(ctx, level) {
		return
	}
	var pcs [1]uintptr
	runtime.Callers(toProgram, pcs[:])
	r := slog.NewRecord(time.Now(), level, msg, pcs[0])
	r.Add(args...)
	if h := l.Handler(); late(h) {
		_ = handleAny(ctx, h, r)
	} else {
		_ = h.Handle(ctx, r)
	}
}

// late reports whether a handler writes through package log, which knows no
// context, to another one that has become the default since.
func late(h slog.Handler) bool {
	return isPlain(h) && !isPlain(slog.Default().Handler())
}
