package library_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// span is a span as the console shows it.
type span struct {
	depth   int
	name    string
	details string // ok or FAILED, and the attributes
}

var row = regexp.MustCompile(`^((?:│  |   )*(?:[├└]─ )?)(\S.*?) {2,}\w+ +\+\S+ +\S+ +(ok|SLOW|FAILED.*)$`)

// words are separated by spaces, but for those in quotes.
var words = regexp.MustCompile(`(?:[^ "]|"(?:\\.|[^"\\])*")+`)

// own finds the traces that begin in a program.
var own = regexp.MustCompile(`trace (\w{32})[^\n]*\nmain\.`)

// spans reads the trees of those traces in what a program has said.
func spans(said string) (all []span) {
	for _, at := range own.FindAllStringIndex(said, -1) {
		_, rest, _ := strings.Cut(said[at[0]:], "\n")
		for line := range strings.Lines(rest) {
			line = strings.TrimSuffix(line, "\n")
			if m := row.FindStringSubmatch(line); m != nil {
				all = append(all, span{utf8.RuneCountInString(m[1]) / 3, m[2], m[3]})
			} else if strings.HasPrefix(line, "trace ") || strings.HasPrefix(line, "{") || len(all) == 0 {
				break
			} else {
				all[len(all)-1].details += " " + strings.Trim(line, "│ ")
			}
		}
	}
	return all
}

// holds compares the tree of spans with what is wanted: a line for each span,
// indented by two spaces below its parent, with its name and, behind two more
// spaces, some of what it tells. A span has failed only where FAILED is wanted.
func holds(t *testing.T, got []span, want string) {
	t.Helper()
	var have strings.Builder
	for _, s := range got {
		have.WriteString(strings.Repeat("  ", s.depth) + s.name + "  " + s.details + "\n")
	}
	lines := strings.Split(strings.Trim(want, "\n"), "\n")
	if len(lines) != len(got) {
		t.Fatalf("%d spans, want %d:\n%s", len(got), len(lines), &have)
	}
	for i, line := range lines {
		name := strings.TrimLeft(line, " ")
		depth := (len(line) - len(name)) / 2
		name, details, _ := strings.Cut(name, "  ")
		if got[i].name != name || got[i].depth != depth {
			t.Fatalf("span %d is not %q:\n%s", i, line, &have)
		}
		for _, detail := range words.FindAllString(details, -1) {
			if !strings.Contains(" "+got[i].details+" ", " "+detail+" ") {
				t.Errorf("%q does not tell %s: %s", name, detail, got[i].details)
			}
		}
		if strings.HasPrefix(got[i].details, "FAILED") && !strings.Contains(details, "FAILED") {
			t.Errorf("%q has failed: %s", name, got[i].details)
		}
	}
}
