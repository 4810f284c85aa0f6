package orchestrall

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

type level = slog.Level

const (
	levelFailed = slog.LevelError
	levelSlow   = slog.LevelWarn
)

// Keys of the log attributes that tie a line to its trace.
const (
	TraceIDKey = "traceId"
	SpanIDKey  = "spanId"
)

func (c *Call) endLine(lv level, message string, o *outcome) {
	status := statusSuccess
	if o.failure != nil {
		status = statusFailed
	}
	// Microseconds are as exact as the clock is honest.
	attrs := []slog.Attr{
		slog.String("status", status),
		slog.Float64("duration_ms", float64(o.elapsed.Round(time.Microsecond))/1e6),
	}
	if o.slow {
		attrs = append(attrs, slog.Duration("slow_limit", c.state.slow))
	}
	switch {
	case o.failure != nil:
		attrs = append(attrs, o.failure.slogAttr())
	case o.err != nil: // ignored, but a reader of the line wants to see it
		attrs = append(attrs, slog.String("ignored_error", messageOf(o.err)))
	}
	c.line(lv, message, c.kvs(), attrs...)
}

func (f *failure) slogAttr() slog.Attr {
	group := []slog.Attr{slog.String("name", f.name), slog.String("message", f.message)}
	if f.stack != "" {
		group = append(group, slog.String("stack", f.stack))
	}
	return slog.Attr{Key: "error", Value: slog.GroupValue(group...)}
}

// line writes one line of the runtime's own.
func (c *Call) line(lv level, message string, kvs []attribute.KeyValue, more ...slog.Attr) {
	defer contain()
	r := slog.NewRecord(time.Now(), lv, message, 0)
	attrs := make([]slog.Attr, 0, len(c.state.logAttrs)+len(more)+len(kvs)+4)
	attrs = append(attrs, c.state.logAttrs...)
	attrs = append(attrs, more...)
	attrs = slogAttrs(attrs, kvs)
	h := slog.Default().Handler()
	if _, ok := h.(*Handler); !ok {
		attrs = correlate(c.ctx, attrs)
	}
	r.AddAttrs(attrs...)
	_ = h.Handle(quiet{c.ctx}, r)
}

// correlate adds the ids of the span in ctx and the carried fields, but no key
// that is there already.
func correlate(ctx context.Context, attrs []slog.Attr) []slog.Attr {
	own := attrs
	add := func(a slog.Attr) {
		if !slices.ContainsFunc(own, func(o slog.Attr) bool { return o.Key == a.Key }) {
			attrs = append(attrs, a)
		}
	}
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		add(slog.String(TraceIDKey, sc.TraceID().String()))
		add(slog.String(SpanIDKey, sc.SpanID().String()))
	}
	for _, kv := range carriedFields(ctx) {
		add(slog.Attr{Key: string(kv.Key), Value: Value{kv.Value}.slogValue()})
	}
	return attrs
}
