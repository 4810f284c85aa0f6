package bootstrap

import (
	"context"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"
)

// What the console remembers at most.
const (
	maxTraces  = 256
	maxSpans   = 1000 // of one trace
	maxWaiting = 64   // printed trees that the writer has not taken yet
)

// settle is how long a trace without an open span may still get another one:
// work that a request leaves behind starts a moment after the request ends.
const settle = 100 * time.Millisecond

// console prints each trace as a tree when its last span has ended. It writes
// to standard error, since standard output may be the program's protocol. It
// never blocks the program: trees that nobody reads are dropped and counted.
type console struct {
	out     io.Writer
	dropped prometheus.Counter
	trees   chan *gathered
	written chan struct{}

	mu     sync.Mutex
	closed bool
	traces map[api.TraceID]*unprinted
	order  []api.TraceID // oldest first
}

// unprinted is a trace that is still under way.
type unprinted struct {
	gathered
	timer *time.Timer
}

func newConsole(out io.Writer, dropped prometheus.Counter) *console {
	c := &console{
		out:     out,
		dropped: dropped,
		trees:   make(chan *gathered, maxWaiting),
		written: make(chan struct{}),
		traces:  make(map[api.TraceID]*unprinted),
	}
	go func() {
		defer close(c.written)
		for tree := range c.trees {
			_, _ = io.WriteString(c.out, tree.String()) // one write, so that no log line lands in the middle
		}
	}()
	return c
}

// OnStart implements trace.SpanProcessor.
func (c *console) OnStart(_ context.Context, s trace.ReadWriteSpan) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	id := s.SpanContext().TraceID()
	u := c.traces[id]
	if u == nil {
		if len(c.order) == maxTraces {
			c.print(c.order[0])
		}
		u = &unprinted{gathered: gathered{hidden: make(map[api.SpanID]api.SpanID)}}
		c.traces[id] = u
		c.order = append(c.order, id)
	}
	u.open++
	if u.timer != nil {
		u.timer.Stop()
	}
}

// OnEnd implements trace.SpanProcessor.
func (c *console) OnEnd(s trace.ReadOnlySpan) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := s.SpanContext().TraceID()
	u := c.traces[id]
	if u == nil || c.closed {
		c.dropped.Inc()
		return
	}
	u.open--
	switch {
	case len(u.spans)+len(u.hidden) >= maxSpans:
		u.missing++
		c.dropped.Inc()
	case unwanted(s):
		u.hidden[s.SpanContext().SpanID()] = s.Parent().SpanID()
	default:
		u.spans = append(u.spans, genkitModel(complete(s)))
	}
	if u.open > 0 {
		return
	}
	if u.timer != nil {
		u.timer.Stop()
	}
	u.timer = time.AfterFunc(settle, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		// The timer may have fired while a span began, or the trace was printed.
		if c.traces[id] == u && u.open == 0 {
			c.print(id)
		}
	})
}

// print hands the tree of a trace to the writer. The caller holds the lock.
func (c *console) print(id api.TraceID) {
	u := c.traces[id]
	if u.timer != nil {
		u.timer.Stop()
	}
	delete(c.traces, id)
	c.order = slices.DeleteFunc(c.order, func(other api.TraceID) bool { return other == id })
	if len(u.spans) == 0 {
		return
	}
	select {
	case c.trees <- &u.gathered:
	default:
		c.dropped.Add(float64(len(u.spans)))
	}
}

// ForceFlush implements trace.SpanProcessor: it prints what is complete.
func (c *console) ForceFlush(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range slices.Clone(c.order) {
		if !c.closed && c.traces[id].open == 0 {
			c.print(id)
		}
	}
	return nil
}

// Shutdown implements trace.SpanProcessor: it prints everything, complete or not.
func (c *console) Shutdown(ctx context.Context) error {
	c.mu.Lock()
	if !c.closed {
		for _, id := range slices.Clone(c.order) {
			c.print(id)
		}
		c.closed = true
		close(c.trees)
	}
	c.mu.Unlock()
	select {
	case <-c.written:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
