package orchestrall_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// The wrappers of a generated file.

func endSeq[S ~func(func(V) bool), V any](c *orchestrall.Call, seq *S, err func() error, fill ...func(int) orchestrall.Value) {
	orchestrall.EndSeq(c, recover(), seq, err, fill...)
}

func endSeq2[S ~func(func(K, V) bool), K, V any](c *orchestrall.Call, seq *S, err func() error, fill ...func(int) orchestrall.Value) {
	orchestrall.EndSeq2(c, recover(), seq, err, fill...)
}

func endChan[C ~<-chan V, V any](c *orchestrall.Call, ch *C, err func() error, fill ...func(int) orchestrall.Value) {
	orchestrall.EndChan(c, recover(), ch, err, fill...)
}

var streamOp = operation(orchestrall.Spec{Name: "Stream.Op", Log: "off", Fields: []orchestrall.Field{
	{Role: orchestrall.Attribute, Key: "late", AtEnd: true}, {Role: orchestrall.Label, Key: "l", AtEnd: true},
}})

func lateFields(int) orchestrall.Value { return of("at return") }

type numbers iter.Seq[int]

func upTo(n int, fail error) (seq numbers, err error) {
	_, call := streamOp.Start(context.Background())
	defer endSeq(&call, &seq, func() error { return err }, lateFields)
	if n < 0 {
		return nil, fail
	}
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}, fail
}

func pairs(n int, err error) (seq iter.Seq2[int, error]) {
	_, call := streamOp.Start(context.Background())
	defer endSeq2(&call, &seq, nil)
	return func(yield func(int, error) bool) {
		for i := range n {
			if !yield(i, err) {
				return
			}
		}
	}
}

func wantEnded(t *testing.T, r *tracetest.SpanRecorder, n int, code codes.Code) {
	t.Helper()
	if len(r.Ended()) != n || n > 0 && r.Ended()[n-1].Status().Code != code {
		t.Fatalf("%d spans have ended: %v", len(r.Ended()), r.Ended())
	}
}

func TestSeqEndsWithItsLoop(t *testing.T) {
	r := spans(t)
	seq, _ := upTo(3, nil)
	wantEnded(t, r, 0, 0)
	sum := 0
	for i := range seq {
		wantEnded(t, r, 0, 0)
		sum += i
	}
	wantEnded(t, r, 1, codes.Unset)
	for i := range seq { // a second loop is the program's own business
		sum += i
	}
	wantEnded(t, r, 1, codes.Unset)
	if sum != 6 {
		t.Errorf("the sum is %d", sum)
	}
	if got := attr(r.Ended()[0], "late"); got != "at return" {
		t.Errorf("the late field is %s", got)
	}
	if n := count(t, "operation_duration_seconds", "operation=Stream.Op", "l=at return"); n == 0 {
		t.Error("the late label is lost")
	}
}

func TestSeqEndsAtBreak(t *testing.T) {
	r := spans(t)
	seq, _ := upTo(3, nil)
	for range seq {
		break
	}
	wantEnded(t, r, 1, codes.Unset)
	for range pairs(3, nil) {
		break
	}
	wantEnded(t, r, 2, codes.Unset)
	next, stop := iter.Pull(iter.Seq[int](func() numbers { s, _ := upTo(3, nil); return s }()))
	next()
	wantEnded(t, r, 2, codes.Unset)
	stop()
	wantEnded(t, r, 3, codes.Unset)
	s := pairs(1, nil)
	for range s {
	}
	for range s {
	}
	wantEnded(t, r, 4, codes.Unset)
}

func TestSeq2FailsWithTheErrorItYields(t *testing.T) {
	r := spans(t)
	for _, err := range pairs(2, io.ErrUnexpectedEOF) {
		if err != io.ErrUnexpectedEOF {
			t.Fatalf("the loop got %v", err)
		}
	}
	wantEnded(t, r, 1, codes.Error)
	for range pairs(3, io.ErrUnexpectedEOF) {
		break
	}
	wantEnded(t, r, 2, codes.Error)
	for range pairs(1, context.Canceled) {
	}
	wantEnded(t, r, 3, codes.Unset)
}

func TestSeqEndsWithPanicOfTheBody(t *testing.T) {
	r := spans(t)
	seq, _ := upTo(3, nil)
	cause := &custom{1}
	func() {
		defer func() {
			if got := recover(); got != any(cause) {
				t.Errorf("recovered %v", got)
			}
		}()
		for range seq {
			panic(cause)
		}
	}()
	wantEnded(t, r, 1, codes.Error)
}

func TestSeqEndsAtOnce(t *testing.T) {
	r := spans(t)
	if _, err := upTo(1, os.ErrClosed); !errors.Is(err, os.ErrClosed) {
		t.Fatal(err)
	}
	wantEnded(t, r, 1, codes.Error)
	if seq, _ := upTo(-1, nil); seq != nil {
		t.Error("a nil iterator became one")
	}
	wantEnded(t, r, 2, codes.Unset)
	func() {
		defer func() {
			if got := recover(); got != "before return" {
				t.Errorf("recovered %v", got)
			}
		}()
		func() (seq numbers) {
			call := streamOp.StartRoot()
			defer endSeq(&call, &seq, nil)
			panic("before return")
		}()
	}()
	wantEnded(t, r, 3, codes.Error)
	func() {
		defer func() {
			if got := recover(); got != "untraced" {
				t.Errorf("recovered %v", got)
			}
		}()
		func() (seq numbers) {
			var call orchestrall.Call
			defer endSeq(&call, &seq, nil)
			panic("untraced")
		}()
	}()
	wantEnded(t, r, 3, codes.Error)
}

func TestSeqThatNobodyLoopsOverEndsOnceCollected(t *testing.T) {
	r := spans(t)
	seq, _ := upTo(3, nil)
	runtime.KeepAlive(seq)
	seq = nil
	for len(r.Ended()) == 0 {
		runtime.GC()
		runtime.Gosched()
	}
	s := only(t, r)
	if got := attr(s, orchestrall.AbandonedKey); got != "true" {
		t.Errorf("abandoned is %s", got)
	}
}

func TestAbandonedSeqLastsUntilItsReturn(t *testing.T) {
	r := spans(t)
	func() (seq numbers) {
		_, call := streamOp.Start(context.Background())
		defer endSeq(&call, &seq, nil)
		return func(func(int) bool) {}
	}()
	before := time.Now()
	for len(r.Ended()) == 0 {
		runtime.GC()
		runtime.Gosched()
	}
	if end := only(t, r).EndTime(); end.After(before) {
		t.Errorf("the span ends %v after the return", end.Sub(before))
	}
}

func channel(ctx context.Context, fail error, make func() <-chan int) (ch <-chan int, err error) {
	_, call := streamOp.Start(ctx)
	defer endChan(&call, &ch, func() error { return err })
	return make(), fail
}

func filled(n, capacity int) func() <-chan int {
	return func() <-chan int {
		ch := make(chan int, capacity)
		go func() {
			defer close(ch)
			for i := range n {
				ch <- i
			}
		}()
		return ch
	}
}

func TestChanEndsWhenClosed(t *testing.T) {
	r := spans(t)
	synctest.Test(t, func(t *testing.T) {
		ch, _ := channel(context.Background(), nil, filled(5, 2))
		if cap(ch) != 2 {
			t.Errorf("the capacity is %d", cap(ch))
		}
		wantEnded(t, r, 0, 0)
		want := 0
		for i := range ch {
			if i != want {
				t.Errorf("got %d, want %d", i, want)
			}
			want++
		}
		if want != 5 {
			t.Errorf("%d values", want)
		}
		synctest.Wait()
		wantEnded(t, r, 1, codes.Unset)
	})
}

func TestChanEndsAtOnce(t *testing.T) {
	r := spans(t)
	in := make(chan int)
	if ch, err := channel(context.Background(), os.ErrClosed, func() <-chan int { return in }); err == nil || ch != (<-chan int)(in) {
		t.Errorf("a failed call returned %v, %v", ch, err)
	}
	wantEnded(t, r, 1, codes.Error)
	if ch, _ := channel(context.Background(), nil, func() <-chan int { return nil }); ch != nil {
		t.Error("a nil channel became one")
	}
	wantEnded(t, r, 2, codes.Unset)
}

func TestChanEndsWithItsContext(t *testing.T) {
	r := spans(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		in := make(chan int)
		ch, _ := channel(ctx, nil, func() <-chan int { return in })
		in <- 1
		cancel()
		synctest.Wait()
		wantEnded(t, r, 1, codes.Unset)
		// A reader who goes on reading loses nothing.
		if got := <-ch; got != 1 {
			t.Errorf("got %d", got)
		}
		in <- 2
		time.Sleep(time.Second)
		if got := <-ch; got != 2 {
			t.Errorf("got %d", got)
		}
		close(in)
		if _, open := <-ch; open {
			t.Error("the channel is still open")
		}
	})
}

func TestChanForwarderDoesNotOutliveEverybody(t *testing.T) {
	r := spans(t)
	// The bubble fails if a goroutine is left at its end.
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		in := make(chan int)
		_, _ = channel(ctx, nil, func() <-chan int { return in }) // a writer that never closes
		full := make(chan int, 1)
		full <- 1
		_, _ = channel(ctx, nil, func() <-chan int { return full }) // buffered, no reader
		unread := make(chan int, 2)
		unread <- 1
		unread <- 2
		_, _ = channel(ctx, nil, func() <-chan int { return (<-chan int)(blocked(unread)) })
		time.Sleep(time.Minute)
		synctest.Wait()
		wantEnded(t, r, 3, codes.Error) // a deadline cut them
	})
}

// blocked passes on through an unbuffered channel that is never closed.
func blocked(in chan int) chan int {
	out := make(chan int)
	go func() {
		select {
		case out <- <-in:
		case <-time.After(time.Second):
		}
	}()
	return out
}
