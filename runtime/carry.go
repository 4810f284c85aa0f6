package orchestrall

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
)

type carrierKey struct{}

// carrier is a context with the fields that every nested span and log line gets.
type carrier struct {
	context.Context
	fields []attribute.KeyValue // outermost first, each key once
}

// Value implements context.Context.
func (c *carrier) Value(key any) any {
	if key == (carrierKey{}) {
		return c
	}
	return c.Context.Value(key)
}

func carriedFields(ctx context.Context) []attribute.KeyValue {
	c, ok := ctx.(*carrier)
	if !ok {
		if c, ok = ctx.Value(carrierKey{}).(*carrier); !ok {
			return nil
		}
	}
	return c.fields
}

// carriers is a block from which the contexts of short calls are cut, so that a
// call that carries a new value does not have to allocate for itself. None is
// ever used again: a context may outlive its call, and must say what it said
// then. What a block costs is that it lives as long as the last of its contexts
// does, and the others' parents with it; so blocks are small, and operations
// that take their time do not use them.
type carriers struct {
	one  [carriersInBlock]carrier
	room [carriersInBlock]attribute.KeyValue
	used int
	left []attribute.KeyValue // of room, or of what came after it
}

const carriersInBlock = 8

// blocks has at most one block that is not used up for every processor.
var blocks = sync.Pool{New: func() any {
	b := new(carriers)
	b.left = b.room[:]
	return b
}}

// cut returns a context below ctx with room for n fields.
func cut(ctx context.Context, n int) *carrier {
	b := blocks.Get().(*carriers)
	c := &b.one[b.used]
	b.used++
	if n > len(b.left) {
		b.left = make([]attribute.KeyValue, n*max(1, carriersInBlock-b.used))
	}
	c.Context, c.fields = ctx, b.left[:0:n]
	b.left = b.left[n:]
	if b.used < carriersInBlock {
		blocks.Put(b)
	}
	return c
}

// longCall is how long a call takes when an allocation more is nothing to it.
const longCall = 10 * time.Millisecond

// carry evaluates the fields that nested calls get, too.
func (c *Call) carry(fill func(int) Value) (changed bool) {
	var room [4]attribute.KeyValue
	own := evalAll(room[:0], c.state.carried, fill)
	old := carriedFields(c.ctx)
	if carriesAll(old, own) {
		return false
	}
	var next *carrier
	if n := len(old) + len(own); c.state.long.Load() || n > carriersInBlock {
		next = newCarrier(c.ctx, n)
	} else {
		next = cut(c.ctx, n)
	}
	next.fields = merged(next.fields, old, own)
	c.ctx = next
	return true
}

func newCarrier(ctx context.Context, n int) *carrier {
	return &carrier{ctx, make([]attribute.KeyValue, 0, n)}
}

// carry adds fields to what ctx carries already. It returns ctx itself when
// that says the same, as it does when a call hands its own fields on.
func carry(ctx context.Context, fields []attribute.KeyValue) (context.Context, bool) {
	old := carriedFields(ctx)
	if carriesAll(old, fields) {
		return ctx, false
	}
	c := newCarrier(ctx, len(old)+len(fields))
	c.fields = merged(c.fields, old, fields)
	return c, true
}

// merged appends both to all, which is empty; fields replace old ones.
func merged(all, old, fields []attribute.KeyValue) []attribute.KeyValue {
	all = append(all, old...)
next:
	for _, kv := range fields {
		for i := range all {
			if all[i].Key == kv.Key {
				all[i] = kv
				continue next
			}
		}
		all = append(all, kv)
	}
	return all
}

func carriesAll(old, fields []attribute.KeyValue) bool {
next:
	for _, kv := range fields {
		for _, o := range old {
			if o == kv {
				continue next
			}
		}
		return false
	}
	return true
}

// CarriedAttrs returns the fields that ctx carries, outermost first.
func CarriedAttrs(ctx context.Context) []slog.Attr {
	if ctx == nil {
		return nil
	}
	return slogAttrs(nil, carriedFields(ctx))
}

func slogAttrs(attrs []slog.Attr, kvs []attribute.KeyValue) []slog.Attr {
	for _, kv := range kvs {
		attrs = append(attrs, slog.Attr{Key: string(kv.Key), Value: Value{kv.Value}.slogValue()})
	}
	return attrs
}

// Keys of the fields that services carry most, spelled as the dashboards look
// for them.
const (
	UserIDKey      = "userId"
	AgentIDKey     = "agentId"
	RequestIDKey   = "requestId"
	ExecutionIDKey = "executionId"
)

// WithFields returns a context that carries fields to every span that starts
// below it and to every log line that is written with it, like ctx.KEY in a
// directive. The fields are pairs of key and value, or slog.Attr, as slog takes
// them; a later value of the same key replaces the earlier one. Values under
// keys such as password or token are masked.
//
// The span that runs already does not get the fields.
func WithFields(ctx context.Context, fields ...any) context.Context {
	if ctx == nil {
		ctx = context.Background()
	}
	var r slog.Record
	r.Add(fields...)
	kvs := make([]attribute.KeyValue, 0, r.NumAttrs())
	for a := range r.Attrs {
		if a.Key == "" {
			continue
		}
		f := newField(0, Field{Key: a.Key})
		v := f.eval(func(int) Value { return Of(a.Value.Resolve().Any()) })
		kvs = append(kvs, attribute.KeyValue{Key: f.key, Value: v.v})
	}
	if len(kvs) == 0 {
		return ctx
	}
	ctx, _ = carry(ctx, kvs)
	return ctx
}

// CarriedAttributes is CarriedAttrs for spans.
func CarriedAttributes(ctx context.Context) []attribute.KeyValue {
	if ctx == nil {
		return nil
	}
	return slices.Clone(carriedFields(ctx))
}
