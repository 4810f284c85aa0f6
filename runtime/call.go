package orchestrall

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// Call is one running call of an operation. It lives on the stack of the traced
// function; no method lets the pointer out.
type Call struct {
	state   *state          // nil: passed through
	span    trace.Span      // nil: not recorded
	ctx     context.Context // never nil when state is not
	start   time.Duration
	leaf    *node   // labels so far
	at      *series // where the call counts, once that is known
	more    *more
	running *running     // nil: not in the table of running calls
	parent  trace.SpanID // of the span that the sampler refused; zero at the root
	lines   bool         // the finish line will be written
	refusal bool         // ctx holds the ids of that span
	rescued bool         // span was started at the end, since the call failed
	goesOn  bool         // the next End is not for this call
}

// more is what a call that nobody watches does without.
type more struct {
	kvs    []attribute.KeyValue // evaluated fields: those of the span, then those of log lines only
	room   [4]attribute.KeyValue
	labels []Value        // values of the start that only the end can use
	names  map[int]string // the same for parts of the span's name
}

func (c *Call) extra() *more {
	if c.more == nil {
		c.more = new(more)
		c.more.kvs = c.more.room[:0]
	}
	return c.more
}

func (c *Call) kvs() []attribute.KeyValue {
	if c.more == nil {
		return nil
	}
	return c.more.kvs
}

// Start begins a call below the span in ctx and returns the context for what
// the function calls. A nil ctx stays nil.
func (o *Operation) Start(ctx context.Context, fill ...func(int) Value) (context.Context, Call) {
	st := o.state.Load()
	if st == nil {
		return ctx, Call{}
	}
	var c Call
	if ctx == nil {
		c.begin(st, context.Background(), first(fill))
		return nil, c
	}
	if c.begin(st, ctx, first(fill)) {
		return c.ctx, c
	}
	return ctx, c
}

// StartRefused is [Operation.Start] for a hook whose ctx has, or makes when it is
// asked, the ids of a trace that is not sampled, see [NewRoot]: the call's span, if
// it fails, gets these. The caller has room for the call, which is the zero Call
// before.
func (o *Operation) StartRefused(ctx context.Context, c *Call, fill ...func(int) Value) context.Context {
	st := o.state.Load()
	if st == nil {
		return ctx
	}
	c.refusal = true
	c.begin(st, ctx, first(fill))
	return c.ctx
}

// StartRoot begins a call of a function that has no context.
func (o *Operation) StartRoot(fill ...func(int) Value) Call {
	var c Call
	if st := o.state.Load(); st != nil {
		c.begin(st, context.Background(), first(fill))
	}
	return c
}

// StartVia begins a call of a function whose context sits in an argument: get
// reads it, set puts the new one in its place. set is not called when the
// context stays as it was.
func (o *Operation) StartVia(get func() context.Context, set func(context.Context), fill ...func(int) Value) Call {
	var c Call
	st := o.state.Load()
	if st == nil {
		return c
	}
	ctx, ok := read(get)
	if c.begin(st, ctx, first(fill)) && ok {
		write(set, c.ctx)
	}
	return c
}

// read reports whether there is a context; the argument that should hold one
// may be nil.
func read(get func() context.Context) (ctx context.Context, ok bool) {
	defer func() {
		if recover() != nil {
			ctx, ok = context.Background(), false
		}
	}()
	if ctx = get(); ctx == nil {
		return context.Background(), false
	}
	return ctx, true
}

func write(set func(context.Context), ctx context.Context) {
	defer contain()
	set(ctx)
}

func first(fill []func(int) Value) func(int) Value {
	if len(fill) == 0 {
		return nil
	}
	return fill[0]
}

// begin reports whether c.ctx is another context than ctx.
func (c *Call) begin(st *state, ctx context.Context, fill func(int) Value) (changed bool) {
	c.state, c.ctx = st, ctx
	defer func() {
		if recover() != nil { // a context, a tracer or a log handler: not ours
			c.ctx, changed = ctx, false
			c.start = now()
			if !st.flight.IsZero() {
				c.takeOff()
			}
		}
	}()
	if !c.refusal {
		changed = c.trace()
	}
	c.lines = st.log && c.logged(st.level)
	if fill != nil {
		changed = c.fillStart(fill) || changed
	} else if c.span != nil {
		c.inherit()
	}
	if st.startLine && c.lines {
		c.line(st.level, st.messages.started, c.kvs())
	}
	c.start = now()
	if !st.flight.IsZero() {
		c.takeOff()
	}
	return changed
}

// takeOff makes the call visible while it runs.
func (c *Call) takeOff() {
	c.state.flight.Add(1)
	if c.state.watched {
		c.watch()
	}
}

// trace starts the span, if there is to be one.
func (c *Call) trace() (changed bool) {
	if tracingOff.Load() {
		return false
	}
	parent := trace.SpanFromContext(c.ctx).SpanContext()
	if !parent.IsSampled() && parent.IsValid() && !asksEveryChild.Load() {
		return false // a parent-based sampler would say no
	}
	src := currentSource()
	if !src.live {
		return false
	}
	st := c.state
	if st.sample >= 0 && rand.Float64() >= st.sample && !parent.IsValid() {
		c.ctx, c.refusal = trace.ContextWithSpanContext(c.ctx, UnsampledIDs(trace.TraceID{})), true
		return true
	}
	before := c.ctx
	if !parent.IsValid() && !RootID(c.ctx).IsValid() {
		id, sampled, ok := NewRoot()
		if ok && !sampled {
			c.ctx, c.refusal = trace.ContextWithSpanContext(c.ctx, UnsampledIDs(id)), true
			return true
		}
		if ok {
			before = WithRoot(c.ctx, id)
		}
	}
	e := st.emitterFor(src)
	ctx, span := e.tracer.Start(before, st.spec.Name, e.options...)
	c.ctx = ctx
	if span.IsRecording() {
		c.span = span
		if !parent.IsValid() {
			c.linkBack(before)
		}
	} else {
		c.parent, c.refusal = parent.SpanID(), true
	}
	return true
}

// inherit gives the span what the context carries.
func (c *Call) inherit() {
	if carried := carriedFields(c.ctx); len(carried) > 0 {
		c.span.SetAttributes(carried...)
	}
}

// describe gives the span what the context carries and its own attributes: at
// once, since a span makes room anew each time.
func (c *Call) describe(fill func(int) Value) {
	own := c.state.start.attributes
	if len(own) == 0 {
		c.inherit()
		return
	}
	carried := carriedFields(c.ctx)
	m := c.extra()
	m.kvs = evalAll(append(m.kvs, carried...), own, fill)
	c.span.SetAttributes(m.kvs...)
	m.kvs = m.kvs[len(carried):]
}

// fillStart evaluates the fields that somebody will read.
func (c *Call) fillStart(fill func(int) Value) (changed bool) {
	st := c.state
	if len(st.carried) > 0 {
		changed = c.carry(fill)
	}
	switch {
	case c.span != nil:
		c.describe(fill)
	case c.lines && len(st.start.attributes) > 0:
		m := c.extra()
		m.kvs = evalAll(m.kvs, st.start.attributes, fill)
	}
	if c.lines && len(st.start.events) > 0 {
		m := c.extra()
		m.kvs = evalAll(m.kvs, st.start.events, fill)
	}
	if c.span != nil && len(st.name) > 0 {
		c.nameStart(fill)
	}
	if len(st.start.labels) > 0 && c.at == nil {
		c.labelStart(fill)
	}
	return changed
}

func (c *Call) labelStart(fill func(int) Value) {
	st := c.state
	if !st.early {
		labels := make([]Value, len(st.metric.keys))
		for i := range st.start.labels {
			f := &st.start.labels[i]
			labels[f.level] = f.raw(fill)
		}
		c.extra().labels = labels
		return
	}
	leaf := &st.metric.root
	for i := range st.start.labels {
		leaf = st.metric.step(leaf, i, st.start.labels[i].raw(fill))
	}
	c.leaf = leaf
}

func (c *Call) nameStart(fill func(int) Value) {
	names := make(map[int]string, len(c.state.start.names))
	for i := range c.state.start.names {
		f := &c.state.start.names[i]
		names[f.index] = f.eval(fill).text()
	}
	if c.state.lateName {
		c.extra().names = names
		return
	}
	c.span.SetName(joinName(c.state.name, names))
}

func joinName(parts []namePart, values map[int]string) string {
	var b []byte
	for _, p := range parts {
		if p.field >= 0 {
			b = append(b, values[p.field]...)
		} else {
			b = append(b, p.text...)
		}
	}
	return clip(string(b), maxNameSize)
}

// maxNameSize caps span names; back ends index them.
const maxNameSize = 256

// logged reports whether a line at this level would be written.
func (c *Call) logged(level slog.Level) bool {
	return slog.Default().Handler().Enabled(c.ctx, level)
}
