package orchestrall

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/orchestrall/orchestrall/runtime/internal/lane"
)

// running is the entry of a call in the table of calls that can be listed while
// they run: those of operations with a slow or a hang limit.
type running struct {
	in   *table
	next *running // the next free entry

	state *state // nil: free
	ctx   context.Context
	span  trace.SpanContext
	start time.Duration
	id    uint64 // of the goroutine, 0 when it is not known
	told  bool   // the hang was reported
}

// table is a part of all entries. An entry is used again and never given back,
// so a call allocates nothing once there have been as many at the same time.
type table struct {
	mu   sync.Mutex
	free *running
	all  [][]running
	_    [64]byte
}

var tables = make([]table, lane.Count)

// watch enters the call into the table.
func (c *Call) watch() {
	t := &tables[lane.Current()]
	id := goroutineID()
	// Before the lock: a context is the program's own code and may panic.
	span := c.spanContext()
	t.mu.Lock()
	r := t.free
	if r == nil {
		r = t.grow()
	}
	t.free = r.next
	r.state, r.ctx, r.start, r.id, r.told = c.state, c.ctx, c.start, id, false
	r.span = span
	t.mu.Unlock()
	c.running = r
	if c.state.hang > 0 {
		hangs.expect()
	}
}

// spanContext is the zero value where there is no trace.
func (c *Call) spanContext() (sc trace.SpanContext) {
	defer contain()
	if c.span != nil {
		return c.span.SpanContext()
	}
	if sc := trace.SpanContextFromContext(c.ctx); sc.IsValid() {
		return sc
	}
	return trace.SpanContext{}
}

// grow makes entries and returns the first. The caller holds the lock.
func (t *table) grow() *running {
	chunk := make([]running, 32)
	for i := range chunk {
		chunk[i].in = t
		if i > 0 {
			chunk[i-1].next = &chunk[i]
		}
	}
	t.all = append(t.all, chunk)
	return &chunk[0]
}

// done takes the call out again.
func (r *running) done() {
	t := r.in
	t.mu.Lock()
	r.state, r.ctx = nil, nil
	r.next = t.free
	t.free = r
	t.mu.Unlock()
}

// moved says that the call goes on on the goroutine that runs, as a stream does
// behind the function that returned it.
func (r *running) moved() {
	if r == nil {
		return
	}
	id := goroutineID()
	r.in.mu.Lock()
	r.id = id
	r.in.mu.Unlock()
}

// each calls f for every entry in use, under the lock of its table.
func each(f func(*running)) {
	for i := range tables {
		t := &tables[i]
		t.mu.Lock()
		for _, chunk := range t.all {
			for j := range chunk {
				if chunk[j].state != nil {
					f(&chunk[j])
				}
			}
		}
		t.mu.Unlock()
	}
}

// RunningCall is a call that has not ended.
type RunningCall struct {
	Operation string
	Kind      Kind
	TraceID   string // "" where there is no trace
	SpanID    string
	Age       time.Duration
	Stuck     bool   // longer than the operation's hang limit
	Stack     string // of the goroutine it runs on; "" when it is not known
}

// RunningCalls lists the calls that have not ended, the oldest first, at most
// limit of them, and says how many there are. Only operations with a slow or a
// hang limit are listed. Asking for stacks stops the program for as long as it
// takes to write down those of all goroutines; past 2000 goroutines there are
// none.
func RunningCalls(limit int, withStacks bool) (list []RunningCall, total int) {
	found := []running{}
	each(func(r *running) { found = append(found, *r) })
	slices.SortFunc(found, func(a, b running) int { return cmp.Compare(a.start, b.start) })
	total = len(found)
	found = found[:min(max(limit, 0), total)]
	var byID map[uint64]string
	if withStacks && len(found) > 0 {
		byID = stacks()
	}
	at := now()
	for _, r := range found {
		call := RunningCall{
			Operation: r.state.spec.Name, Kind: r.state.spec.Kind,
			Age: at - r.start, Stuck: r.state.overdue(at - r.start), Stack: byID[r.id],
		}
		if r.span.IsValid() {
			call.TraceID, call.SpanID = r.span.TraceID().String(), r.span.SpanID().String()
		}
		list = append(list, call)
	}
	return list, total
}

func (st *state) overdue(age time.Duration) bool { return st.hang > 0 && age > st.hang }
