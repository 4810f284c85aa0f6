// Package turns compares ways to do the same work on a machine that has other
// work as well: the ways take turns of a few milliseconds, so that whatever else
// runs falls on all of them alike, and the processor's time is told beside the
// wall clock's, since other programs hardly touch it.
package turns

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"text/tabwriter"
	"time"
)

// A Way is one way to do the work.
type Way struct {
	Name string
	Use  func() // makes ready for a turn, such as by choosing a provider; nil for nothing
	Run  func() // a turn
	Of   []Base // what the way is compared with
}

// A Base is another way, and the share of its throughput that has to be left.
type Base struct {
	Name  string
	Limit float64 // 0 for none
}

// measure is one turn.
type measure struct {
	wall, processor time.Duration
	allocs          uint64
}

// Compare prints how many calls the ways make, each turn being so many of them,
// as shares of what their bases make: the median of all rounds. It takes as long
// as BENCH_TIME says, 20 seconds by default, and skips the test when it is not
// asked for by -v.
func Compare(t *testing.T, out io.Writer, title string, ways []Way, calls int) {
	t.Helper()
	limit, err := time.ParseDuration(os.Getenv("BENCH_TIME"))
	if err != nil {
		if testing.Short() || !testing.Verbose() {
			t.Skip("prints a table; run it with -v")
		}
		limit = 20 * time.Second
	}
	turns := make([][]measure, len(ways))
	for i := range ways {
		turn(&ways[i]) // warm
	}
	for round, start := 0, time.Now(); round < 3 || time.Since(start) < limit; round++ {
		for k := range ways {
			i := (k + round) % len(ways)
			turns[i] = append(turns[i], turn(&ways[i]))
		}
	}
	if !t.Failed() {
		print(out, title, ways, turns, calls)
	}
}

func turn(w *Way) measure {
	if w.Use != nil {
		w.Use()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	used, start := processor(), time.Now()
	w.Run()
	m := measure{wall: time.Since(start), processor: processor() - used}
	runtime.ReadMemStats(&after)
	m.allocs = after.Mallocs - before.Mallocs
	return m
}

func print(out io.Writer, title string, ways []Way, turns [][]measure, calls int) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	defer w.Flush()
	fmt.Fprintf(w, "%s\tprocessor\tallocs\tshare left of\tby processor\tby wall clock\tlimit\n", title)
	byName := map[string][]measure{}
	for i := range ways {
		byName[ways[i].Name] = turns[i]
	}
	for i, way := range ways {
		own := turns[i]
		head := fmt.Sprintf("%s\t%.1f µs\t%d", way.Name,
			median(own, func(m, _ measure) float64 { return float64(m.processor.Microseconds()) }, own)/float64(calls),
			int(median(own, func(m, _ measure) float64 { return float64(m.allocs) }, own)/float64(calls)+0.5))
		if len(way.Of) == 0 {
			fmt.Fprintf(w, "%s\t\t\t\t\n", head)
		}
		for _, base := range way.Of {
			limit := "-"
			if base.Limit > 0 {
				limit = strconv.FormatFloat(base.Limit, 'g', -1, 64)
			}
			fmt.Fprintf(w, "%s\t%s\t%.3f\t%.3f\t%s\n", head, base.Name,
				median(own, func(m, b measure) float64 { return float64(b.processor) / float64(max(m.processor, 1)) }, byName[base.Name]),
				median(own, func(m, b measure) float64 { return float64(b.wall) / float64(max(m.wall, 1)) }, byName[base.Name]),
				limit)
			head = "\t\t"
		}
	}
}

// median is the median of f over rounds of two ways.
func median(own []measure, f func(own, base measure) float64, base []measure) float64 {
	all := make([]float64, 0, len(own))
	for i := range own {
		if i < len(base) {
			all = append(all, f(own[i], base[i]))
		}
	}
	if len(all) == 0 {
		return 0
	}
	slices.SortFunc(all, cmp.Compare[float64])
	return all[len(all)/2]
}
