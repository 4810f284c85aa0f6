package orchestrall

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// A stream's call ends when the stream does, not when the function returns. The
// call's fields are filled at return all the same: that is when results exist.

// EndSeq ends a call that returns an iterator: at once when there is a panic, an
// error or no iterator, otherwise when the first loop over it is done, however
// that ends. An iterator that nobody ever loops over ends its call when the
// garbage collector finds it, with the duration up to the return.
//
// recovered is what recover returned in the deferred function that calls EndSeq.
func EndSeq[S ~func(func(V) bool), V any](c *Call, recovered any, seq *S, err func() error, fill ...func(int) Value) {
	s := c.stream(recovered, *seq == nil, err, first(fill))
	if s == nil {
		return
	}
	inner, guard := *seq, s.guard()
	*seq = func(yield func(V) bool) {
		defer runtime.KeepAlive(guard)
		if !s.take() {
			inner(yield)
			return
		}
		defer s.ended(nil)
		inner(yield)
	}
}

// EndSeq2 is EndSeq for iterators over pairs. In an iterator over values and
// errors, an error that the loop is given fails the call: the last one counts.
func EndSeq2[S ~func(func(K, V) bool), K, V any](c *Call, recovered any, seq *S, err func() error, fill ...func(int) Value) {
	s := c.stream(recovered, *seq == nil, err, first(fill))
	if s == nil {
		return
	}
	inner, guard := *seq, s.guard()
	*seq = func(yield func(K, V) bool) {
		defer runtime.KeepAlive(guard)
		if !s.take() {
			inner(yield)
			return
		}
		var failed error
		defer s.ended(&failed)
		inner(noting(yield, &failed))
	}
}

// noting returns yield, made to note the errors among its second values in
// failed where these are errors at all.
func noting[K, V any](yield func(K, V) bool, failed *error) func(K, V) bool {
	if _, errs := any((*V)(nil)).(*error); !errs {
		return yield
	}
	return func(k K, v V) bool {
		if err, ok := any(v).(error); ok {
			*failed = err
		}
		return yield(k, v)
	}
}

// streamGrace is how long a forwarder waits for a reader or a writer once the
// call's context is done.
const streamGrace = 5 * time.Second

// EndChan ends a call that returns a channel: at once when there is a panic, an
// error or no channel, otherwise when the channel is closed or the call's
// context is done.
//
// The caller gets a channel of the same capacity, to which a goroutine passes
// the values on; it can be one value ahead of the reader. When the context is
// done it goes on for as long as values keep coming and being read, but waits
// for neither longer than five seconds. A reader who goes away without a word
// keeps the goroutine waiting, as it would keep the writer.
func EndChan[C ~<-chan V, V any](c *Call, recovered any, ch *C, err func() error, fill ...func(int) Value) {
	s := c.stream(recovered, *ch == nil, err, first(fill))
	if s == nil {
		return
	}
	in := (<-chan V)(*ch)
	out := make(chan V, cap(in))
	*ch = C(out)
	go forward(s, in, out)
}

func forward[V any](s *stream, in <-chan V, out chan<- V) {
	defer close(out)
	s.call.running.moved()
	done := s.call.ctx.Done()
	for {
		select {
		case v, ok := <-in:
			if !ok {
				s.close(nil)
				return
			}
			select {
			case out <- v:
			case <-done:
				s.close(s.call.ctx.Err())
				if sendWithin(out, v) {
					drain(in, out)
				}
				return
			}
		case <-done:
			s.close(s.call.ctx.Err())
			drain(in, out)
			return
		}
	}
}

// drain passes on what still comes after the context is done.
func drain[V any](in <-chan V, out chan<- V) {
	for {
		timer := time.NewTimer(streamGrace)
		select {
		case v, ok := <-in:
			timer.Stop()
			if !ok || !sendWithin(out, v) {
				return
			}
		case <-timer.C:
			return
		}
	}
}

func sendWithin[V any](out chan<- V, v V) bool {
	timer := time.NewTimer(streamGrace)
	defer timer.Stop()
	select {
	case out <- v:
		return true
	case <-timer.C:
		return false
	}
}

// stream is a call that outlives its function.
type stream struct {
	call     Call // a copy: the original lives on the function's stack
	returned time.Duration
	taken    atomic.Bool // a loop runs, or has run
	closed   atomic.Bool
}

// stream returns nil when the call ends at once. A panic goes on from here.
func (c *Call) stream(recovered any, none bool, err func() error, fill func(int) Value) *stream {
	if recovered != nil || nilPanicPasses() {
		if c.state != nil {
			c.panicked(recovered, fill)
		}
		panic(recovered)
	}
	if c.state == nil {
		return nil
	}
	if failed := asked(err); failed != nil || none {
		c.finish(failed, fill)
		return nil
	}
	s := &stream{call: *c, returned: now()}
	s.call.fillStream(fill)
	return s
}

// take reports whether the caller's loop is the one that ends the call.
func (s *stream) take() bool {
	first := s.taken.CompareAndSwap(false, true)
	if first {
		s.call.running.moved()
	}
	return first
}

// ended is deferred in the loop that ends the call; it notes a panic of the
// loop's body and lets it go on. failed is where the loop noted an error.
func (s *stream) ended(failed *error) {
	r := recover()
	if r != nil || nilPanicPasses() {
		if s.closed.CompareAndSwap(false, true) {
			s.call.panicked(r, nil)
		}
		panic(r)
	}
	s.close(errorAt(failed))
}

// close ends the call. A caller who stops listening by cancelling has done
// nothing wrong; a deadline that cuts the stream is a failure.
func (s *stream) close(err error) {
	if !s.closed.CompareAndSwap(false, true) {
		return
	}
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	s.call.finish(err, nil)
}

// guard is an object that lives as long as the iterator. It must not be
// reachable from the stream, or it would never be collected.
func (s *stream) guard() *guard {
	g := new(guard)
	runtime.AddCleanup(g, (*stream).abandon, s)
	return g
}

// guard has a pointer, since tiny objects without one share a block and with
// it a lifetime.
type guard struct{ _ *byte }

// abandon ends the call of an iterator that nobody can loop over any more.
func (s *stream) abandon() {
	if s.taken.Load() || !s.closed.CompareAndSwap(false, true) {
		return
	}
	c := &s.call
	wall := time.Now()
	ago := now() - s.returned
	c.start += ago // the time since the return is nobody's
	if c.span != nil {
		c.setAttributes([]attribute.KeyValue{abandonedMark})
		c.span = endAt{c.span, wall.Add(-ago)}
	}
	c.finish(nil, nil)
}

// endAt is a span that ends at a time in the past.
type endAt struct {
	trace.Span
	at time.Time
}

// End implements trace.Span.
func (e endAt) End(options ...trace.SpanEndOption) {
	e.Span.End(append(options, trace.WithTimestamp(e.at))...)
}
