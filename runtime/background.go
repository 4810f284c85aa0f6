package orchestrall

import (
	"context"
	"reflect"
	"runtime"
	"strings"
	"sync/atomic"

	"go.opentelemetry.io/otel/trace"
)

// Go runs f on a goroutine of its own, as the go statement does, for work that
// outlives the call that starts it. f's context keeps the values of ctx, the
// carried fields among them, but neither its cancellation nor its deadline. The
// work is a trace of its own whose first span is linked to the span in ctx, so
// that a request's trace does not stay open for as long as its aftermath.
//
// The operation is named after f. A panic of f ends the program, as it does
// under the go statement; before that it is recorded on the span and written
// as an ERROR line with its stack, and what is queued for export is flushed.
func Go(ctx context.Context, f func(context.Context), options ...Option) {
	if ctx == nil {
		ctx = context.Background()
	}
	link := trace.LinkFromContext(ctx)
	ctx = trace.ContextWithSpanContext(context.WithoutCancel(ctx), trace.SpanContext{})
	o, fill := adHoc.operation(functionName(f), options)
	go func() {
		returned := false
		defer func() {
			if !returned && underPanic() {
				flushNow()
			}
		}()
		ctx, call := o.Start(ctx, fill)
		defer call.End(fill)
		if call.span != nil && link.SpanContext.IsValid() {
			call.link(link)
		}
		f(ctx)
		returned = true
	}()
}

func (c *Call) link(l trace.Link) {
	defer contain()
	c.span.AddLink(l)
}

// functionName is the name of f below its package's path:
// "orders.(*Service).Place.func1" → "orders.Service.Place.func1".
func functionName(f func(context.Context)) string {
	fn := runtime.FuncForPC(reflect.ValueOf(f).Pointer())
	if fn == nil {
		return "go"
	}
	name := fn.Name()
	name = name[strings.LastIndexByte(name, '/')+1:]
	return strings.NewReplacer("(*", "", ")", "", "[...]", "").Replace(name)
}

var flusher atomic.Pointer[func()]

// SetFlush says how telemetry that is still queued is handed over when the
// program is about to crash. flush must return within seconds.
func SetFlush(flush func()) { flusher.Store(&flush) }

func flushNow() {
	defer contain()
	if f := flusher.Load(); f != nil && *f != nil {
		(*f)()
	}
}
