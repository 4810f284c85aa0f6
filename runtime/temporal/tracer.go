package temporal

import (
	"context"
	"crypto/sha256"

	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/workflow"

	"github.com/orchestrall/orchestrall/runtime/internal/pinned"
)

// A worker forgets a workflow whenever it likes, and runs it from its beginning
// again when there is more to do: Temporal's tracer would begin a new RunWorkflow
// each time, and end it each time. Here all of them are one span. Its id comes
// from the run, so that what happens in the workflow is below it on every worker,
// and it is told once, by the worker on which the workflow is done.

// tracer is Temporal's tracer, but for the spans of workflows.
type tracer struct{ interceptor.Tracer }

// run is the span of a workflow on one worker.
type run struct {
	interceptor.TracerSpan
	done bool // here, and not in a replay of what was done elsewhere
}

// Finish implements interceptor.TracerSpan.
func (r *run) Finish(options *interceptor.TracerFinishSpanOptions) {
	if !r.done {
		return
	}
	if workflow.IsContinueAsNewError(options.Error) {
		options.Error = nil // it goes on in another run
	}
	r.TracerSpan.Finish(options)
}

// StartSpan implements interceptor.Tracer.
func (t tracer) StartSpan(options *interceptor.TracerStartSpanOptions) (interceptor.TracerSpan, error) {
	if r, ok := options.Parent.(*run); ok {
		below := *options
		below.Parent = r.TracerSpan
		options = &below
	}
	if options.Operation != "RunWorkflow" || options.IdempotencyKey == "" {
		return t.Tracer.StartSpan(options)
	}
	key := sha256.Sum256([]byte(options.IdempotencyKey))
	traceID, id := trace.TraceID(key[:16]), trace.SpanID(key[16:24])
	heeded := false
	own, err := opentelemetry.NewTracer(opentelemetry.TracerOptions{
		SpanStarter: func(ctx context.Context, t trace.Tracer, name string, opts ...trace.SpanStartOption) trace.Span {
			_, span := t.Start(pinned.Context(ctx, traceID, id), name, opts...)
			heeded = span.SpanContext().SpanID() == id
			return span
		},
	})
	if err != nil {
		return t.Tracer.StartSpan(options)
	}
	span, err := own.StartSpan(options)
	if err != nil || !heeded {
		return span, err
	}
	return &run{TracerSpan: span}, nil
}

// MarshalSpan implements interceptor.Tracer.
func (t tracer) MarshalSpan(span interceptor.TracerSpan) (map[string]string, error) {
	return t.Tracer.MarshalSpan(plain(span))
}

// ContextWithSpan implements interceptor.Tracer.
func (t tracer) ContextWithSpan(ctx context.Context, span interceptor.TracerSpan) context.Context {
	return t.Tracer.ContextWithSpan(ctx, plain(span))
}

// GetLogger implements interceptor.Tracer.
func (t tracer) GetLogger(logger log.Logger, ref interceptor.TracerSpanRef) log.Logger {
	if r, ok := ref.(*run); ok {
		ref = r.TracerSpan
	}
	return t.Tracer.GetLogger(logger, ref)
}

// plain is the span as Temporal's tracer knows it.
func plain(span interceptor.TracerSpan) interceptor.TracerSpan {
	if r, ok := span.(*run); ok {
		return r.TracerSpan
	}
	return span
}

// completion runs inside of the tracing interceptor and tells the span of a
// workflow that it is done. A workflow that the worker forgets never returns.
type completion struct {
	interceptor.InterceptorBase
	key any // of the span in a workflow's context
}

// InterceptWorkflow implements interceptor.WorkerInterceptor.
func (c *completion) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	inbound := &workflowCompletion{key: c.key}
	inbound.Next = next
	return inbound
}

type workflowCompletion struct {
	interceptor.WorkflowInboundInterceptorBase
	key any
}

// ExecuteWorkflow implements interceptor.WorkflowInboundInterceptor.
func (c *workflowCompletion) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	result, err := c.Next.ExecuteWorkflow(ctx, in)
	if r, ok := ctx.Value(c.key).(*run); ok {
		r.done = !workflow.IsReplaying(ctx)
	}
	return result, err
}
