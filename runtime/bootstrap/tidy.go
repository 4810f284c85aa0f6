package bootstrap

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"
)

// The runtime caps and checks what it records itself. Spans of libraries come as
// they are: a megabyte in an attribute would be held as often as the queue has
// places, and one byte that is no UTF-8 makes the protocol refuse the whole
// batch, everybody's spans with it.

// maxSpanText caps each text of a span, in bytes, unless
// OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT says otherwise. A stack is the longest
// text that anybody reads.
const maxSpanText = 16 << 10

// tidier makes spans fit to be sent.
type tidier struct {
	limit   int
	content bool // what was said to language models, and by them, may be told
}

func newTidier(getenv func(string) string) tidier {
	content, _ := strconv.ParseBool(getenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"))
	for _, name := range []string{"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"} {
		if n, ok := number(getenv(name)); ok && n > 0 {
			return tidier{n, content}
		}
	}
	return tidier{maxSpanText, content}
}

// fit returns a span of at most maxSpanWeight, false where that cannot be had.
func (t tidier) fit(s trace.ReadOnlySpan) (_ trace.ReadOnlySpan, size int, ok bool) {
	for s = t.span(s); ; s = t.span(s) {
		if size = weight(s); size <= maxSpanWeight {
			return s, size, true
		}
		if t.limit /= 4; t.limit < 64 {
			return nil, 0, false
		}
	}
}

// maxSpanWeight keeps a single span below the 4 MiB that receivers of gRPC take
// at once.
const maxSpanWeight = 1 << 20

// maxList caps lists of texts.
const maxList = 128

// span returns the span itself if there is nothing to do, else a copy that keeps
// nothing of it alive.
func (t tidier) span(s trace.ReadOnlySpan) trace.ReadOnlySpan {
	scope := s.InstrumentationScope()
	if t.fine(s.Name()) && t.fine(s.Status().Description) && t.allFine(s.Attributes()) &&
		t.fine(scope.Name) && t.fine(scope.Version) && t.fine(scope.SchemaURL) &&
		!slices.ContainsFunc(s.Events(), func(e trace.Event) bool { return !t.fine(e.Name) || !t.allFine(e.Attributes) }) &&
		!slices.ContainsFunc(s.Links(), func(l trace.Link) bool { return !t.allFine(l.Attributes) }) {
		return s
	}
	scope.Name, scope.Version, scope.SchemaURL = t.text(scope.Name), t.text(scope.Version), t.text(scope.SchemaURL)
	c := &tidied{
		name: t.text(s.Name()), context: s.SpanContext(), parent: s.Parent(), kind: s.SpanKind(),
		start: s.StartTime(), end: s.EndTime(), attributes: t.attributes(s.Attributes()),
		links: slices.Clone(s.Links()), events: slices.Clone(s.Events()),
		status: trace.Status{Code: s.Status().Code, Description: t.text(s.Status().Description)},
		scope:  scope, resource: s.Resource(),
		droppedAttributes: s.DroppedAttributes(), droppedLinks: s.DroppedLinks(), droppedEvents: s.DroppedEvents(),
		children: s.ChildSpanCount(),
	}
	for i := range c.events {
		e := &c.events[i]
		e.Name, e.Attributes = t.text(e.Name), t.attributes(e.Attributes)
	}
	for i := range c.links {
		c.links[i].Attributes = t.attributes(c.links[i].Attributes)
	}
	return c
}

func (t tidier) fine(s string) bool { return len(s) <= t.limit && utf8.ValidString(s) }

// text is the beginning of s, cut between two characters, with what is no UTF-8
// replaced.
func (t tidier) text(s string) string {
	if t.fine(s) {
		return s
	}
	if len(s) > t.limit {
		n := t.limit
		for n > 0 && n > t.limit-utf8.UTFMax && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	return strings.Clone(strings.ToValidUTF8(s, "\uFFFD"))
}

// withholds reports whether an attribute holds what was said to a language model
// or by it. genkit traces itself, and tells that always.
func (t tidier) withholds(key attribute.Key) bool {
	return !t.content && (key == "genkit:input" || key == "genkit:output")
}

func (t tidier) allFine(kvs []attribute.KeyValue) bool {
	for i := range kvs {
		if t.withholds(kvs[i].Key) || !t.fine(string(kvs[i].Key)) || !t.valueFine(kvs[i].Value) {
			return false
		}
	}
	return true
}

func (t tidier) valueFine(v attribute.Value) bool {
	switch v.Type() {
	case attribute.INVALID, attribute.BOOL, attribute.INT64, attribute.FLOAT64:
		return true
	case attribute.STRING:
		return t.fine(v.AsString())
	case attribute.STRINGSLICE:
		list := v.AsStringSlice()
		return len(list) <= maxList && !slices.ContainsFunc(list, func(s string) bool { return !t.fine(s) })
	default:
		return t.fine(v.Emit())
	}
}

func (t tidier) attributes(kvs []attribute.KeyValue) []attribute.KeyValue {
	if t.allFine(kvs) {
		return kvs
	}
	kvs = slices.DeleteFunc(slices.Clone(kvs), func(kv attribute.KeyValue) bool { return t.withholds(kv.Key) })
	for i := range kvs {
		kvs[i].Key = attribute.Key(t.text(string(kvs[i].Key)))
		if t.valueFine(kvs[i].Value) {
			continue
		}
		switch v := kvs[i].Value; v.Type() {
		case attribute.STRING:
			kvs[i].Value = attribute.StringValue(t.text(v.AsString()))
		case attribute.STRINGSLICE:
			list := v.AsStringSlice()
			list = slices.Clone(list[:min(len(list), maxList)])
			for j, s := range list {
				list[j] = t.text(s)
			}
			kvs[i].Value = attribute.StringSliceValue(list)
		default: // lists and maps of other values: their text tells enough
			kvs[i].Value = attribute.StringValue(t.text(v.Emit()))
		}
	}
	return kvs
}

// resource is what describes the program, which every batch contains.
func (t tidier) resource(r *resource.Resource) *resource.Resource {
	if t.allFine(r.Attributes()) {
		return r
	}
	return resource.NewWithAttributes(r.SchemaURL(), t.attributes(r.Attributes())...)
}

// weight is roughly what a span takes in memory, in bytes.
func weight(s trace.ReadOnlySpan) int {
	n := 1<<10 + len(s.Name()) + len(s.Status().Description) + weightOf(s.Attributes())
	for _, e := range s.Events() {
		n += len(e.Name) + weightOf(e.Attributes)
	}
	for _, l := range s.Links() {
		n += weightOf(l.Attributes)
	}
	return n
}

func weightOf(kvs []attribute.KeyValue) (n int) {
	for i := range kvs {
		n += 64 + len(kvs[i].Key)
		switch v := kvs[i].Value; v.Type() {
		case attribute.INVALID, attribute.BOOL, attribute.INT64, attribute.FLOAT64:
		case attribute.STRING:
			n += len(v.AsString())
		default:
			n += len(v.Emit())
		}
	}
	return n
}

// tidied is a span that was made fit. The interface within is nil: it is there
// for methods that nobody calls, one of which only the SDK can write.
type tidied struct {
	trace.ReadOnlySpan
	name                                           string
	context, parent                                api.SpanContext
	kind                                           api.SpanKind
	start, end                                     time.Time
	attributes                                     []attribute.KeyValue
	links                                          []trace.Link
	events                                         []trace.Event
	status                                         trace.Status
	scope                                          instrumentation.Scope
	resource                                       *resource.Resource
	droppedAttributes, droppedLinks, droppedEvents int
	children                                       int
}

// Name implements trace.ReadOnlySpan, as all that follow do.
func (s *tidied) Name() string                                { return s.name }
func (s *tidied) SpanContext() api.SpanContext                { return s.context }
func (s *tidied) Parent() api.SpanContext                     { return s.parent }
func (s *tidied) SpanKind() api.SpanKind                      { return s.kind }
func (s *tidied) StartTime() time.Time                        { return s.start }
func (s *tidied) EndTime() time.Time                          { return s.end }
func (s *tidied) Attributes() []attribute.KeyValue            { return s.attributes }
func (s *tidied) Links() []trace.Link                         { return s.links }
func (s *tidied) Events() []trace.Event                       { return s.events }
func (s *tidied) Status() trace.Status                        { return s.status }
func (s *tidied) InstrumentationScope() instrumentation.Scope { return s.scope }
func (s *tidied) Resource() *resource.Resource                { return s.resource }
func (s *tidied) DroppedAttributes() int                      { return s.droppedAttributes }
func (s *tidied) DroppedLinks() int                           { return s.droppedLinks }
func (s *tidied) DroppedEvents() int                          { return s.droppedEvents }
func (s *tidied) ChildSpanCount() int                         { return s.children }
