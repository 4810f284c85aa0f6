package bootstrap

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// gathered is what is known of one trace.
type gathered struct {
	spans   []trace.ReadOnlySpan
	open    int                       // spans that have begun and not ended
	missing int                       // spans that there was no room for
	hidden  map[api.SpanID]api.SpanID // dropped spans and their parents
}

// lineWidth is where a line of attributes is broken.
const lineWidth = 110

// row is one span in the order and depth in which it is printed.
type row struct {
	span  trace.ReadOnlySpan
	above trace.ReadOnlySpan // the parent, nil at the left
	lead  string             // glyphs before the name
	below string             // glyphs before the lines under the name
}

// String renders the trace for people:
//
//	trace 0102…  shop  2 spans  12ms  failed
//	POST /orders           server    +0s   12ms  ok
//	│     http.request.method=POST
//	└─ Orders.Place        internal  +1ms  10ms  FAILED  no stock
func (g *gathered) String() string {
	slices.SortStableFunc(g.spans, func(a, b trace.ReadOnlySpan) int {
		return cmp.Or(a.StartTime().Compare(b.StartTime()), b.EndTime().Compare(a.EndTime()))
	})
	rows := g.rows()
	first, last, failed := g.spans[0].StartTime(), g.spans[0].EndTime(), 0
	var names, kinds, starts, spans int
	for _, r := range rows {
		if r.span.EndTime().After(last) {
			last = r.span.EndTime()
		}
		if r.span.Status().Code == codes.Error {
			failed++
		}
		names = max(names, width(r.lead)+width(printable(r.span.Name())))
		kinds = max(kinds, width(kind(r.span)))
		starts = max(starts, width(offset(r.span, first)))
		spans = max(spans, width(length(r.span)))
	}

	var b strings.Builder
	fmt.Fprintf(&b, "trace %s  %s  %s  %s", g.spans[0].SpanContext().TraceID(),
		printable(serviceName(g.spans[0].Resource())), count(len(rows), "span"), short(last.Sub(first)))
	if failed > 0 {
		fmt.Fprintf(&b, "  %d failed", failed)
	}
	if g.open > 0 {
		fmt.Fprintf(&b, "  %s not ended", count(g.open, "span"))
	}
	if g.missing > 0 {
		fmt.Fprintf(&b, "  %s left out", count(g.missing, "span"))
	}
	b.WriteByte('\n')
	for _, r := range rows {
		b.WriteString(pad(r.lead+printable(r.span.Name()), names))
		b.WriteString("  " + pad(kind(r.span), kinds))
		b.WriteString("  " + indent(offset(r.span, first), starts))
		b.WriteString("  " + indent(length(r.span), spans))
		b.WriteString("  " + outcome(r.span) + "\n")
		for _, line := range details(r) {
			b.WriteString(r.below + "      " + line + "\n")
		}
	}
	return b.String()
}

// rows puts every span below its parent, or below the nearest ancestor that is
// shown; spans whose ancestors are all elsewhere stand at the left.
func (g *gathered) rows() []row {
	shown := make(map[api.SpanID]bool, len(g.spans))
	for _, s := range g.spans {
		shown[s.SpanContext().SpanID()] = true
	}
	children := make(map[api.SpanID][]trace.ReadOnlySpan)
	for _, s := range g.spans {
		parent := s.Parent().SpanID()
		for range len(g.hidden) {
			above, ok := g.hidden[parent]
			if !ok {
				break
			}
			parent = above
		}
		if !shown[parent] {
			parent = api.SpanID{}
		}
		children[parent] = append(children[parent], s)
	}
	var rows []row
	var add func(s, above trace.ReadOnlySpan, lead, inner string)
	add = func(s, above trace.ReadOnlySpan, lead, inner string) {
		below := children[s.SpanContext().SpanID()]
		r := row{span: s, above: above, lead: lead, below: inner}
		if len(below) > 0 {
			r.below += "│"
		} else {
			r.below += " "
		}
		rows = append(rows, r)
		for i, child := range below {
			if i < len(below)-1 {
				add(child, s, inner+"├─ ", inner+"│  ")
			} else {
				add(child, s, inner+"└─ ", inner+"   ")
			}
		}
	}
	for _, s := range children[api.SpanID{}] {
		add(s, nil, "", "")
	}
	return rows
}

// kind is the directive's kind, or the span's for spans of other origin.
func kind(s trace.ReadOnlySpan) string {
	for _, kv := range s.Attributes() {
		if kv.Key == orchestrall.KindKey {
			return printable(kv.Value.AsString())
		}
	}
	return s.SpanKind().String()
}

func outcome(s trace.ReadOnlySpan) string {
	if s.Status().Code != codes.Error {
		if slices.Contains(s.Attributes(), attribute.Bool(orchestrall.SlowKey, true)) {
			return "SLOW"
		}
		return "ok"
	}
	return strings.TrimRight("FAILED  "+printable(s.Status().Description), " ")
}

// details are the lines under a span: its attributes, then its events. What
// the span shares with the one above it, such as a user id, is not repeated.
func details(r row) []string {
	s := r.span
	var inherited attribute.Set
	if r.above != nil {
		inherited = attribute.NewSet(r.above.Attributes()...)
	}
	var pairs []string
	var file, line string
	for _, kv := range s.Attributes() {
		if v, ok := inherited.Value(kv.Key); ok && v == kv.Value && !strings.HasPrefix(string(kv.Key), "code.") {
			continue
		}
		switch kv.Key {
		case orchestrall.KindKey, orchestrall.SlowKey, "code.function.name", "gen_ai.operation.name",
			"db.operation.name", "db.collection.name", "db.query.summary", "mcp.method.name", "mcp.protocol.version",
			"network.peer.address", "network.peer.port", "network.protocol.name", "network.protocol.version",
			"url.scheme", "user_agent.original", "genkit:input", "genkit:output":
			// In the span's name, shown otherwise, or of no use to a person.
		case "code.file.path":
			file = printable(kv.Value.AsString())
		case "code.line.number":
			line = ":" + kv.Value.Emit()
		default:
			pairs = append(pairs, pair(kv))
		}
	}
	slices.Sort(pairs)
	if file != "" {
		pairs = append(pairs, "at "+file+line)
	}
	lines := fold(pairs)
	for _, event := range s.Events() {
		text := "! " + printable(event.Name)
		for _, kv := range event.Attributes {
			if kv.Key == "exception.stacktrace" || kv.Key == "exception.message" && kv.Value.AsString() == s.Status().Description {
				continue
			}
			text += "  " + pair(kv)
		}
		lines = append(lines, text)
	}
	for _, link := range s.Links() {
		lines = append(lines, "link to trace "+link.SpanContext.TraceID().String()+" span "+link.SpanContext.SpanID().String())
	}
	return lines
}

func pair(kv attribute.KeyValue) string {
	return printable(string(kv.Key)) + "=" + value(kv.Value.Emit())
}

// maxValue is how much of a value is shown, in bytes.
const maxValue = 160

// value quotes what would be unclear or would reach the terminal as a command.
func value(s string) string {
	if len(s) > maxValue {
		cut := maxValue
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == ' ' || r == '"' }) {
		return strconv.Quote(s)
	}
	return s
}

// printable quotes text only where it holds control characters.
func printable(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}

// fold puts as many pairs on a line as fit.
func fold(pairs []string) []string {
	var lines []string
	for _, p := range pairs {
		if n := len(lines) - 1; n >= 0 && width(lines[n])+width(p)+2 <= lineWidth {
			lines[n] += "  " + p
		} else {
			lines = append(lines, p)
		}
	}
	return lines
}

func offset(s trace.ReadOnlySpan, first time.Time) string {
	return "+" + short(s.StartTime().Sub(first))
}

func length(s trace.ReadOnlySpan) string { return short(s.EndTime().Sub(s.StartTime())) }

// short keeps three digits or so: nobody reads nanoseconds of a second.
func short(d time.Duration) string {
	for unit := time.Microsecond; unit <= time.Second; unit *= 10 {
		if d < 100*unit {
			return d.Round(unit / 10).String()
		}
	}
	return d.Round(time.Second).String()
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

func width(s string) int { return utf8.RuneCountInString(s) }

func pad(s string, to int) string { return s + strings.Repeat(" ", max(0, to-width(s))) }

func indent(s string, to int) string { return strings.Repeat(" ", max(0, to-width(s))) + s }
