package turns

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTable(t *testing.T) {
	ways := []Way{{Name: "bare"}, {Name: "own", Of: []Base{{Name: "bare", Limit: 0.97}, {Name: "own"}}}}
	rounds := [][]measure{
		{{10 * time.Millisecond, 8 * time.Millisecond, 100}, {20 * time.Millisecond, 8 * time.Millisecond, 100}, {10 * time.Millisecond, 9 * time.Millisecond, 100}},
		{{20 * time.Millisecond, 10 * time.Millisecond, 200}, {40 * time.Millisecond, 10 * time.Millisecond, 200}, {20 * time.Millisecond, 10 * time.Millisecond, 200}},
	}
	var b strings.Builder
	print(&b, "HTTP", ways, rounds, 100)
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 4 {
		t.Fatalf("%s", b.String())
	}
	for i, want := range [][]string{
		{"HTTP", "processor", "allocs"},
		{"bare", "80.0", "1"},
		{"own", "100.0", "2", "bare", "0.800", "0.500", "0.97"},
		{"own", "1.000", "-"},
	} {
		for _, word := range want {
			if !strings.Contains(lines[i], word) {
				t.Errorf("no %s in %q", word, lines[i])
			}
		}
	}
}

func TestCompareTakesTurns(t *testing.T) {
	t.Setenv("BENCH_TIME", "0s")
	var order, ready []string
	way := func(name string) Way {
		return Way{Name: name, Use: func() { ready = append(ready, name) }, Run: func() { order = append(order, name) }}
	}
	var b strings.Builder
	Compare(t, &b, "x", []Way{way("a"), way("b")}, 1)
	if !slices.Equal(order, ready) {
		t.Errorf("%s ran, %s was made ready", order, ready)
	}
	for round := range slices.Chunk(order, 2) {
		if slices.Sort(round); !slices.Equal(round, []string{"a", "b"}) {
			t.Errorf("a round of %s", round)
		}
	}
	if len(order) != 2+3*2 { // once to warm up
		t.Errorf("%d turns", len(order))
	}
	if b.Len() == 0 {
		t.Error("nothing is printed")
	}
}
