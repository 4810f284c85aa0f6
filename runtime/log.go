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

// MetadataKey is the group of a log line that holds what belongs to the line
// rather than to the request: what the runtime knows about the call, and in the
// bootstrap's lines the attributes of the program as well. ErrorKey is the group
// that describes an error.
const (
	MetadataKey = "metadata"
	ErrorKey    = "error"
)

// endLine writes the line at the end of a call, below the deferred function.
func (c *Call) endLine(level slog.Level, message string, o *outcome) {
	status := statusSuccess
	if o.failure != nil {
		status = statusFailed
	}
	about := []slog.Attr{
		slog.String("status", status),
		slog.Float64("duration", milliseconds(o.elapsed)),
	}
	if o.slow {
		about = append(about, slog.Float64("slowLimit", milliseconds(c.state.slow)))
	}
	if o.failure != nil {
		c.write(level, message, c.kvs(), about, o.failureAttr())
		return
	}
	if o.err != nil { // ignored, but a reader of the line wants to see it
		about = append(about, slog.String("ignoredError", messageOf(o.err)))
	}
	c.line(level, message, c.kvs(), about...)
}

// failureAttr describes the failure with its stack. Of a panic only the call
// that it passes first has one.
func (o *outcome) failureAttr() slog.Attr {
	f := *o.failure
	if o.err != nil || f.stack != "" {
		f.stack = callStack()
	}
	return f.slogAttr(causesOf(o.err))
}

func (f *failure) slogAttr(causes []cause) slog.Attr {
	group := []slog.Attr{slog.String("name", f.name), slog.String("message", f.message)}
	if len(causes) > 0 {
		group = append(group, slog.Any("causes", causes))
	}
	if f.stack != "" {
		group = append(group, slog.String("stack", f.stack))
	}
	return slog.Attr{Key: ErrorKey, Value: slog.GroupValue(group...)}
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
func (c *Call) line(level slog.Level, message string, kvs []attribute.KeyValue, about ...slog.Attr) {
	c.write(level, message, kvs, about)
}

// write is line with attributes that stand beside the metadata.
func (c *Call) write(level slog.Level, message string, kvs []attribute.KeyValue, about []slog.Attr, beside ...slog.Attr) {
	if withinLine() {
		return
	}
	defer contain()
	meta := make([]slog.Attr, 0, len(c.state.logAttrs)+len(about)+len(kvs)+8)
	meta = append(meta, c.state.logAttrs...)
	meta = append(meta, about...)
	meta = c.labelAttrs(addFields(meta, kvs))
	attrs := make([]slog.Attr, 1, 8) // room for the ids
	attrs[0] = metadata(meta)
	writeLine(c.ctx, level, message, append(attrs, beside...))
}

func metadata(attrs []slog.Attr) slog.Attr {
	return slog.Attr{Key: MetadataKey, Value: slog.GroupValue(attrs...)}
}

// addFields adds the directive's fields. One that is called like something that
// the line says anyway, such as status, becomes attr.status.
func addFields(meta []slog.Attr, kvs []attribute.KeyValue) []slog.Attr {
	own := len(meta)
	for _, a := range slogAttrs(nil, kvs) {
		if hasKey(meta[:own], a.Key) {
			a.Key = "attr." + a.Key
		}
		meta = append(meta, a)
	}
	return meta
}

// labelAttrs adds the labels that are known since the start, so that lines can
// be told apart as the metric's series can.
func (c *Call) labelAttrs(meta []slog.Attr) []slog.Attr {
	level, leaf := 0, c.leaf
	if c.at != nil {
		leaf = c.at.leaf
	}
	for n := leaf; n != nil && n.parent != nil; n = n.parent {
		level++
	}
	for n := leaf; level > 0; n = n.parent {
		level--
		if key := c.state.metric.keys[level].name; !hasKey(meta, key) {
			meta = append(meta, slog.String(key, n.value))
		}
	}
	return meta
}

func hasKey(attrs []slog.Attr, key string) bool {
	return slices.ContainsFunc(attrs, func(a slog.Attr) bool { return a.Key == key })
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
