package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

const sampleErrors = `{"timestamp":"t","level":"INFO","message":"started","service":"platform"}
trace 0a1b  platform  3 spans  2ms  1 failed
POST /a b                server  +0s  2ms  FAILED  no stock
│      requestId=demo-x  note="FAILED  here"
├─ tool customer.lookup  tool    +1ms  1ms  ok
│  └─ Repository.Find    db      +1ms  1ms  SLOW
│            at customers/customers.go:71
└─ step process          step    +1ms  1ms  FAILED  no stock
          ! exception  exception.type=*errors.errorString
{"timestamp":"t","level":"ERROR","message":"failed","service":"platform","traceId":"0a1b","requestId":"demo-x"}
{"timestamp":"t","level":"INFO","message":"other","service":"platform","traceId":"9999"}
`

const sampleMetrics = `# HELP go_goroutines n
go_goroutines 9
tool_execution_duration_seconds_bucket{operation="Lookup.Call",status="success",le="1"} 2
tool_execution_duration_seconds_sum{operation="Lookup.Call",status="success"} 0.004
tool_execution_duration_seconds_count{operation="Lookup.Call",status="success"} 2
tool_execution_duration_seconds_count{operation="Lookup.Call",status="failed"} 0
http_request_duration_seconds_count{operation="server.handle",route="POST /a b",status="success"} 1
`

func TestTreesAreRead(t *testing.T) {
	e := newEvidence(sampleErrors, sampleMetrics, "key")
	if len(e.trees) != 1 || len(e.lines) != 3 || len(e.other) != 0 {
		t.Fatalf("%d trees, %d log lines, others %q", len(e.trees), len(e.lines), e.other)
	}
	var got []string
	for _, s := range e.trees[0].spans {
		path := strings.Join(s.path, " > ")
		if s.failed {
			path += " !"
		}
		got = append(got, path)
	}
	want := []string{
		"POST /a b !", "POST /a b > tool customer.lookup",
		"POST /a b > tool customer.lookup > Repository.Find", "POST /a b > step process !",
	}
	if !slices.Equal(got, want) {
		t.Errorf("spans:\n%q, want\n%q", got, want)
	}
	for want, has := range map[string]bool{
		"!POST /a b": true, "POST /a b": false, "POST /a b > !step process": true, "step process": false,
		"POST /a b > tool customer.lookup > ~Repository.Find": true, "POST /a b > ~tool customer.lookup": false,
	} {
		if e.trees[0].has(want) != has {
			t.Errorf("has(%q) = %v", want, !has)
		}
	}
}

func TestOnlyWhatBelongsToTheRequest(t *testing.T) {
	e := newEvidence(sampleErrors, "", "key")
	trees, lines := e.of(request{name: "x"})
	if len(trees) != 1 || len(lines) != 1 || lines[0].field("message") != "failed" {
		t.Errorf("got %d trees and lines %v", len(trees), lines)
	}
	if trees, lines := e.of(request{name: "y"}); len(trees)+len(lines) > 0 {
		t.Errorf("a request that left nothing has %d trees and %d lines", len(trees), len(lines))
	}
}

func TestCheckNamesWhatIsMissing(t *testing.T) {
	answers := []answer{{status: 500, request: request{
		name: "x", status: 200,
		spans: []string{"!POST /a b", "POST /a b > gone"},
		logs:  []string{"ERROR failed", "INFO|WARN failed"},
	}}}
	problems := newEvidence(sampleErrors+"panic: oops\n", sampleMetrics, "Repository").check(answers, series)
	got := strings.Join(problems, "\n")
	for _, want := range []string{
		"status 500, want 200", `no span "POST /a b > gone"`, `no INFO|WARN log line with "failed"`,
		"neither a log line nor a tree: panic: oops", "API key", "no metric agent_execution_duration_seconds_count",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not among the problems:\n%s", want, got)
		}
	}
	for _, there := range []string{`"!POST /a b"`, `no ERROR log line`} {
		if strings.Contains(got, there) {
			t.Errorf("%s was called missing", there)
		}
	}
}

func TestCounted(t *testing.T) {
	e := newEvidence("", sampleMetrics, "key")
	const name = "tool_execution_duration_seconds"
	for _, test := range []struct {
		labels []string
		count  string
		want   bool
	}{
		{[]string{`status="success"`}, "2", true},
		{[]string{`status="success"`}, "", true},
		{[]string{`status="success"`}, "3", false},
		{[]string{`status="failed"`}, "", false}, // never touched
		{[]string{`status="success"`, `step="x"`}, "", false},
	} {
		if got := e.counted(name, test.labels, test.count); got != test.want {
			t.Errorf("counted(%v, %q) = %v", test.labels, test.count, got)
		}
	}
	var out bytes.Buffer
	report{&out}.metrics(e)
	if !strings.Contains(out.String(), `status="success"} 2   (2.0 ms on average)`) || strings.Contains(out.String(), "go_goroutines") {
		t.Errorf("report:\n%s", &out)
	}
}

func TestWrongModes(t *testing.T) {
	for _, args := range [][]string{{"-mode", "magic"}, {"build"}, {"-speed"}} {
		var stdout, stderr bytes.Buffer
		if code := run(args, &stdout, &stderr); code != 2 || stderr.Len() == 0 {
			t.Errorf("%q: exit code %d, %q", args, code, &stderr)
		}
	}
}
