package orchestrall

import (
	"context"
	"log/slog"
	"slices"

	"go.opentelemetry.io/otel/attribute"
)

// Handler is a slog.Handler that ties every line to its trace.
type Handler struct {
	inner  slog.Handler
	own    bool    // inner is a CorrelatingHandler
	groups []group // open groups, outermost first; inner knows nothing of them
}

// CorrelatingHandler is a slog.Handler that looks up itself what ties a line to
// its trace: the span in the context, and [CarriedFields]. NewHandler hands it
// records as they come, groups and all. bootstrap's is one.
type CorrelatingHandler interface {
	slog.Handler
	Correlates()
}

// group is a name from WithGroup and the attributes that came after it.
type group struct {
	name  string
	attrs []slog.Attr
}

// NewHandler wraps inner: each line whose context has a span gets traceId and
// spanId, and the fields that the context carries, all at the top level
// whatever groups are open. Attributes of the same name that the line brings
// itself stay as they are.
func NewHandler(inner slog.Handler) slog.Handler {
	if h, ok := inner.(*Handler); ok {
		return h
	}
	return newHandler(inner)
}

func newHandler(inner slog.Handler) *Handler {
	_, own := inner.(CorrelatingHandler)
	return &Handler{inner: inner, own: own}
}

// Enabled implements slog.Handler.
func (h *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.inner.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	if ctx == nil {
		ctx = context.Background()
	}
	writing.Add(1)
	defer writing.Add(-1)
	if h.own {
		return h.inner.Handle(ctx, r)
	}
	more := correlation(ctx)
	if len(h.groups) > 0 {
		r = h.nested(r)
	}
	if len(more) > 0 {
		r = extended(r, more)
	}
	return h.inner.Handle(ctx, r)
}

// extended is the record with more attributes, but for those that it brings
// itself. It stands apart, since the record moves to the heap in here.
func extended(r slog.Record, more []slog.Attr) slog.Record {
	r = r.Clone()
	r.AddAttrs(without(more, r.Attrs)...)
	return r
}

// nested is the record with its attributes inside the open groups.
func (h *Handler) nested(r slog.Record) slog.Record {
	attrs := slices.Collect(r.Attrs)
	for _, g := range slices.Backward(h.groups) {
		attrs = []slog.Attr{{Key: g.name, Value: slog.GroupValue(slices.Concat(g.attrs, attrs)...)}}
	}
	out := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	out.AddAttrs(attrs...)
	return out
}

// WithAttrs implements slog.Handler.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	if len(h.groups) == 0 {
		return newHandler(h.inner.WithAttrs(attrs))
	}
	groups := slices.Clone(h.groups)
	last := &groups[len(groups)-1]
	last.attrs = slices.Concat(last.attrs, attrs)
	return &Handler{inner: h.inner, groups: groups}
}

// WithGroup implements slog.Handler.
func (h *Handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	if h.own {
		return newHandler(h.inner.WithGroup(name))
	}
	return &Handler{inner: h.inner, groups: append(slices.Clone(h.groups), group{name: name})}
}

// CarriedFields returns the fields that ctx carries, outermost first, each key
// once. They are not the caller's to change.
func CarriedFields(ctx context.Context) []attribute.KeyValue {
	if ctx == nil {
		return nil
	}
	return carriedFields(ctx)
}
