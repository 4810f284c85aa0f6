package bootstrap

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
)

// flusher hands over what is queued when nobody can say whether the program
// goes on: at a signal, and while a panic leaves a request. Whoever asks waits
// for the flush that runs, and not again for a back end that has just kept the
// program waiting: a service that recovers from its panics must not stand still
// because of each.
type flusher struct {
	limit time.Duration
	rest  time.Duration // after a flush that did not end in time
	now   func() time.Time
	parts []func(context.Context) error

	mu      sync.Mutex
	running chan struct{} // closed when the flush that runs is over
	until   time.Time     // nobody waits before
}

// flushRest is how long a back end that did not take a flush in time is spared.
const flushRest = time.Minute

func newFlusher(limit time.Duration) *flusher {
	return &flusher{limit: limit, rest: flushRest, now: time.Now}
}

// add must not be called any more once somebody may flush.
func (f *flusher) add(part func(context.Context) error) { f.parts = append(f.parts, part) }

// flush returns when everything that was queued is handed over or the limit is
// reached, at once while the back end is spared.
func (f *flusher) flush() {
	f.mu.Lock()
	if f.now().Before(f.until) {
		f.mu.Unlock()
		return
	}
	done := f.running
	if done == nil {
		done = make(chan struct{})
		f.running = done
		go f.run(done)
	}
	f.mu.Unlock()
	overdue := time.NewTimer(f.limit)
	defer overdue.Stop()
	select {
	case <-done:
	case <-overdue.C:
		f.spare()
	}
}

func (f *flusher) run(done chan struct{}) {
	defer func() {
		f.mu.Lock()
		f.running = nil
		f.mu.Unlock()
		close(done)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), f.limit)
	defer cancel()
	for _, part := range f.parts {
		closePart(ctx, func(ctx context.Context) {
			err := part(ctx)
			if err != nil && ctx.Err() != nil {
				f.spare()
			}
			otel.Handle(err) // the program may be about to end, and its metrics with it
		})
	}
}

func (f *flusher) spare() {
	f.mu.Lock()
	f.until = f.now().Add(f.rest)
	f.mu.Unlock()
}
