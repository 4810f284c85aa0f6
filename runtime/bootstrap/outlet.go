package bootstrap

import (
	"bytes"
	"context"
	"io"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// outlet writes lines to standard error, each before the program goes on: what
// is logged right before a crash is there after it. Only when nobody reads what
// is written do lines wait, in a buffer of fixed size, for a goroutine that
// writes them when it can; what has no room is dropped and counted.
type outlet struct {
	w     io.Writer
	ready func() bool // whether chunk bytes can be written without waiting; nil: always

	blocked, failed, shutdown prometheus.Counter

	mu      sync.Mutex
	torn    bool          // the last thing written was the beginning of a line
	waiting []byte        // whole lines, after the rest of one
	leaving int           // lines that drain is writing
	drained chan struct{} // closed when nothing waits any more; nil while nothing does
}

// maxBlocked bounds what waits for a standard error that nobody reads, in bytes.
const maxBlocked = 4 << 20

// chunk is how much a pipe takes at once when it says that it takes anything.
const chunk = 4 << 10

func newOutlet(w io.Writer) *outlet {
	dropped := droppedLines()
	o := &outlet{
		w:        w,
		blocked:  dropped.WithLabelValues("blocked"),
		failed:   dropped.WithLabelValues("write_failed"),
		shutdown: dropped.WithLabelValues("shutdown"),
	}
	o.w, o.ready = unblocked(w)
	return o
}

func (o *outlet) take(l *line) error {
	_, err := o.Write(l.text)
	return err
}

// Write takes one line. It keeps nothing of it.
func (o *outlet) Write(text []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.drained == nil {
		rest, err := o.now(text)
		if err != nil {
			o.failed.Inc()
			return 0, err
		}
		if len(rest) == 0 {
			return len(text), nil
		}
		o.drained = make(chan struct{})
		o.waiting = append(o.waiting, rest...)
		go o.drain(o.drained)
		return len(text), nil
	}
	if len(o.waiting)+len(text) > maxBlocked {
		o.blocked.Inc()
		return 0, io.ErrShortWrite
	}
	o.waiting = append(o.waiting, text...)
	return len(text), nil
}

// now writes as much as can be written without waiting.
func (o *outlet) now(text []byte) (rest []byte, err error) {
	if o.ready == nil {
		return nil, o.write(text)
	}
	for len(text) > 0 {
		if !o.ready() {
			return text, nil
		}
		n := min(len(text), chunk)
		if err := o.write(text[:n]); err != nil {
			return nil, err
		}
		text = text[n:]
	}
	return nil, nil
}

// write leaves no line glued to the half of another.
func (o *outlet) write(text []byte) error {
	if o.torn {
		text = append([]byte{'\n'}, text...)
	}
	n, err := o.w.Write(text)
	if n > 0 {
		o.torn = err != nil && text[n-1] != '\n'
	}
	return err
}

// drain writes what waits, for as long as that takes.
func (o *outlet) drain(done chan struct{}) {
	var text []byte
	for {
		o.mu.Lock()
		text, o.waiting = o.waiting, text[:0]
		o.leaving = bytes.Count(text, []byte{'\n'})
		lines := o.leaving
		if len(text) == 0 {
			o.waiting, o.drained = nil, nil
			o.mu.Unlock()
			close(done)
			return
		}
		o.mu.Unlock()
		if err := o.write(text); err != nil { // nobody else writes meanwhile
			o.failed.Add(float64(lines))
		}
	}
}

// flush returns when nothing waits any more or ctx is done.
func (o *outlet) flush(ctx context.Context) error {
	o.mu.Lock()
	drained := o.drained
	o.mu.Unlock()
	if drained == nil {
		return nil
	}
	select {
	case <-drained:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close is flush for the end of the program.
func (o *outlet) close(ctx context.Context) {
	if o.flush(ctx) == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.shutdown.Add(float64(o.leaving + bytes.Count(o.waiting, []byte{'\n'})))
}
