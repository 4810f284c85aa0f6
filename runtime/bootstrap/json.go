package bootstrap

import (
	"context"
	"encoding/hex"
	"log/slog"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// jsonHandler writes lines of which docs/logs.md is the reference. What stands
// at the top level is decided here and by nobody's attributes: these are in
// metadata, each key once, whatever the program does.
//
// slog's own handler could be made to write the same, but only by taking its
// line apart again, for half as much again as it costs.
type jsonHandler struct {
	level   slog.Level
	service string
	named   []byte      // ,"service":"…"
	top     []slog.Attr // from WithAttrs, for the top level
	parts   []section   // of metadata: its own attributes, then those of each open group
	clashes bool        // a group is called like an attribute beside it
	sinks   []sink
}

// section is what WithAttrs has added to one group.
type section struct {
	name  string
	attrs []slog.Attr // no key twice
	text  []byte      // the same as JSON
	keys  keySet
}

// sink takes finished lines. It may keep nothing of the line.
type sink interface{ take(l *line) error }

func newJSONHandler(level slog.Level, sinks ...sink) *jsonHandler {
	return &jsonHandler{level: level, sinks: sinks, parts: []section{{}}}
}

// WithService returns a handler that names the service on every line.
func (h *jsonHandler) WithService(name string) slog.Handler {
	c := *h
	c.service = name
	c.named = appendString([]byte(`,"service":`), name)
	return &c
}

// Correlates implements orchestrall.CorrelatingHandler.
func (h *jsonHandler) Correlates() {}

// Enabled implements slog.Handler.
func (h *jsonHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

// WithAttrs implements slog.Handler.
func (h *jsonHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.parts = slices.Clone(h.parts)
	last := &c.parts[len(c.parts)-1]
	l := new(line)
	if len(c.parts) == 1 {
		for _, a := range h.top {
			l.sort(a)
		}
		for _, a := range attrs {
			l.sort(a)
		}
		c.top = l.promoted()
		attrs = l.own
	}
	last.attrs = merged(slices.Concat(last.attrs, attrs))
	last.text = appendMembers([]byte{'{'}, last.attrs, 0)[1:]
	last.keys = 0
	for i := range last.attrs {
		last.keys |= bitOf(last.attrs[i].Key)
	}
	return &c
}

// WithGroup implements slog.Handler.
func (h *jsonHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	c := *h
	c.clashes = h.clashes || hasKey(h.parts[len(h.parts)-1].attrs, name)
	c.parts = append(slices.Clone(h.parts), section{name: name})
	return &c
}

// line is a line in the making.
type line struct {
	at      time.Time
	level   slog.Level
	service string
	message string
	text    []byte

	ctx     context.Context
	handler *jsonHandler
	carried []attribute.KeyValue

	own    []slog.Attr // in the innermost group
	root   []slog.Attr // in metadata itself, where that is not the innermost group
	ids    [len(idKeys)]slog.Attr
	failed slog.Attr
}

var linePool = sync.Pool{New: func() any { return &line{text: make([]byte, 0, 1<<10), own: make([]slog.Attr, 0, 16)} }}

// maxKept is how long a line may be whose memory is used again.
const maxKept = 16 << 10

func (l *line) free() {
	if cap(l.text) > maxKept || cap(l.own) > 256 {
		return
	}
	clear(l.own[:cap(l.own)]) // or they would keep what they point to alive
	*l = line{text: l.text, own: l.own[:0]}
	linePool.Put(l)
}

// Handle implements slog.Handler.
func (h *jsonHandler) Handle(ctx context.Context, r slog.Record) (err error) {
	l := linePool.Get().(*line)
	defer l.free()
	h.write(l, ctx, &r)
	for _, s := range h.sinks {
		if e := s.take(l); e != nil {
			err = e
		}
	}
	return err
}

var levelHeads = [4]string{
	`"level":"DEBUG","message":`, `"level":"INFO","message":`, `"level":"WARN","message":`, `"level":"ERROR","message":`,
}

func (h *jsonHandler) write(l *line, ctx context.Context, r *slog.Record) {
	l.at, l.level, l.service, l.message = r.Time, r.Level, h.service, r.Message
	l.ctx, l.handler, l.carried = ctx, h, orchestrall.CarriedFields(ctx)
	b := append(l.text[:0], '{')
	if !r.Time.IsZero() {
		b = append(b, `"timestamp":"`...)
		b = append(appendStamp(b, r.Time), `",`...)
	}
	if i := levelIndex(r.Level); r.Level == levels[i] {
		b = append(b, levelHeads[i]...)
	} else {
		b = append(appendString(append(b, `"level":`...), r.Level.String()), `,"message":`...)
	}
	b = appendString(b, r.Message)
	b = append(b, h.named...)
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		traceID, spanID := sc.TraceID(), sc.SpanID()
		b = hex.AppendEncode(append(b, `,"traceId":"`...), traceID[:])
		b = hex.AppendEncode(append(b, `","spanId":"`...), spanID[:])
		b = append(b, '"')
	}
	grouped := len(h.parts) > 1
	for _, a := range h.top {
		l.sort(a)
	}
	if grouped {
		if len(l.own) > 0 { // what the logger was given before it had a group
			l.root, l.own = slices.Clone(l.own), l.own[:0]
		}
		r.Attrs(func(a slog.Attr) bool {
			l.own = append(l.own, a)
			return true
		})
	} else {
		r.Attrs(func(a slog.Attr) bool {
			l.sort(a)
			return true
		})
	}
	b = l.appendTop(b, grouped)
	b = h.appendMetadata(b, l)
	l.text = append(b, '}', '\n')
}

// idKeys are the fields that stand at the top level even where a line brings
// them itself and its context does not carry them.
var idKeys = [...]string{orchestrall.UserIDKey, orchestrall.AgentIDKey, orchestrall.RequestIDKey, orchestrall.ExecutionIDKey}

// sort tells the few attributes that have a place of their own from the rest.
func (l *line) sort(a slog.Attr) {
	switch a.Key {
	case orchestrall.UserIDKey:
		l.ids[0] = a
	case orchestrall.AgentIDKey:
		l.ids[1] = a
	case orchestrall.RequestIDKey:
		l.ids[2] = a
	case orchestrall.ExecutionIDKey:
		l.ids[3] = a
	case orchestrall.ErrorKey, "err":
		if !l.fails(a) {
			l.own = append(l.own, a)
		}
	case orchestrall.MetadataKey:
		if a.Value = resolved(a.Value); a.Value.Kind() == slog.KindGroup {
			l.own = append(l.own, a.Value.Group()...)
			return
		}
		l.own = append(l.own, a)
	default:
		l.own = append(l.own, a)
	}
}

// fails takes the attribute for the line's error if it says what went wrong.
// The last one counts; the one before stays with the others.
func (l *line) fails(a slog.Attr) bool {
	a.Value = resolved(a.Value)
	switch a.Value.Kind() {
	case slog.KindString:
	case slog.KindGroup:
		if len(a.Value.Group()) == 0 {
			return true
		}
	case slog.KindAny:
		if _, is := a.Value.Any().(error); !is {
			return false
		}
	default:
		return false
	}
	if l.failed.Key != "" {
		l.own = append(l.own, l.failed)
	}
	l.failed = a
	return true
}

// promoted is what sort has found for the top level.
func (l *line) promoted() (attrs []slog.Attr) {
	for _, a := range l.ids {
		if a.Key != "" {
			attrs = append(attrs, a)
		}
	}
	if l.failed.Key != "" {
		attrs = append(attrs, l.failed)
	}
	return attrs
}

// appendTop appends what the context carries, ids and the error. What is
// carried under a name that is taken goes into metadata.
func (l *line) appendTop(b []byte, grouped bool) []byte {
	rest := &l.own
	if grouped {
		rest = &l.root
	}
	for i := range l.carried {
		kv := &l.carried[i]
		if key := string(kv.Key); ownKey(key) {
			*rest = append(*rest, slog.Attr{Key: key, Value: slogValue(kv.Value)})
		} else {
			b = append(appendString(append(b, ','), key), ':')
			b = appendValue(b, slogValue(kv.Value), 0)
		}
	}
	for i := range l.ids {
		a := &l.ids[i]
		if a.Key == "" {
			continue
		}
		if l.carries(a.Key) {
			*rest = append(*rest, *a)
			continue
		}
		b = appendMember(b, a.Key, a.Value, 0)
	}
	if v := l.failed.Value; l.failed.Key != "" {
		if v.Kind() == slog.KindString {
			b = appendString(append(b, `,"error":{"message":`...), v.String())
			return append(b, '}')
		}
		b = appendMember(b, orchestrall.ErrorKey, v, 0)
	}
	return b
}

func (l *line) carries(key string) bool {
	return slices.ContainsFunc(l.carried, func(kv attribute.KeyValue) bool { return string(kv.Key) == key })
}

// ownKey is true for the names that mean something at the top level.
func ownKey(key string) bool {
	switch key {
	case "timestamp", "level", "message", orchestrall.ServiceKey, orchestrall.TraceIDKey, orchestrall.SpanIDKey,
		orchestrall.ErrorKey, orchestrall.MetadataKey:
		return true
	}
	return false
}

func (h *jsonHandler) appendMetadata(b []byte, l *line) []byte {
	last := &h.parts[len(h.parts)-1]
	if len(l.own) == 0 && len(l.root) == 0 && len(h.parts) == 1 && len(last.text) == 0 {
		return b
	}
	before := len(b)
	b = append(b, `,"metadata":`...)
	start := len(b)
	if h.clashes || len(l.root) > 0 || needsMerge(l.own) || last.shares(l.own) {
		b = appendGroup(b, h.tree(l.own, l.root), 0)
	} else {
		b = h.appendParts(b, 0, l.own)
	}
	if len(b) == start+2 {
		return b[:before]
	}
	return b
}

// shares reports whether one of the attributes is called like one of the
// section's own.
func (s *section) shares(attrs []slog.Attr) bool {
	for i := range attrs {
		if s.keys&bitOf(attrs[i].Key) != 0 && hasKey(s.attrs, attrs[i].Key) {
			return true
		}
	}
	return false
}

// appendParts appends the object of a section with what is in it.
func (h *jsonHandler) appendParts(b []byte, i int, own []slog.Attr) []byte {
	b = append(append(b, '{'), h.parts[i].text...)
	if i == len(h.parts)-1 {
		return append(appendMembers(b, own, i), '}')
	}
	before := len(b)
	if b[before-1] != '{' {
		b = append(b, ',')
	}
	b = append(appendString(b, h.parts[i+1].name), ':')
	start := len(b)
	if b = h.appendParts(b, i+1, own); len(b) == start+2 {
		b = b[:before]
	}
	return append(b, '}')
}

// tree is metadata as attributes, to be merged.
func (h *jsonHandler) tree(own, root []slog.Attr) []slog.Attr {
	attrs := own
	for i := len(h.parts) - 1; i > 0; i-- {
		inner := slices.Concat(h.parts[i].attrs, attrs)
		attrs = []slog.Attr{{Key: h.parts[i].name, Value: slog.GroupValue(inner...)}}
	}
	return merged(slices.Concat(h.parts[0].attrs, root, attrs))
}

// slogValue is v for a log line.
func slogValue(v attribute.Value) slog.Value {
	switch v.Type() {
	case attribute.STRING:
		return slog.StringValue(v.AsString())
	case attribute.INT64:
		return slog.Int64Value(v.AsInt64())
	case attribute.BOOL:
		return slog.BoolValue(v.AsBool())
	case attribute.FLOAT64:
		return slog.Float64Value(v.AsFloat64())
	}
	return slog.AnyValue(v.AsInterface())
}
