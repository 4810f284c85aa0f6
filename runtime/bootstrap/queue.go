package bootstrap

import (
	"context"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/sdk/trace"
)

// boundedQueue is the SDK's batch processor with a count of what is on its way.
// The SDK's own drops when its queue is full and tells nobody; this one stops
// before that and counts.
type boundedQueue struct {
	trace.SpanProcessor
	size    int64
	waiting atomic.Int64
	dropped drops

	life   context.Context // of exports
	cancel context.CancelFunc

	mu    sync.Mutex // held where waiting becomes something else
	ended atomic.Bool
}

func newBoundedQueue(exporter trace.SpanExporter, size int, dropped drops) *boundedQueue {
	q := &boundedQueue{size: int64(size), dropped: dropped}
	q.life, q.cancel = context.WithCancel(context.Background())
	q.SpanProcessor = trace.NewBatchSpanProcessor(countingExporter{exporter, q}, trace.WithMaxQueueSize(size))
	return q
}

// OnEnd implements trace.SpanProcessor.
func (q *boundedQueue) OnEnd(s trace.ReadOnlySpan) {
	if !s.SpanContext().IsSampled() || unwanted(s) {
		return
	}
	if q.ended.Load() { // work that outlives the program's main function
		q.dropped.shutdown.Inc()
		return
	}
	if q.waiting.Add(1) > q.size {
		q.waiting.Add(-1)
		q.dropped.queueFull.Inc()
		return
	}
	q.SpanProcessor.OnEnd(s)
}

// abandon counts what is still on its way as lost, and lets go of it: without
// that the processor would offer one batch after the other to a back end that
// takes none, each for as long as an export may last.
func (q *boundedQueue) abandon() {
	q.mu.Lock()
	if !q.ended.Swap(true) {
		q.dropped.shutdown.Add(float64(q.waiting.Load()))
	}
	q.mu.Unlock()
	q.cancel()
}

// sent takes so many spans off the queue.
func (q *boundedQueue) sent(n int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting.Add(-int64(n))
	if err != nil && !q.ended.Load() {
		q.dropped.exportFailed.Add(float64(n))
	}
}

type countingExporter struct {
	trace.SpanExporter
	queue *boundedQueue
}

// ExportSpans implements trace.SpanExporter.
func (e countingExporter) ExportSpans(ctx context.Context, spans []trace.ReadOnlySpan) error {
	whole := make([]trace.ReadOnlySpan, len(spans)) // the batch itself belongs to the processor
	for i, s := range spans {
		whole[i] = complete(s)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.queue.life, cancel)()
	err := ctx.Err()
	if e.queue.ended.Load() {
		err = context.Canceled
	} else if err == nil {
		err = e.SpanExporter.ExportSpans(ctx, whole)
	}
	e.queue.sent(len(spans), err)
	return err
}
