package bootstrap

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/sdk/trace"
)

// maxQueueBytes bounds what spans take while they wait, beside their number.
const maxQueueBytes = 64 << 20

// maxRequestBytes is where a batch is sent in two: receivers take 4 MiB at once.
const maxRequestBytes = 2 << 20

// boundedQueue is the SDK's batch processor with a count of what is on its way.
// The SDK's own drops when its queue is full and tells nobody; this one stops
// before that and counts.
type boundedQueue struct {
	trace.SpanProcessor
	size    int64
	tidier  tidier
	waiting atomic.Int64
	bytes   atomic.Int64 // of what waits, roughly
	dropped drops

	life   context.Context // of exports
	cancel context.CancelFunc

	mu    sync.Mutex // held where waiting becomes something else
	ended atomic.Bool
}

func newBoundedQueue(exporter trace.SpanExporter, size int, tidier tidier, dropped drops, options ...trace.BatchSpanProcessorOption) *boundedQueue {
	q := &boundedQueue{size: int64(size), tidier: tidier, dropped: dropped}
	q.life, q.cancel = context.WithCancel(context.Background())
	q.SpanProcessor = trace.NewBatchSpanProcessor(countingExporter{exporter, q}, append(options, trace.WithMaxQueueSize(size))...)
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
	if q.waiting.Add(1) > q.size { // before anybody looks at the span, since that takes time
		q.waiting.Add(-1)
		q.dropped.queueFull.Inc()
		return
	}
	s, size, ok := q.tidier.fit(genkitModel(s))
	if !ok || q.bytes.Add(int64(size)) > maxQueueBytes {
		q.bytes.Add(int64(-size))
		q.waiting.Add(-1)
		q.dropped.queueFull.Inc()
		return
	}
	q.SpanProcessor.OnEnd(s)
}

// abandon counts what is still on its way as lost, and lets go of it: without
// that the processor would offer one batch after the other to a back end that
// takes none, each for as long as an export may last. It returns how many those
// are.
func (q *boundedQueue) abandon() (lost int64) {
	q.mu.Lock()
	if !q.ended.Swap(true) {
		lost = q.waiting.Load()
		q.dropped.shutdown.Add(float64(lost))
	}
	q.mu.Unlock()
	q.cancel()
	return lost
}

// sent takes spans off the queue.
func (q *boundedQueue) sent(spans []trace.ReadOnlySpan, err error) {
	size := 0
	for _, s := range spans {
		size += weight(s)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting.Add(-int64(len(spans)))
	q.bytes.Add(-int64(size))
	if err != nil && !q.ended.Load() {
		q.dropped.exportFailed.Add(float64(len(spans)))
	}
}

type countingExporter struct {
	trace.SpanExporter
	queue *boundedQueue
}

// ExportSpans implements trace.SpanExporter.
func (e countingExporter) ExportSpans(ctx context.Context, spans []trace.ReadOnlySpan) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.queue.life, cancel)()
	var errs []error
	for len(spans) > 0 {
		n, size := 0, 0
		for n < len(spans) && (n == 0 || size+weight(spans[n]) <= maxRequestBytes) {
			size += weight(spans[n])
			n++
		}
		errs = append(errs, e.request(ctx, spans[:n]))
		spans = spans[n:]
	}
	return errors.Join(errs...)
}

// request sends spans together.
func (e countingExporter) request(ctx context.Context, spans []trace.ReadOnlySpan) error {
	err := ctx.Err()
	if e.queue.ended.Load() {
		err = context.Canceled
	}
	if err == nil {
		whole := make([]trace.ReadOnlySpan, len(spans)) // the batch itself belongs to the processor
		for i, s := range spans {
			whole[i] = complete(s)
		}
		err = e.SpanExporter.ExportSpans(ctx, whole)
	}
	e.queue.sent(spans, err)
	return err
}
