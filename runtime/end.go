package orchestrall

import (
	"errors"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// End ends a call of a function without an error result. It must be deferred
// itself: it notes a panic that passes and lets it go on with the same value.
func (c *Call) End(fill ...func(int) Value) {
	if c.passes() {
		return
	}
	r := recover()
	if r != nil || nilPanicPasses() {
		c.panicked(r, first(fill))
		panic(r)
	}
	c.finish(nil, first(fill))
}

// EndErr ends a call whose error result is err.
func (c *Call) EndErr(err *error, fill ...func(int) Value) {
	if c.passes() {
		return
	}
	r := recover()
	if r != nil || nilPanicPasses() {
		c.panicked(r, first(fill))
		panic(r)
	}
	c.finish(errorAt(err), first(fill))
}

// EndFunc ends a call whose error has to be looked for among the results.
func (c *Call) EndFunc(err func() error, fill ...func(int) Value) {
	if c.passes() {
		return
	}
	r := recover()
	if r != nil || nilPanicPasses() {
		c.panicked(r, first(fill))
		panic(r)
	}
	c.finish(asked(err), first(fill))
}

// GoOn makes the End that is deferred already do nothing: the call goes on when
// the function that started it has returned, and another End is for it.
func (c *Call) GoOn() { c.goesOn = true }

// passes reports whether an End has nothing to do.
func (c *Call) passes() bool {
	if c.goesOn {
		c.goesOn = false
		return true
	}
	return c.state == nil
}

func errorAt(err *error) error {
	if err == nil {
		return nil
	}
	return *err
}

func asked(err func() error) (found error) {
	defer contain()
	if err == nil {
		return nil
	}
	return err()
}

// outcome is what a call came to.
type outcome struct {
	err     error
	failure *failure // nil unless the call failed
	slow    bool
	elapsed time.Duration
}

// failure is an error or a panic in the words that telemetry uses.
type failure struct{ name, message, stack string }

func (c *Call) finish(err error, fill func(int) Value) {
	o := outcome{err: err, elapsed: now() - c.start}
	if err != nil && !c.state.ignores(err) {
		o.failure = failureOf(err)
	}
	c.settle(&o, fill)
}

func (c *Call) panicked(r any, fill func(int) Value) {
	o := outcome{elapsed: now() - c.start}
	if err, ok := r.(error); ok && c.state.ignores(err) {
		o.err = err // a way to leave, such as http.ErrAbortHandler
	} else {
		o.failure = failureOfPanic(r)
	}
	c.settle(&o, fill)
	if o.failure != nil && c.isRoot() {
		flushCrash()
	}
}

// settle tells everybody who wants to know: the histogram first, then the span,
// then the log. A failed call gets its span before that, for the exemplar.
func (c *Call) settle(o *outcome, fill func(int) Value) {
	st := c.state
	if !st.flight.IsZero() {
		c.land()
	}
	if len(st.carried) > 0 && o.elapsed > longCall != st.long.Load() {
		st.long.Store(o.elapsed > longCall)
	}
	o.slow = st.slow > 0 && o.elapsed > st.slow
	if c.span == nil && o.failure != nil {
		c.rescue()
	}
	if m := st.metric; m != nil {
		s, seconds := c.series(m, fill), float64(o.elapsed)*1e-9
		if c.span != nil {
			s.observeSpan(c.span, o.failure != nil, seconds, c.start+o.elapsed)
		} else {
			s.observe(o.failure != nil, seconds)
		}
	}
	if c.span == nil && !c.lines && o.failure == nil && !o.slow {
		return
	}
	c.report(o, fill)
}

// land undoes takeOff.
func (c *Call) land() {
	c.state.flight.Add(-1)
	if c.running != nil {
		c.running.done()
	}
}

// series is where the call counts.
func (c *Call) series(m *metric, fill func(int) Value) *series {
	if c.at != nil {
		return c.at
	}
	return m.at(c.leafAtEnd(m, fill))
}

func (c *Call) leafAtEnd(m *metric, fill func(int) Value) *node {
	if len(m.keys) == 0 {
		return &m.root
	}
	st := c.state
	if !st.early {
		return c.leafLate(m, fill)
	}
	leaf, level := c.leaf, len(st.start.labels)
	if leaf == nil { // Start had no fill function, or did not get that far
		leaf = &m.root
		for i := range level {
			leaf = m.step(leaf, i, textValue(""))
		}
	}
	for i := range st.end.labels {
		v := textValue("")
		if fill != nil {
			v = st.end.labels[i].raw(fill)
		}
		leaf = m.step(leaf, level+i, v)
	}
	return leaf
}

func (c *Call) leafLate(m *metric, fill func(int) Value) *node {
	values := make([]Value, len(m.keys))
	if c.more != nil {
		copy(values, c.more.labels)
	}
	for i := range c.state.end.labels {
		if f := &c.state.end.labels[i]; fill != nil {
			values[f.level] = f.raw(fill)
		}
	}
	leaf := &m.root
	for i, v := range values {
		leaf = m.step(leaf, i, v)
	}
	return leaf
}

// report is for calls that leave a span or a log line. There is one line at
// most: a failure matters more than that it was slow, and both more than that
// the call is over.
func (c *Call) report(o *outcome, fill func(int) Value) {
	st := c.state
	level, message, lines := st.level, st.messages.finished, c.lines
	switch {
	case o.failure != nil:
		level, message = slog.LevelError, st.messages.failed
		lines = st.log && c.wants(level)
	case o.slow:
		level, message = slog.LevelWarn, st.messages.slow
		lines = st.log && c.wants(level)
	}
	c.fillLate(lines, fill)
	c.fillEnd(lines, fill)
	if c.span != nil {
		c.endSpan(o, fill)
	}
	if lines {
		c.endLine(level, message, o)
	}
}

func (c *Call) wants(level slog.Level) (yes bool) {
	defer contain()
	return c.logged(level)
}

func (c *Call) fillEnd(lines bool, fill func(int) Value) {
	st := c.state
	if fill == nil || !lines && c.span == nil {
		return
	}
	if len(st.end.attributes) > 0 {
		m := c.extra()
		n := len(m.kvs)
		m.kvs = evalAll(m.kvs, st.end.attributes, fill)
		if c.span != nil {
			c.setAttributes(m.kvs[n:])
		}
	}
	if lines && len(st.end.events) > 0 {
		m := c.extra()
		m.kvs = evalAll(m.kvs, st.end.events, fill)
	}
}

// fillStream evaluates at the return what a stream's end will need.
func (c *Call) fillStream(fill func(int) Value) {
	if m := c.state.metric; m != nil {
		c.at = c.series(m, fill)
	}
	c.fillEnd(c.lines, fill)
	if c.span != nil && c.state.lateName && fill != nil {
		defer contain()
		c.nameEnd(fill)
	}
}

func (c *Call) setAttributes(kvs []attribute.KeyValue) {
	defer contain()
	c.span.SetAttributes(kvs...)
}

func (c *Call) endSpan(o *outcome, fill func(int) Value) {
	defer contain()
	st := c.state
	if st.lateName && fill != nil && c.knownName() {
		c.nameEnd(fill)
	}
	if o.slow {
		c.span.SetAttributes(slowMark)
	}
	if f := o.failure; f != nil {
		c.span.SetStatus(codes.Error, f.message)
		c.span.SetAttributes(attribute.String("error.type", f.name))
		c.span.AddEvent("exception", trace.WithAttributes(f.attributes()...))
	} else if st.min > 0 && o.elapsed < st.min {
		c.span.SetAttributes(dropMark)
	}
	c.span.End()
}

var (
	slowMark      = attribute.Bool(SlowKey, true)
	dropMark      = attribute.Bool(DropKey, true)
	abandonedMark = attribute.Bool(AbandonedKey, true)
)

func (c *Call) nameEnd(fill func(int) Value) {
	names := c.extra().names
	if names == nil {
		names = make(map[int]string, len(c.state.end.names))
	}
	for i := range c.state.end.names {
		f := &c.state.end.names[i]
		names[f.index] = f.eval(fill).text()
	}
	c.span.SetName(joinName(c.state.name, names))
}

func (st *state) ignores(err error) (yes bool) {
	defer contain()
	return slices.ContainsFunc(st.ignore, func(target error) bool { return errors.Is(err, target) })
}

func (f *failure) attributes() []attribute.KeyValue {
	kvs := []attribute.KeyValue{
		attribute.String("exception.type", f.name),
		attribute.String("exception.message", f.message),
	}
	if f.stack != "" {
		kvs = append(kvs, attribute.String("exception.stacktrace", f.stack))
	}
	return kvs
}

func failureOf(err error) *failure {
	return &failure{name: typeName(err), message: messageOf(err)}
}

// maxStack caps the stack of a panic; a deep recursion is cut at its far end.
const maxStack = 16 << 10

// failureOfPanic has the stack only where the panic first passes a traced call:
// the calls around it would add nothing, and each walks a stack that the calls
// before it made longer.
func failureOfPanic(r any) *failure {
	f := &failure{name: "panic"}
	if !passedOn() {
		f.stack = clip(string(debug.Stack()), maxStack)
	}
	if r == nil {
		f.message = textNil
		return f
	}
	f.name = typeName(r)
	f.message = messageOf(r)
	return f
}
