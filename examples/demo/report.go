package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// A report is the demo's output for people.
type report struct{ w io.Writer }

func (r report) section(title string) {
	fmt.Fprintf(r.w, "\n━━ %s %s\n\n", title, strings.Repeat("━", max(0, 96-len(title))))
}

func (r report) note(text string) { fmt.Fprintln(r.w, text) }

func (r report) step(command string, took time.Duration) {
	fmt.Fprintf(r.w, "$ %s   (%.1fs)\n", command, took.Seconds())
}

// quote shows what a command said.
func (r report) quote(text string) {
	for line := range strings.Lines(text) {
		fmt.Fprintf(r.w, "  %s\n", strings.TrimRight(line, "\n"))
	}
}

// longest is how much of a client's answer is shown, in bytes.
const longest = 150

func (r report) request(a answer, seen evidence) {
	r.section("Request: " + a.name)
	body := strings.Join(strings.Fields(a.body), " ")
	if len(body) > longest {
		body = strings.ToValidUTF8(body[:longest], "") + "…"
	}
	fmt.Fprintf(r.w, "%s\n", a.story)
	if a.over != "" {
		fmt.Fprintf(r.w, "$ platform ask -over %s -agent %s %q   (%d ms)\n", a.over, a.agent, a.input, a.took.Milliseconds())
	} else {
		fmt.Fprintf(r.w, "POST %s %q → %d in %d ms\n", a.path, a.input, a.status, a.took.Milliseconds())
	}
	fmt.Fprintf(r.w, "%s\n\n", body)
	trees, lines := seen.of(a.request)
	for _, t := range trees {
		fmt.Fprintln(r.w, t.text)
	}
	if len(lines) > 0 {
		fmt.Fprintf(r.w, "\nlog lines with this traceId:\n")
	}
	for _, l := range lines {
		fmt.Fprintln(r.w, l.text)
	}
}

// metrics shows how often and how long, and leaves the buckets out: they are
// for a database, not for people.
func (r report) metrics(seen evidence) {
	r.section("Metrics (GET /metrics; buckets and untouched series left out)")
	sums := make(map[string]string)
	for _, sample := range seen.metrics {
		if series, value := split(sample); strings.Contains(series, "_sum{") {
			sums[strings.Replace(series, "_sum{", "_count{", 1)] = value
		}
	}
	for _, sample := range seen.metrics {
		series, count := split(sample)
		if !strings.Contains(series, "_count{") || count == "0" {
			continue
		}
		calls, _ := strconv.ParseFloat(count, 64)
		seconds, _ := strconv.ParseFloat(sums[series], 64)
		fmt.Fprintf(r.w, "%s %s   (%.1f ms on average)\n", series, count, 1000*seconds/max(calls, 1))
	}
}

func (r report) verdict(problems []string, mode string, requests int) {
	r.section("Result")
	if len(problems) == 0 {
		fmt.Fprintf(r.w, "%d requests, %d series: spans, log lines and metrics are all there (mode %s).\n",
			requests, len(seriesIn(mode)), mode)
	}
}
