package orchestrall

import (
	"context"

	"go.opentelemetry.io/otel/trace"
)

// Detached stands for context.Background() in a goroutine that a function with
// a context starts; woven code calls it. The context has no deadline, is never
// canceled and holds none of ctx's values, like the one whose place it takes.
// The first operation below it is the root of a trace of its own, linked to the
// span in ctx, and the carried fields go on.
func Detached(ctx context.Context) context.Context {
	if ctx == nil {
		return context.Background()
	}
	d := &detached{Context: context.Background()}
	d.from = linked(ctx)
	if c, ok := ctx.Value(carrierKey{}).(*carrier); ok {
		d.fields = c
	}
	if d.fields == nil && !d.from.IsValid() {
		return d.Context
	}
	return d
}

// detached is the context of work that a call leaves behind.
type detached struct {
	context.Context
	from   trace.SpanContext
	fields *carrier // nil: none
}

type detachedKey struct{}

// Value implements context.Context.
func (d *detached) Value(key any) any {
	switch key.(type) {
	case detachedKey:
		return d
	case carrierKey:
		if d.fields != nil {
			return d.fields
		}
	}
	return nil
}

// linked is the span that work left behind by ctx belongs to: the one in ctx,
// or what ctx is linked to itself.
func linked(ctx context.Context) trace.SpanContext {
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		return sc
	}
	if d, ok := ctx.Value(detachedKey{}).(*detached); ok {
		return d.from
	}
	return trace.SpanContext{}
}

// linkBack links the span of c, which has no parent, to the work that left it
// behind.
func (c *Call) linkBack(ctx context.Context) {
	if d, ok := ctx.Value(detachedKey{}).(*detached); ok && d.from.IsValid() {
		c.link(trace.Link{SpanContext: d.from})
	}
}
