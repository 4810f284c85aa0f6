// Package orchestrall stands in for the runtime in tests of the build: it
// prints what happens, and depends on next to nothing.
package orchestrall

import (
	"context"
	"time"
)

type (
	Index   = int
	Bool    = bool
	Error   = error
	Context = context.Context
	Kind    string
	Role    uint8
	Mask    uint8
	Value   string
)

const True = true

const (
	Attribute Role = iota
	Carried
	Label
	Event
	NamePart
)

const (
	Plain Mask = iota
	Redact
	Hash
)

const (
	Agent    Kind = "agent"
	Workflow Kind = "workflow"
	Step     Kind = "step"
	Tool     Kind = "tool"
	LLM      Kind = "llm"
	Server   Kind = "server"
	Client   Kind = "client"
	DB       Kind = "db"
	Internal Kind = "internal"
)

type Field struct {
	Role  Role
	Key   string
	AtEnd bool
	Mask  Mask
	Max   int
}

type Spec struct {
	Name, SpanName           string
	Kind                     Kind
	Function, File           string
	Line                     int
	Metric, Log, Sample, SLO string
	Slow, Hang, Min          time.Duration
	Ignore                   []error
	Fields                   []Field
}

type Operation struct{ spec *Spec }

func (o *Operation) Register(s Spec) { o.spec = &s }

type Call struct{ op *Operation }

func (o *Operation) begin() Call {
	if o.spec != nil {
		println("start", o.spec.Name, o.spec.File, o.spec.Line)
	}
	return Call{o}
}

func (o *Operation) Start(ctx context.Context, fill ...func(int) Value) (context.Context, Call) {
	return ctx, o.begin()
}

func (o *Operation) StartRoot(fill ...func(int) Value) Call { return o.begin() }

func (o *Operation) StartVia(get func() context.Context, set func(context.Context), fill ...func(int) Value) Call {
	return o.begin()
}

func (c *Call) End(fill ...func(int) Value) {
	if c.op.spec != nil {
		println("end", c.op.spec.Name)
	}
}

func (c *Call) EndErr(err *error, fill ...func(int) Value)        { c.End() }
func (c *Call) EndFunc(err func() error, fill ...func(int) Value) { c.End() }

func Of[T any](v T) Value      { return "" }
func ErrorOf[T any](v T) error { err, _ := any(v).(error); return err }
