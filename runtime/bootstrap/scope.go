package bootstrap

import (
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// complete puts an operation's static attributes back on its span. On the way
// here they travel in the instrumentation scope, which costs the program less;
// back ends search and show the attributes of spans.
func complete(s trace.ReadOnlySpan) trace.ReadOnlySpan {
	if scope := s.InstrumentationScope(); scope.Name == orchestrall.ScopeName && scope.Attributes.Len() > 0 {
		return completed{s}
	}
	return s
}

type completed struct{ trace.ReadOnlySpan }

// Attributes implements trace.ReadOnlySpan. What a call has set itself stands
// for what its operation has.
func (c completed) Attributes() []attribute.KeyValue {
	scope := c.ReadOnlySpan.InstrumentationScope()
	own := c.ReadOnlySpan.Attributes()
	static := slices.DeleteFunc(scope.Attributes.ToSlice(), func(kv attribute.KeyValue) bool {
		return slices.ContainsFunc(own, func(o attribute.KeyValue) bool { return o.Key == kv.Key })
	})
	return append(static, own...)
}

// InstrumentationScope implements trace.ReadOnlySpan: one scope for all
// operations, so that a batch holds their names once.
func (c completed) InstrumentationScope() instrumentation.Scope {
	scope := c.ReadOnlySpan.InstrumentationScope()
	scope.Attributes = attribute.NewSet()
	return scope
}
