package orchestrall

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Option says more about a call of Trace or Go.
type Option struct {
	role  optionRole
	key   string
	value Value
	kind  Kind
	slow  time.Duration
}

type optionRole uint8

const (
	optionAttribute optionRole = iota
	optionLabel
	optionKind
	optionSlow
)

// WithAttribute adds an attribute to the span and the log lines, like attr.KEY
// in a directive. Values under keys such as password or token are masked.
func WithAttribute[T any](key string, value T) Option {
	return Option{role: optionAttribute, key: key, value: safeOf(value)}
}

// WithLabel adds a label to the metric, like label.KEY in a directive: past 100
// values it becomes "other", and that is counted.
func WithLabel[T any](key string, value T) Option {
	return Option{role: optionLabel, key: key, value: safeOf(value)}
}

// WithKind chooses span kind, attributes and metric family, like kind= in a
// directive.
func WithKind(k Kind) Option { return Option{role: optionKind, kind: k} }

// WithSlow warns about calls that take longer, like slow= in a directive.
func WithSlow(limit time.Duration) Option { return Option{role: optionSlow, slow: limit} }

// safeOf is Of for values whose methods nobody vouches for.
func safeOf[T any](v T) (value Value) {
	defer func() {
		if recover() != nil {
			value = textValue(textError)
		}
	}()
	return Of(v)
}

// Trace runs f as an operation of that name, with what a directive gives a
// function: a span below the one in ctx, a duration metric and log lines. The
// results, the error and a panic of f are the caller's as if f had been called
// directly.
//
// The name is a metric label, so it should say what is done and not to whom;
// past 1000 combinations of name and options, calls are counted as "other"
// while their spans keep their name.
func Trace[T any](ctx context.Context, name string, f func(context.Context) (T, error), options ...Option) (result T, err error) {
	if ctx == nil {
		ctx = context.Background()
	}
	o, fill := adHoc.operation(name, options)
	ctx, call := o.Start(ctx, fill)
	defer call.EndErr(&err, fill)
	return f(ctx)
}

// adHoc holds the operations that the program names while it runs.
var adHoc operations

// maxAdHoc bounds them: each has a histogram for success and one for failure.
const maxAdHoc = 1000

type operations struct {
	byKey sync.Map // of string: *Operation

	mu sync.Mutex
	n  int
}

// operation returns the operation for these options and the function that
// fills its fields.
func (os *operations) operation(name string, options []Option) (*Operation, func(int) Value) {
	key := operationKey(name, options)
	if o, ok := os.byKey.Load(key); ok {
		return o.(*Operation), optionValues(options)
	}
	os.mu.Lock()
	defer os.mu.Unlock()
	if o, ok := os.byKey.Load(key); ok {
		return o.(*Operation), optionValues(options)
	}
	if os.n >= maxAdHoc {
		return surplus(), func(int) Value { return textValue(name) }
	}
	os.n++
	o := new(Operation)
	o.Register(optionSpec(strings.Clone(name), options))
	os.byKey.Store(key, o)
	return o, optionValues(options)
}

// surplus is the operation that stands for all names past the bound.
var surplus = sync.OnceValue(func() *Operation {
	o := new(Operation)
	o.Register(Spec{Name: otherLabel, SpanName: "{0}", Fields: []Field{{Role: NamePart, Key: "name"}}})
	return o
})

// operationKey tells operations apart: two sets of options with the same key
// differ in values only.
func operationKey(name string, options []Option) string {
	if len(options) == 0 {
		return name
	}
	b := append(make([]byte, 0, 64), name...)
	for i := range options {
		o := &options[i]
		b = append(b, 0xff, byte(o.role))
		b = append(b, o.key...)
		b = append(b, o.kind...)
		b = strconv.AppendInt(b, int64(o.slow), 36)
	}
	return string(b)
}

func optionSpec(name string, options []Option) Spec {
	s := Spec{Name: name, Late: true}
	for _, o := range options {
		switch o.role {
		case optionAttribute:
			s.Fields = append(s.Fields, Field{Role: Attribute, Key: o.key})
		case optionLabel:
			s.Fields = append(s.Fields, Field{Role: Label, Key: o.key})
		case optionKind:
			s.Kind = o.kind
		case optionSlow:
			s.Slow = o.slow
		}
	}
	return s
}

// optionValues returns the values of the fields that optionSpec made.
func optionValues(options []Option) func(int) Value {
	return func(field int) Value {
		for i := range options {
			if options[i].role > optionLabel {
				continue
			}
			if field == 0 {
				return options[i].value
			}
			field--
		}
		return Value{}
	}
}
