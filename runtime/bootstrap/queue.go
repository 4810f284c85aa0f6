package bootstrap

import (
	"context"
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
	ended   atomic.Bool
	dropped drops
}

func newBoundedQueue(exporter trace.SpanExporter, size int, dropped drops) *boundedQueue {
	q := &boundedQueue{size: int64(size), dropped: dropped}
	q.SpanProcessor = trace.NewBatchSpanProcessor(countingExporter{exporter, q}, trace.WithMaxQueueSize(size))
	return q
}

// OnEnd implements trace.SpanProcessor.
func (q *boundedQueue) OnEnd(s trace.ReadOnlySpan) {
	if !s.SpanContext().IsSampled() || unwanted(s) {
		return
	}
	if q.waiting.Add(1) > q.size {
		q.waiting.Add(-1)
		q.dropped.queueFull.Inc()
		return
	}
	q.SpanProcessor.OnEnd(s)
}

// abandon counts what is still on its way as lost.
func (q *boundedQueue) abandon() {
	if !q.ended.Swap(true) {
		q.dropped.shutdown.Add(float64(q.waiting.Load()))
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
	err := e.SpanExporter.ExportSpans(ctx, whole)
	e.queue.waiting.Add(-int64(len(spans)))
	if err != nil && !e.queue.ended.Load() {
		e.queue.dropped.exportFailed.Add(float64(len(spans)))
	}
	return err
}
