package orchestrall

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// StillRunningKey marks the span that stands for a call which has not ended: it
// is below the call's own span and reaches the back end before that does.
const StillRunningKey = "orchestrall.still_running"

// hangs looks for calls that are past their hang limit for as long as there are
// calls that have one. Between two looks there is a timer and no goroutine, and
// a program that runs no such call has neither.
var hangs watcher

type watcher struct {
	armed atomic.Bool

	mu    sync.Mutex
	every time.Duration // between two looks

	next time.Duration // no report before; only look uses it, and never two at once
}

// A call is found at most a quarter of its limit late, but nobody looks more
// often than a hundred times or less often than once a second.
const (
	quickestLook = 10 * time.Millisecond
	slowestLook  = time.Second
)

// betweenReports keeps the program from standing still all the time while one
// call after another gets stuck.
const betweenReports = time.Second

// learn takes note of an operation's limit.
func (w *watcher) learn(limit time.Duration) {
	every := min(max(limit/4, quickestLook), slowestLook)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.every == 0 || every < w.every {
		w.every = every
	}
}

// expect makes sure that somebody looks.
func (w *watcher) expect() {
	if !w.armed.Load() && w.armed.CompareAndSwap(false, true) {
		w.arm()
	}
}

func (w *watcher) arm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	time.AfterFunc(w.every, w.look)
}

// look reports what is new and arms the timer again if there is anything left
// to look for.
func (w *watcher) look() {
	if at := now(); at >= w.next {
		if overdue := overdueCalls(at); len(overdue) > 0 {
			w.next = at + betweenReports
			report(overdue, at)
		}
	}
	if anyToCome() {
		w.arm()
		return
	}
	w.armed.Store(false)
	if anyToCome() { // a call that began in between
		w.expect()
	}
}

// overdueCalls returns the calls that are past their limit, each once.
func overdueCalls(at time.Duration) (overdue []running) {
	each(func(r *running) {
		if !r.told && r.state.overdue(at-r.start) {
			r.told = true
			overdue = append(overdue, *r)
		}
	})
	slices.SortFunc(overdue, func(a, b running) int { return cmp.Compare(a.start, b.start) })
	return overdue
}

// anyToCome reports whether a call runs that may have to be reported.
func anyToCome() (yes bool) {
	each(func(r *running) { yes = yes || r.state.hang > 0 && !r.told })
	return yes
}

// maxReported is how many calls get a line each time: a thousand that wait for
// the same lock have one story to tell.
const maxReported = 20

func report(overdue []running, at time.Duration) {
	defer contain()
	byID := stacks()
	for i := range overdue {
		if i == maxReported {
			manyLine(overdue[i:])
			return
		}
		r := &overdue[i]
		stack := byID[r.id]
		r.line(at-r.start, stack)
		r.partialSpan(at-r.start, stack)
	}
}

func (r *running) line(age time.Duration, stack string) {
	defer contain()
	st := r.state
	if !st.log || !slog.Default().Enabled(r.ctx, slog.LevelError) {
		return
	}
	attrs := append(slices.Clone(st.logAttrs), slog.Float64("age", milliseconds(age)),
		slog.Float64("hangLimit", milliseconds(st.hang)))
	if stack != "" {
		attrs = append(attrs, slog.String("stack", stack))
	}
	writeLine(r.ctx, slog.LevelError, st.spec.Name+" is still running", []slog.Attr{metadata(attrs)})
}

func manyLine(rest []running) {
	defer contain()
	byName := make(map[string]int)
	for i := range rest {
		byName[rest[i].state.spec.Name]++
	}
	attrs := make([]any, 0, len(byName))
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		attrs = append(attrs, slog.Int(name, byName[name]))
	}
	writeLine(context.Background(), slog.LevelError, "more calls are still running", []slog.Attr{metadata([]slog.Attr{slog.Group("operations", attrs...)})})
}

// partialSpan makes the trace visible while the call runs: a span is exported
// when it ends, and this one never may.
func (r *running) partialSpan(age time.Duration, stack string) {
	defer contain()
	src := currentSource()
	if !r.span.IsSampled() || !src.live {
		return
	}
	started := time.Now().Add(-age)
	attrs := []attribute.KeyValue{attribute.Bool(StillRunningKey, true)}
	if stack != "" {
		attrs = append(attrs, attribute.String("code.stacktrace", stack))
	}
	_, span := r.state.emitterFor(src).tracer.Start(trace.ContextWithSpanContext(r.ctx, r.span),
		r.state.spec.Name+" (still running)", trace.WithTimestamp(started), trace.WithAttributes(attrs...))
	span.End()
}
