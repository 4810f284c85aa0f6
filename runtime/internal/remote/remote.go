// Package remote holds the span of a caller, for contexts of hooks that have room
// for it.
package remote

import (
	"context"

	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/orchestrall/orchestrall/runtime/internal/contextkey"
)

// Span is the caller's span, as trace.ContextWithRemoteSpanContext would put it
// into a context for two allocations more. A context that answers for [Key] with
// a pointer to one has that span.
type Span struct {
	noop.Span
	Context trace.SpanContext
}

var _ trace.Span = (*Span)(nil)

// SpanContext implements trace.Span.
func (s *Span) SpanContext() trace.SpanContext { return s.Context }

// Key is the key under which a context holds its span, nil where it could not be
// learned. The API does not tell it, but asks for it.
var Key = contextkey.Of(func(ctx context.Context) { trace.SpanFromContext(ctx) })
