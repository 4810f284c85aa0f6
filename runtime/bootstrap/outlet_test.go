package bootstrap

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

// gate is a writer that somebody else has to let go on.
type gate struct {
	output
	open    sync.Mutex
	waiting chan struct{} // one for each write that has begun
}

func (g *gate) Write(p []byte) (int, error) {
	g.waiting <- struct{}{}
	g.open.Lock()
	defer g.open.Unlock()
	return g.output.Write(p)
}

func TestNobodyWaitsForStandardError(t *testing.T) {
	g := &gate{waiting: make(chan struct{}, 1<<20)}
	o := newOutlet(g)
	full := false
	o.ready = func() bool { return !full }
	write := func(s string) { _, _ = o.Write([]byte(s)) }
	write("first\n")
	full = true // as a pipe is that nobody reads
	g.open.Lock()
	blocked := counted(t, "log_events_dropped_total", "blocked")
	shutdown := counted(t, "log_events_dropped_total", "shutdown")
	write("second\n")
	<-g.waiting // of the first line
	<-g.waiting // and of the goroutine that waits now
	line := strings.Repeat("x", 1<<20-1) + "\n"
	for range 6 {
		write(line)
	}
	if n := counted(t, "log_events_dropped_total", "blocked") - blocked; n != 2 {
		t.Errorf("%v lines were dropped, want what is more than four megabytes", n)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	o.close(over)
	if n := counted(t, "log_events_dropped_total", "shutdown") - shutdown; n != 5 {
		t.Errorf("%v lines were lost at the end, want 5", n)
	}
	g.open.Unlock()
	full = false
	if err := o.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	write("last\n")
	if got := g.String(); got != "first\nsecond\n"+strings.Repeat(line, 4)+"last\n" {
		t.Errorf("%d bytes were written: %.100s", len(got), got)
	}
}

// breaking takes so many bytes.
type breaking struct {
	bytes.Buffer
	room int
}

func (b *breaking) Write(p []byte) (int, error) {
	n, _ := b.Buffer.Write(p[:min(len(p), b.room)])
	b.room -= n
	if n < len(p) {
		return n, io.ErrShortWrite
	}
	return n, nil
}

func TestFullDisk(t *testing.T) {
	w := &breaking{room: 4}
	o := newOutlet(w)
	failed := counted(t, "log_events_dropped_total", "write_failed")
	if _, err := o.Write([]byte("half\n")); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("a full disk says %v", err)
	}
	_, _ = o.Write([]byte("none\n"))
	w.room = 100 // somebody has cleaned up
	_, _ = o.Write([]byte("whole\n"))
	_, _ = o.Write([]byte("again\n"))
	if w.String() != "half\nwhole\nagain\n" {
		t.Errorf("got %q, want the half line ended before the next one", w.String())
	}
	if n := counted(t, "log_events_dropped_total", "write_failed") - failed; n != 2 {
		t.Errorf("%v lines counted as failed, want 2", n)
	}
}

func TestLinesInChunks(t *testing.T) {
	var b bytes.Buffer
	o := newOutlet(&b)
	turns := 0
	o.ready = func() bool { turns++; return turns != 3 }
	line := strings.Repeat("0123456789", 1000) + "\n"
	if _, err := o.Write([]byte(line)); err != nil {
		t.Fatal(err)
	}
	if err := o.flush(t.Context()); err != nil || b.String() != line {
		t.Errorf("%v, %d of %d bytes", err, b.Len(), len(line))
	}
}

// TestLinesFromAllSides is for the race detector.
func TestLinesFromAllSides(t *testing.T) {
	var b output
	o := newOutlet(&b)
	n := 0
	o.ready = func() bool { n++; return n%5 != 0 } // called under the lock
	log := slog.New(newJSONHandler(slog.LevelInfo, o).WithService("shop"))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			l := log.With("a", 1)
			for range 200 {
				l.Info("m", "b", 2)
			}
		})
	}
	all.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := o.flush(ctx); err != nil {
		t.Fatal(err)
	}
	if n := len(b.lines(t)); n != 1600 {
		t.Errorf("%d lines, want 1600", n)
	}
}
