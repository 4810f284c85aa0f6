package orchestrall

import (
	"context"
	"sync/atomic"
)

// Resolved is an operation whose labels are known before it is called, as those
// of a database statement are. Calls that start here leave out the work of
// finding the metric for their labels. The zero Resolved passes everything
// through.
type Resolved struct {
	operation *Operation
	labels    []Value
	at        atomic.Pointer[resolvedAt]
}

// resolvedAt is valid for one state of the operation.
type resolvedAt struct {
	state  *state
	series *series // nil without a metric
}

// Resolve returns the operation with values for its labels, in the order of
// [Spec.Fields]. All labels of the operation have to be known at the start.
func (o *Operation) Resolve(labels ...Value) *Resolved {
	return &Resolved{operation: o, labels: labels}
}

// Start is [Operation.Start] for a call that the caller has room for, the zero Call
// before; fill is not asked for labels.
func (r *Resolved) Start(ctx context.Context, c *Call, fill ...func(int) Value) context.Context {
	if r.operation == nil {
		return ctx
	}
	st := r.operation.state.Load()
	if st == nil {
		return ctx
	}
	c.at = r.series(st)
	if ctx == nil {
		c.begin(st, context.Background(), first(fill))
		return nil
	}
	if c.begin(st, ctx, first(fill)) {
		return c.ctx
	}
	return ctx
}

func (r *Resolved) series(st *state) *series {
	if at := r.at.Load(); at != nil && at.state == st {
		return at.series
	}
	var s *series
	if m := st.metric; m != nil {
		leaf := &m.root
		for level := range m.keys {
			v := textValue("")
			for i := range st.start.labels {
				if st.start.labels[i].level == level {
					v = r.value(st, i)
				}
			}
			leaf = m.step(leaf, level, v)
		}
		s = m.at(leaf)
	}
	r.at.Store(&resolvedAt{st, s})
	return s
}

// value is the i-th label of the metric's tree, which is sorted otherwise than
// the fields.
func (r *Resolved) value(st *state, i int) Value {
	f := &st.start.labels[i]
	before := 0
	for j := range st.start.labels {
		if st.start.labels[j].index < f.index {
			before++
		}
	}
	if before >= len(r.labels) {
		return textValue("")
	}
	return f.raw(func(int) Value { return r.labels[before] })
}
