package instrument_test

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	reRecovered = regexp.MustCompile(` \[recovered(, repanicked)?\]`)
	reAddress   = regexp.MustCompile(`0x[0-9a-f]+`)
	reClosure   = regexp.MustCompile(`\.(func|gowrap|deferwrap)\d+(\.\d+)*`)
	reFrameFile = regexp.MustCompile(`^\t(.+):(\d+)( \+0x[0-9a-f]+)?$`)
	reFrameText = regexp.MustCompile(`(?m)^  at (\S+) (\S+):\d+(\t.*)?$`)
)

// crash returns what standard error tells of a crash: the panic as it is
// printed, and the frames of the program's own functions. Addresses, the
// numbers of closures and the note that a panic was thrown again are left out.
func crash(module, root, stderr string) string {
	var b strings.Builder
	head, trace, crashed := strings.Cut(stderr, "\n\ngoroutine ")
	at := strings.Index(head, "panic: ")
	if i := strings.Index(head, "fatal error: "); i >= 0 && (at < 0 || i < at) {
		at = i
	}
	if !crashed || at < 0 {
		return ""
	}
	head = reRecovered.ReplaceAllString(head[at:], "")
	b.WriteString(reAddress.ReplaceAllString(head, "0x?") + "\n")
	ours := false
	lines := slices.Collect(strings.Lines(trace))
	for i := 1; i+1 < len(lines); i += 2 {
		if strings.TrimSpace(lines[i]) == "" || strings.HasPrefix(lines[i], "goroutine ") {
			break
		}
		function := strings.TrimPrefix(strings.TrimSpace(lines[i]), "created by ")
		place := reFrameFile.FindStringSubmatch(strings.TrimRight(lines[i+1], "\n"))
		if place == nil {
			break
		}
		if j := strings.LastIndexByte(function, '('); j > 0 && !strings.HasPrefix(lines[i], "created by ") {
			function = function[:j]
		}
		function, _, _ = strings.Cut(function, " in goroutine")
		// What runs our deferred call is the compiler's, not the user's.
		wrapper := ours && strings.Contains(function, ".deferwrap")
		ours = strings.HasPrefix(function, "github.com/orchestrall/orchestrall/") || strings.Contains(filepath.Base(place[1]), "orchestrall_gen")
		if ours || wrapper || filepath.IsAbs(place[1]) && !strings.HasPrefix(place[1], root) {
			continue
		}
		file := strings.TrimPrefix(strings.TrimPrefix(place[1], module), string(filepath.Separator))
		fmt.Fprintf(&b, "  at %s %s:%s", reClosure.ReplaceAllString(function, ".$1"), file, place[2])
		if text := lineOf(place[1], place[2]); text != "" {
			b.WriteString("\t" + text)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// lineOf returns the trimmed text of a line: it says the same in both layouts
// where the number can't. A function on one line is several in the source
// layout.
func lineOf(file, number string) string {
	data, err := os.ReadFile(file)
	n, numErr := strconv.Atoi(number)
	lines := bytes.Split(data, []byte("\n"))
	if err != nil || numErr != nil || n > len(lines) || bytes.HasPrefix(lines[n-1], []byte("func ")) || bytes.HasPrefix(lines[n-1], []byte("}")) {
		return ""
	}
	return string(bytes.TrimSpace(lines[n-1]))
}

// withoutLines takes the line numbers out of the frames.
func withoutLines(s string) string { return reFrameText.ReplaceAllString(s, "  at $1 $2") }

var reCodeLine = regexp.MustCompile(`code\.line\.number=int64 \d+`)

func withoutCodeLines(s string) string { return reCodeLine.ReplaceAllString(s, "") }

type recordedSpan struct {
	ID, Parent, Trace string
	Name, Kind        string
	Status, Text      string
	Start             int64
	Attributes        map[string]string
	Events            []string
}

type recordedLog struct {
	Level, Message string
	Attributes     map[string]string
}

// readRecord returns what the recorder wrote: the spans as a tree, siblings in
// the order in which they started, and the log records.
func readRecord(t *testing.T, path string) (spans, logs string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", ""
	}
	if err != nil {
		t.Fatal(err)
	}
	var all []recordedSpan
	var out strings.Builder
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var entry struct {
			Span *recordedSpan
			Log  *recordedLog
		}
		if err := json.Unmarshal(lines.Bytes(), &entry); err != nil {
			t.Fatal(err)
		}
		// Spans that are too short are marked, and left out by the exporter.
		if entry.Span != nil && entry.Span.Attributes["orchestrall.drop"] == "" {
			all = append(all, *entry.Span)
		}
		if entry.Log != nil {
			fmt.Fprintf(&out, "%s %s%s\n", entry.Log.Level, entry.Log.Message, attributes(entry.Log.Attributes))
		}
	}
	slices.SortStableFunc(all, func(a, b recordedSpan) int { return cmp.Compare(a.Start, b.Start) })
	var b strings.Builder
	var print func(parent string, depth int)
	print = func(parent string, depth int) {
		for _, s := range all {
			if s.Parent != parent {
				continue
			}
			fmt.Fprintf(&b, "%s%s %s %s", strings.Repeat("  ", depth), s.Name, s.Kind, s.Status)
			if s.Text != "" {
				fmt.Fprintf(&b, " (%s)", strings.ReplaceAll(s.Text, "\n", "\\n"))
			}
			b.WriteString(attributes(s.Attributes))
			for _, e := range s.Events {
				b.WriteString(" +" + e)
			}
			b.WriteString("\n")
			print(s.ID, depth+1)
		}
	}
	print("", 1)
	known := map[string]bool{"": true}
	for _, s := range all {
		known[s.ID] = true
	}
	for _, s := range all {
		if !known[s.Parent] {
			known[s.Parent] = true
			b.WriteString("  (not ended)\n")
			print(s.Parent, 2)
		}
	}
	return b.String(), out.String()
}

// attributes prints what doesn't differ from run to run.
func attributes(attrs map[string]string) string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(attrs)) {
		switch key {
		case "duration", "metadata.duration", "metadata.slowLimit", "traceId", "spanId", "trace_id", "span_id", "exception.stacktrace", "error.stack":
			continue
		}
		b.WriteString(" " + key + "=" + strings.ReplaceAll(attrs[key], "\n", "\\n"))
	}
	return b.String()
}

// TestCrash holds the reader of stack traces against a trace.
func TestCrash(t *testing.T) {
	const trace = `log line
panic: first [recovered, repanicked]
	panic: (main.custom) 0xc000012345

goroutine 7 [running]:
panic({0x1?, 0x2?})
	/usr/lib/go/src/runtime/panic.go:783 +0x132
github.com/orchestrall/orchestrall/runtime.(*Call).End(0x1)
	/src/runtime/call.go:10 +0x1
main.run.deferwrap1()
	/src/m/a.go:5 +0x25
panic({0x1?, 0x2?})
	/usr/lib/go/src/runtime/panic.go:783 +0x132
main.(*T[...]).run.func2.1({0x1, 0x2})
	/src/m/a.go:7 +0x1
created by main.main in goroutine 1
	/src/m/a.go:9 +0x2

goroutine 1 [chan receive]:
main.main()
	/src/m/a.go:11
exit status 2
`
	const want = `panic: first
	panic: (main.custom) 0x?
  at main.(*T[...]).run.func a.go:7
  at main.main a.go:9
`
	if got := crash("/src/m", "/src", trace); got != want {
		t.Errorf("got:\n%s", got)
	}
}
