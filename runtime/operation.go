package orchestrall

import (
	"cmp"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/orchestrall/orchestrall/runtime/internal/lane"
)

// Operation is one traced function. The zero value passes everything through:
// a function that runs before its package's init is simply not traced.
type Operation struct{ state atomic.Pointer[state] }

// state is what Register works out of a Spec. Only the emitter changes, with the
// tracer provider.
type state struct {
	// What every call reads comes first, in as few lines of the processor's cache
	// as it fits.
	metric    *metric
	flight    lane.Counter // zero: not counted while they run
	slow      time.Duration
	level     slog.Level
	sample    float64 // below 0: the sampler alone decides
	carried   []field
	long      atomic.Bool // the last call took so long that it may allocate
	log       bool
	startLine bool
	watched   bool // entered into the table of running calls
	early     bool // labels that are known at the start come first in the metric's tree
	lateName  bool // a part of the name is known at the end only

	emitter    atomic.Pointer[emitter]
	start, end phase
	name       []namePart           // empty when the span is named like the operation
	static     []attribute.KeyValue // of every span
	spanKind   trace.SpanKind
	min, hang  time.Duration
	ignore     []error
	messages   messages
	logAttrs   []slog.Attr
	spec       Spec
}

// phase holds the fields that are filled at one end of the call.
type phase struct {
	attributes, events, labels, names []field
}

type messages struct{ started, finished, failed, slow string }

// namePart is literal text, or the value of a field.
type namePart struct {
	text  string
	field int // -1 for text
}

// Register resolves everything static about the operation. Calls that start
// before it are passed through, and so are those of operations whose name or
// function matches a pattern in ORCHESTRALL_DISABLE (* and ?, with commas).
func (o *Operation) Register(s Spec) {
	defer contain() // a bad Spec must cost the telemetry, not the program
	s.Fields = slices.Clone(s.Fields)
	s.Ignore = slices.Clone(s.Ignore)
	registered.add(o, s)
}

func newState(s Spec) *state {
	if s.Kind == "" {
		s.Kind = Internal
	}
	f := familyOf(s.Kind)
	labels := labelNames(s.Fields)
	st := &state{
		spec:     s,
		metric:   metrics.metricOf(&s, f, labels),
		spanKind: f.span, static: spanAttributes(&s, f),
		slow: s.Slow, min: s.Min, hang: s.Hang, sample: ratio(s.Sample),
		watched:  s.Slow > 0 || s.Hang > 0,
		ignore:   slices.DeleteFunc(s.Ignore, func(err error) bool { return err == nil }),
		log:      s.Log != "off",
		level:    f.level,
		messages: messages{s.Name + " started", s.Name + " finished", s.Name + " failed", s.Name + " is slow"},
		logAttrs: []slog.Attr{slog.String("operation", s.Name), slog.String("kind", string(s.Kind))},
	}
	// What is not said to matter and may take a microsecond is not counted while
	// it runs.
	if st.watched || s.Kind != Internal {
		st.flight = metrics.flightOf(&s)
	}
	if st.hang > 0 {
		hangs.learn(st.hang)
	}
	if st.log && s.Log != "" {
		st.startLine = st.level.UnmarshalText([]byte(s.Log)) == nil
	}
	for i, f := range s.Fields {
		st.add(newField(i, f), f)
	}
	if s.SpanName != "" && s.SpanName != s.Name {
		st.name = parseName(s.SpanName, s.Fields)
	}
	st.lateName = len(st.end.names) > 0
	st.sortLabels()
	return st
}

// add puts a field where its role and its end of the call say.
func (st *state) add(f field, spec Field) {
	p := &st.start
	if spec.AtEnd {
		p = &st.end
	}
	switch spec.Role {
	case Carried:
		if !spec.AtEnd {
			st.carried = append(st.carried, f)
			return
		}
		p.attributes = append(p.attributes, f) // too late for nested calls
	case Attribute:
		p.attributes = append(p.attributes, f)
	case Event:
		p.events = append(p.events, f)
	case NamePart:
		p.names = append(p.names, f)
	case Label:
		if st.metric == nil {
			return
		}
		f.level = st.metric.level(labelName(spec.Key))
		if slices.ContainsFunc(slices.Concat(st.start.labels, st.end.labels), func(o field) bool { return o.level == f.level }) {
			return
		}
		p.labels = append(p.labels, f)
	}
}

// sortLabels puts the labels into the order of the metric's tree. A metric that
// is shared may have another order than this operation would choose; then all
// labels wait for the end.
func (st *state) sortLabels() {
	byLevel := func(a, b field) int { return cmp.Compare(a.level, b.level) }
	slices.SortFunc(st.start.labels, byLevel)
	slices.SortFunc(st.end.labels, byLevel)
	st.early = true
	for i, f := range st.start.labels {
		st.early = st.early && f.level == i
	}
}

// ratio reads a sample ratio; what is not one leaves the decision to the sampler.
func ratio(s string) float64 {
	r, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || r < 0 || r > 1 {
		return -1
	}
	return r
}

// parseName splits "step {0}" → text "step ", field 0. Braces around anything
// else than the index of a NamePart are text.
func parseName(s string, fields []Field) []namePart {
	var parts []namePart
	text := func(t string) {
		if t != "" {
			parts = append(parts, namePart{text: t, field: -1})
		}
	}
	for {
		open := strings.IndexByte(s, '{')
		if open < 0 {
			break
		}
		end := strings.IndexByte(s[open:], '}')
		if end < 0 {
			break
		}
		end += open
		i, err := strconv.Atoi(s[open+1 : end])
		if err != nil || i < 0 || i >= len(fields) || fields[i].Role != NamePart {
			text(s[:open+1])
			s = s[open+1:]
			continue
		}
		text(s[:open])
		parts = append(parts, namePart{field: i})
		s = s[end+1:]
	}
	text(s)
	return parts
}
