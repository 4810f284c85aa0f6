package bootstrap

import (
	"context"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// carried gives the fields that a context carries to spans that others start
// below it: those of an HTTP client, a database driver, a library. Spans of the
// runtime have them already.
type carried struct{}

// OnStart implements trace.SpanProcessor.
func (carried) OnStart(ctx context.Context, s trace.ReadWriteSpan) {
	if s.InstrumentationScope().Name == orchestrall.ScopeName {
		return
	}
	fields := orchestrall.CarriedAttributes(ctx)
	if len(fields) == 0 {
		return
	}
	own := s.Attributes()
	s.SetAttributes(slices.DeleteFunc(fields, func(f attribute.KeyValue) bool {
		return slices.ContainsFunc(own, func(kv attribute.KeyValue) bool { return kv.Key == f.Key })
	})...)
}

// OnEnd implements trace.SpanProcessor.
func (carried) OnEnd(trace.ReadOnlySpan) {}

// ForceFlush implements trace.SpanProcessor.
func (carried) ForceFlush(context.Context) error { return nil }

// Shutdown implements trace.SpanProcessor.
func (carried) Shutdown(context.Context) error { return nil }
