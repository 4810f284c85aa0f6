package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// evidence is what the platform left for an administrator.
type evidence struct {
	trees   []tree
	lines   []logLine
	other   []string // lines on standard error that are neither
	metrics []string // one sample a line, of our families only
	leaked  bool     // the API key stands somewhere in it
}

// A tree is the printed tree of one trace.
type tree struct {
	traceID string
	text    string
	spans   []span
}

type span struct {
	path   []string // names from the root down
	failed bool
	slow   bool
}

// A logLine is a line of JSON.
type logLine struct {
	text   string
	fields map[string]any
}

func (l logLine) field(key string) string {
	s, _ := l.fields[key].(string)
	return s
}

func newEvidence(stderr, metrics, secret string) evidence {
	e := evidence{leaked: strings.Contains(stderr+metrics, secret)}
	inTree := false
	for line := range strings.Lines(stderr) {
		line = strings.TrimRight(line, "\n")
		var fields map[string]any
		switch {
		case strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &fields) == nil:
			e.lines, inTree = append(e.lines, logLine{line, fields}), false
		case strings.HasPrefix(line, "trace "):
			e.trees, inTree = append(e.trees, tree{traceID: strings.Fields(line)[1], text: line}), true
		case inTree:
			t := &e.trees[len(e.trees)-1]
			t.text += "\n" + line
			t.add(line)
		default:
			e.other = append(e.other, line)
		}
	}
	e.metrics = ours(metrics)
	return e
}

// indentWidth is how far each level of a tree stands from the one above.
const indentWidth = 3

// add reads the line of a span; lines of attributes stand deeper than any name.
func (t *tree) add(line string) {
	lead := line[:len(line)-len(strings.TrimLeft(line, "│├└─ "))]
	name, rest, _ := strings.Cut(line[len(lead):], "  ")
	depth := utf8.RuneCountInString(lead) / indentWidth
	if lead != "" && !strings.HasSuffix(lead, "─ ") || name == "" {
		return
	}
	var path []string
	if depth > 0 && len(t.spans) > 0 {
		above := t.spans[len(t.spans)-1].path
		path = slices.Clone(above[:min(depth, len(above))])
	}
	t.spans = append(t.spans, span{append(path, name), strings.Contains(rest, "  FAILED"), strings.HasSuffix(rest, "  SLOW")})
}

// has reports whether the tree has the span that want describes.
func (t tree) has(want string) bool {
	plain := strings.NewReplacer("!", "", "~", "").Replace(want)
	return slices.ContainsFunc(t.spans, func(s span) bool {
		return strings.Join(s.path, " > ") == plain && s.failed == strings.Contains(want, "!") &&
			(s.slow || !strings.Contains(want, "~")) // a busy machine makes others slow too
	})
}

// families are the beginnings of the metric names that the runtime gives.
var families = []string{
	"http_request_duration_seconds", "agent_execution_duration_seconds",
	"workflow_execution_duration_seconds", "workflow_step_duration_seconds",
	"tool_execution_duration_seconds", "llm_request_duration_seconds",
	"database_query_duration_seconds", "operation_duration_seconds",
	"client_request_duration_seconds", "mcp_", "websocket_", "orchestrall_",
}

func ours(metrics string) []string {
	var samples []string
	for line := range strings.Lines(metrics) {
		line = strings.TrimSpace(line)
		if slices.ContainsFunc(families, func(f string) bool { return strings.HasPrefix(line, f) }) {
			samples = append(samples, line)
		}
	}
	return samples
}

// of returns what belongs to the request: its trees and its log lines.
func (e evidence) of(r request) (trees []tree, lines []logLine) {
	ids := make(map[string]bool)
	for _, l := range e.lines {
		if l.field("requestId") == r.id() {
			ids[l.field("traceId")] = true
		}
	}
	for _, t := range e.trees {
		if strings.Contains(t.text, "requestId="+r.id()) {
			ids[t.traceID] = true
		}
	}
	delete(ids, "")
	for _, t := range e.trees {
		if ids[t.traceID] {
			trees = append(trees, t)
		}
	}
	for _, l := range e.lines {
		if ids[l.field("traceId")] {
			lines = append(lines, l)
		}
	}
	return trees, lines
}

// check returns what is missing or wrong, a line each.
func (e evidence) check(answers []answer, wanted []metric) []string {
	var problems []string
	missing := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	for _, a := range answers {
		if a.status != a.request.status {
			missing("%s: status %d, want %d", a.name, a.status, a.request.status)
		}
		trees, lines := e.of(a.request)
		for _, want := range a.spans {
			if !slices.ContainsFunc(trees, func(t tree) bool { return t.has(want) }) {
				missing("%s: no span %q in its tree", a.name, want)
			}
		}
		for _, want := range a.logs {
			level, text, _ := strings.Cut(want, " ")
			if !slices.ContainsFunc(lines, func(l logLine) bool {
				return slices.Contains(strings.Split(level, "|"), l.field("level")) && strings.Contains(l.text, text)
			}) {
				missing("%s: no %s log line with %q and the traceId of its tree", a.name, level, text)
			}
		}
	}
	for _, l := range e.lines {
		for _, key := range []string{"timestamp", "level", "message", "service"} {
			if l.field(key) == "" {
				missing("a log line lacks %s: %s", key, l.text)
			}
		}
	}
	for _, line := range e.other {
		missing("standard error has a line that is neither a log line nor a tree: %s", line)
	}
	if e.leaked {
		missing("the API key is in the telemetry; its directive says |hash")
	}
	for _, s := range wanted {
		if !e.counted(s.name, s.labels, s.count) {
			missing("no metric %s_count{%s} %s", s.name, strings.Join(s.labels, ","), s.count)
		}
	}
	return problems
}

// counted reports whether a series counts that many calls, or any at all for "".
func (e evidence) counted(name string, labels []string, count string) bool {
	return slices.ContainsFunc(e.metrics, func(sample string) bool {
		series, value := split(sample)
		if !strings.HasPrefix(series, name+"_count{") || value == "0" || count != "" && value != count {
			return false
		}
		return !slices.ContainsFunc(labels, func(l string) bool { return !strings.Contains(series, l) })
	})
}

// split separates a sample's series from its value. Label values may hold spaces.
func split(sample string) (series, value string) {
	i := strings.LastIndexByte(sample, ' ')
	return sample[:max(i, 0)], sample[i+1:]
}
