// Package turns compares ways to do the same work on a machine that has other
// work as well: the ways take turns of a few milliseconds, so that whatever else
// runs falls on all of them alike, and each turn is compared with the one of the
// same round. The share is the median of these, and what a call takes is told of a
// quiet turn, the tenth fastest of a hundred: noise only ever adds. The processor's time is told
// beside the wall clock's, since other programs hardly touch it. Quiet turns are
// those without a garbage collection as well, so allocations are told beside both.
package turns

import (
	"fmt"
	"io"
	"math/rand/v2"
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
// as shares of what their bases make. It takes as long as BENCH_TIME says, 15
// seconds by default, and skips the test when it is not asked for by -v.
func Compare(t *testing.T, out io.Writer, title string, ways []Way, calls int) {
	t.Helper()
	limit, err := time.ParseDuration(os.Getenv("BENCH_TIME"))
	if err != nil {
		if testing.Short() || !testing.Verbose() {
			t.Skip("prints a table; run it with -v")
		}
		limit = 15 * time.Second
	}
	turns := make([][]measure, len(ways))
	for i := range ways {
		turn(&ways[i]) // warm
	}
	order := rand.New(rand.NewPCG(1, 2))
	for round, start := 0, time.Now(); round < 3 || time.Since(start) < limit; round++ {
		// In any order, since each turn finds what the one before it has left: in
		// the caches, and for the garbage collector.
		for _, i := range order.Perm(len(ways)) {
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
	defer func() { _ = w.Flush() }() // out is the terminal, as everywhere in a test
	fmt.Fprintf(w, "%s\tprocessor\tallocs\tshare left of\tby processor\tby wall clock\tlimit\n", title)
	byName := map[string][]measure{}
	for i := range ways {
		byName[ways[i].Name] = turns[i]
	}
	for i, way := range ways {
		own := quietOf(turns[i], calls)
		head := fmt.Sprintf("%s\t%.1f µs\t%.0f", way.Name, own.processor/1000, own.allocs)
		if len(way.Of) == 0 {
			fmt.Fprintf(w, "%s\t\t\t\t\n", head)
		}
		for _, name := range way.Of {
			limit, base := "-", byName[name.Name]
			processor := share(base, turns[i], func(m measure) time.Duration { return m.processor })
			wall := share(base, turns[i], func(m measure) time.Duration { return m.wall })
			if name.Limit > 0 {
				limit = strconv.FormatFloat(name.Limit, 'g', -1, 64)
			}
			fmt.Fprintf(w, "%s\t%s\t%.3f\t%.3f\t%s\n", head, name.Name, processor, wall, limit)
			head = "\t\t"
		}
	}
}

// share is what is left of the throughput of base, round by round.
func share(base, own []measure, of func(measure) time.Duration) float64 {
	all := make([]float64, len(own))
	for i := range own {
		all[i] = float64(of(base[i])) / float64(of(own[i]))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// quiet is what a call takes in a quiet turn.
type quiet struct{ processor, allocs float64 } // in nanoseconds

func quietOf(turns []measure, calls int) quiet {
	of := func(f func(measure) float64) float64 {
		all := make([]float64, len(turns))
		for i, m := range turns {
			all[i] = f(m) / float64(calls)
		}
		slices.Sort(all)
		return all[len(all)/10]
	}
	return quiet{
		processor: of(func(m measure) float64 { return float64(m.processor) }),
		allocs:    of(func(m measure) float64 { return float64(m.allocs) }),
	}
}
