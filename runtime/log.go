package orchestrall

import (
	"context"
	"iter"
	"log/slog"
	"reflect"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// Keys of the log attributes that tie a line to its trace.
const (
	TraceIDKey = "traceId"
	SpanIDKey  = "spanId"
)

func (c *Call) endLine(level slog.Level, message string, o *outcome) {
	status := statusSuccess
	if o.failure != nil {
		status = statusFailed
	}
	// Microseconds are as exact as the clock is honest.
	attrs := []slog.Attr{
		slog.String("status", status),
		slog.Float64("duration_ms", milliseconds(o.elapsed)),
	}
	if o.slow {
		attrs = append(attrs, slog.Float64("slow_limit_ms", milliseconds(c.state.slow)))
	}
	switch {
	case o.failure != nil:
		attrs = append(attrs, o.failure.slogAttr())
	case o.err != nil: // ignored, but a reader of the line wants to see it
		attrs = append(attrs, slog.String("ignored_error", messageOf(o.err)))
	}
	c.line(level, message, c.kvs(), attrs...)
}

func (f *failure) slogAttr() slog.Attr {
	group := []slog.Attr{slog.String("name", f.name), slog.String("message", f.message)}
	if f.stack != "" {
		group = append(group, slog.String("stack", f.stack))
	}
	return slog.Attr{Key: "error", Value: slog.GroupValue(group...)}
}

// writing is how many lines are on their way through a handler.
var writing atomic.Int32

// Entries of the functions that bring a line to a handler. They are found in
// init, since they call what reads them.
var lineEntry, handleEntry uintptr

func init() {
	lineEntry = reflect.ValueOf(writeLine).Pointer()
	handleEntry = reflect.ValueOf((*Handler).Handle).Pointer()
}

// withinLine reports whether the call runs below a line that is being written:
// a handler, or a writer below it, is instrumented itself. It must not answer
// each line with another, and may hold a lock that the other would wait for.
// The stack is looked at only when somebody is writing at all.
func withinLine() bool {
	if writing.Load() == 0 {
		return false
	}
	var stack [256]uintptr
	for _, pc := range stack[:runtime.Callers(3, stack[:])] {
		if f := runtime.FuncForPC(pc - 1); f != nil && (f.Entry() == lineEntry || f.Entry() == handleEntry) {
			return true
		}
	}
	return false
}

// line writes one line of the runtime's own.
func (c *Call) line(level slog.Level, message string, kvs []attribute.KeyValue, more ...slog.Attr) {
	if withinLine() {
		return
	}
	defer contain()
	attrs := make([]slog.Attr, 0, len(c.state.logAttrs)+len(more)+len(kvs)+4)
	attrs = append(attrs, c.state.logAttrs...)
	attrs = append(attrs, more...)
	attrs = slogAttrs(attrs, kvs)
	writeLine(c.ctx, level, message, attrs)
}

// writeLine hands a line to whatever logger the program has installed.
func writeLine(ctx context.Context, level slog.Level, message string, attrs []slog.Attr) {
	writing.Add(1)
	defer writing.Add(-1)
	r := slog.NewRecord(time.Now(), level, message, 0)
	h := slog.Default().Handler()
	if _, ok := h.(*Handler); !ok {
		attrs = append(attrs, without(correlation(ctx), slices.Values(attrs))...)
	}
	r.AddAttrs(attrs...)
	_ = h.Handle(ctx, r)
}

// correlation is what ties a line to its trace: the ids of the span in ctx and
// the fields that ctx carries.
func correlation(ctx context.Context) []slog.Attr {
	fields := carriedFields(ctx)
	sc := trace.SpanContextFromContext(ctx)
	if !sc.IsValid() && len(fields) == 0 {
		return nil
	}
	attrs := make([]slog.Attr, 0, 2+len(fields))
	if sc.IsValid() {
		attrs = append(attrs, slog.String(TraceIDKey, sc.TraceID().String()), slog.String(SpanIDKey, sc.SpanID().String()))
	}
	return slogAttrs(attrs, fields)
}

// without removes what the line says itself under the same key.
func without(attrs []slog.Attr, own iter.Seq[slog.Attr]) []slog.Attr {
	if len(attrs) == 0 {
		return nil
	}
	for o := range own {
		attrs = slices.DeleteFunc(attrs, func(a slog.Attr) bool { return a.Key == o.Key })
	}
	return attrs
}

// milliseconds keeps as many digits as an operator can use.
func milliseconds(d time.Duration) float64 { return float64(d.Round(time.Microsecond)) / 1e6 }
