// Benchtable reads `go test -bench` output and prints how the traced call
// compares with the other ways to write it.
//
//	go test -run '^$' -bench Call -count 10 -benchtime 100ms . | go run ./internal/benchtable
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

func main() { os.Exit(run(os.Stdin, os.Stdout, os.Stderr)) }

func run(in io.Reader, out, errs io.Writer) int {
	t, err := read(in)
	if err != nil {
		fmt.Fprintln(errs, "benchtable:", err)
		return 2
	}
	if len(t.rows) == 0 {
		fmt.Fprintln(errs, "benchtable: no benchmark results on standard input")
		return 1
	}
	t.print(out)
	return 0
}

// own is the way that the others are compared with.
const own = "orchestrall"

// measure is the fastest of several runs: noise only ever adds.
type measure struct {
	ns     float64
	bytes  string
	allocs string
}

type table struct {
	rows []string // "plain/sampled/8", in the order they came
	ways []string
	at   map[string]measure // by row + "/" + way
}

// read takes lines such as
//
//	BenchmarkCall/plain/sampled/1/hand-2  1000  1113 ns/op  944 B/op  3 allocs/op
func read(in io.Reader) (*table, error) {
	t := &table{at: map[string]measure{}}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 4 || !strings.HasPrefix(f[0], "Benchmark") {
			continue
		}
		_, name, ok := strings.Cut(f[0], "/")
		slash := strings.LastIndexByte(name, '/')
		if !ok || slash < 0 {
			continue
		}
		way, _, _ := strings.Cut(name[slash+1:], "-")
		t.add(name[:slash], way, f[2:])
	}
	return t, lines.Err()
}

// add takes the measurements as pairs of value and unit.
func (t *table) add(row, way string, pairs []string) {
	var m measure
	for i := 0; i+1 < len(pairs); i += 2 {
		switch pairs[i+1] {
		case "ns/op":
			m.ns, _ = strconv.ParseFloat(pairs[i], 64)
		case "B/op":
			m.bytes = pairs[i]
		case "allocs/op":
			m.allocs = pairs[i]
		}
	}
	if !slices.Contains(t.rows, row) {
		t.rows = append(t.rows, row)
	}
	if !slices.Contains(t.ways, way) {
		t.ways = append(t.ways, way)
	}
	if old, ok := t.at[row+"/"+way]; !ok || m.ns < old.ns {
		t.at[row+"/"+way] = m
	}
}

func (t *table) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	head := []string{"call/trace/goroutines", own}
	for _, way := range t.ways {
		if way != own {
			head = append(head, way, "ratio")
		}
	}
	fmt.Fprintln(w, strings.Join(head, "\t"))
	for _, row := range t.rows {
		ours, ok := t.at[row+"/"+own]
		if !ok {
			continue
		}
		cells := []string{row, cell(ours)}
		for _, way := range t.ways {
			if way == own {
				continue
			}
			if m, ok := t.at[row+"/"+way]; ok && m.ns > 0 {
				cells = append(cells, cell(m), strconv.FormatFloat(ours.ns/m.ns, 'f', 2, 64))
			} else {
				cells = append(cells, "-", "-")
			}
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	_ = w.Flush()
}

func cell(m measure) string {
	s := strconv.FormatFloat(m.ns, 'f', 0, 64) + " ns"
	if m.allocs != "" {
		s += ", " + m.allocs + " allocs"
	}
	if m.bytes != "" && m.bytes != "0" {
		s += ", " + m.bytes + " B"
	}
	return s
}
