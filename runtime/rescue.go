package orchestrall

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// A call that nobody samples has no span while it runs, which is what makes it
// cheap. When it fails it gets one after all, at its end: with the start that it
// had, in the trace and, where it had one, under the span id that its log lines
// named. Failed calls around it are rescued in turn, so the trace shows the way
// that the error went.

var keepsErrors atomic.Bool

// SetKeepErrors says whether the installed tracer provider records the spans
// for which [Rescued] answers, whatever its sampler says to the rest.
// bootstrap's does.
func SetKeepErrors(yes bool) { keepsErrors.Store(yes) }

// rescuing is a context that asks the provider for a span that its sampler has
// refused. It is recognized by its type, as looking for a value would cost
// every span that is started the way ordinary ones are.
type rescuing struct {
	context.Context
	trace trace.TraceID // zero unless the span is the trace's first
	span  trace.SpanID  // zero where a new id will do
}

// Rescued is for samplers and id generators: it reports whether the span that
// is started with ctx belongs to a failed call and must be recorded. The ids
// are those that the span has to have, zero where any will do.
func Rescued(ctx context.Context) (trace.TraceID, trace.SpanID, bool) {
	if r, ok := ctx.(*rescuing); ok {
		return r.trace, r.span, true
	}
	return trace.TraceID{}, trace.SpanID{}, false
}

// RescueContext is for hooks that start spans themselves: it returns the context
// that asks the installed provider for the span of a call which has failed after
// [Unsampled] had said yes, and false where no such spans are kept.
func RescueContext(ctx context.Context) (context.Context, bool) {
	if !KeepsErrors() || !currentSource().live {
		return ctx, false
	}
	return &rescuing{Context: ctx}, true
}

// KeepsErrors reports whether calls that fail unsampled leave a span.
func KeepsErrors() bool { return keepsErrors.Load() && !tracingOff.Load() }

// rescue starts the span of a call that has failed.
func (c *Call) rescue() {
	defer contain()
	if !KeepsErrors() {
		return
	}
	src := currentSource()
	if !src.live {
		return
	}
	e := c.state.emitterFor(src)
	ago := now() - c.start
	options := append(e.options[:len(e.options):len(e.options)], trace.WithTimestamp(time.Now().Add(-ago)))
	_, span := e.tracer.Start(c.refused(), c.state.spec.Name, options...)
	if !span.IsRecording() {
		return
	}
	c.span, c.rescued = span, true
	c.ctx = trace.ContextWithSpan(c.ctx, span)
	c.inherit()
	// The log line may have asked for the attributes at the start.
	if n := len(c.state.start.attributes); n > 0 && len(c.kvs()) >= n {
		c.span.SetAttributes(c.kvs()[:n]...)
	}
}

// refused is the context that the call's span would have been started with.
func (c *Call) refused() *rescuing {
	own := trace.SpanContextFromContext(c.ctx)
	if !c.refusal || !own.IsValid() {
		return &rescuing{Context: c.ctx}
	}
	above := trace.SpanContext{}
	if c.parent.IsValid() {
		above = own.WithSpanID(c.parent)
	}
	return &rescuing{trace.ContextWithSpanContext(c.ctx, above), own.TraceID(), own.SpanID()}
}

// knownName reports whether the span's name can be told at the end.
func (c *Call) knownName() bool { return !c.rescued || len(c.state.start.names) == 0 }
