package orchestrall

import (
	"context"
	"log/slog"

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

// carry adds fields to what ctx carries already. It returns ctx itself when
// that says the same, as it does when a call hands its own fields on.
func carry(ctx context.Context, fields []attribute.KeyValue) (context.Context, bool) {
	old := carriedFields(ctx)
	if carriesAll(old, fields) {
		return ctx, false
	}
	all := make([]attribute.KeyValue, len(old), len(old)+len(fields))
	copy(all, old)
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
	return &carrier{ctx, all}, true
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
