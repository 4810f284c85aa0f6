//go:build unix

package bench

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const connections = 16

func BenchmarkServer(b *testing.B) {
	for _, w := range Ways(b) {
		b.Run(w.Name, func(b *testing.B) {
			w.Use()
			address := Listen(b, w.Handler(Mux()))
			conns := make([]*Conn, connections)
			for i := range conns {
				conns[i] = Dial(b, address)
			}
			b.ReportAllocs()
			b.ResetTimer()
			AskAll(b, conns, b.N/connections+1)
		})
	}
}

func BenchmarkClient(b *testing.B) {
	address := Listen(b, Mux())
	for _, w := range Ways(b) {
		b.Run(w.Name, func(b *testing.B) {
			w.Use()
			c := newClient(w)
			b.ReportAllocs()
			for b.Loop() {
				ask(b, c, address)
			}
		})
	}
}

func newClient(w Way) *http.Client {
	return &http.Client{Transport: w.Client(&http.Transport{MaxIdleConnsPerHost: connections})}
}

func ask(t testing.TB, c *http.Client, address string) {
	resp, err := c.Get("http://" + address + "/users/7")
	if err != nil {
		t.Error(err)
		return
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Error(err)
	}
	resp.Body.Close()
}

// TestRatios prints throughputs by the wall clock and by the processor's: the
// second is what a server can do at most, and a busy machine hardly touches it.
// The ways take turns in rounds of a few milliseconds, and of each way's rounds
// a quiet one counts, the tenth fastest of a hundred. BENCH_ROUNDS is how many
// rounds there are.
func TestRatios(t *testing.T) {
	rounds, err := strconv.Atoi(os.Getenv("BENCH_ROUNDS"))
	if err != nil {
		if testing.Short() || !testing.Verbose() {
			t.Skip("prints a table; run it with -v")
		}
		rounds = 1000
	}
	t.Run("server", func(t *testing.T) {
		ratios(t, rounds, func(t *testing.T, w Way) func() {
			address := Listen(t, w.Handler(Mux()))
			conns := make([]*Conn, connections)
			for i := range conns {
				conns[i] = Dial(t, address)
			}
			return func() { AskAll(t, conns, 320/connections) }
		}, 320)
	})
	t.Run("client", func(t *testing.T) {
		address := Listen(t, Mux())
		ratios(t, rounds, func(t *testing.T, w Way) func() {
			c := newClient(w)
			return func() {
				var wg sync.WaitGroup
				for range connections {
					wg.Go(func() {
						for range 160 / connections {
							ask(t, c, address)
						}
					})
				}
				wg.Wait()
			}
		}, 160)
	})
}

func ratios(t *testing.T, rounds int, prepare func(*testing.T, Way) func(), requests int) {
	ways := Ways(t)
	run := make([]func(), len(ways))
	wall, cpu := make([][]time.Duration, len(ways)), make([][]time.Duration, len(ways))
	for i, w := range ways {
		w.Use()
		run[i] = prepare(t, w)
		run[i]()
	}
	for round := range rounds {
		for k := range ways {
			i := (k + round) % len(ways)
			ways[i].Use()
			start, used := time.Now(), processor()
			run[i]()
			wall[i], cpu[i] = append(wall[i], time.Since(start)), append(cpu[i], processor()-used)
		}
	}
	perSecond := func(times [][]time.Duration) map[string]float64 {
		m := make(map[string]float64)
		for i, w := range ways {
			slices.Sort(times[i])
			m[w.Name] = float64(requests) / times[i][rounds/10].Seconds()
		}
		return m
	}
	byWall, byCPU := perSecond(wall), perSecond(cpu)
	t.Logf("%-20s %10s %28s   %10s %28s", "", "wall: /s", "of bare, of otelhttp", "cpu: µs", "of bare, of otelhttp")
	for _, w := range ways {
		against := "otelhttp"
		if strings.Contains(w.Name, "unsampled") {
			against += "-unsampled"
		}
		t.Logf("%-20s %10.0f %19.3f %8.3f   %10.1f %19.3f %8.3f", w.Name,
			byWall[w.Name], byWall[w.Name]/byWall["bare"], byWall[w.Name]/byWall[against],
			1e6/byCPU[w.Name], byCPU[w.Name]/byCPU["bare"], byCPU[w.Name]/byCPU[against])
	}
}

// processor is the time that all threads of the process have run.
func processor() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkHandler is the hook alone: no network, and a handler that does next
// to nothing.
func BenchmarkHandler(b *testing.B) {
	for _, w := range Ways(b) {
		b.Run(w.Name, func(b *testing.B) {
			w.Use()
			h := w.Handler(Mux())
			var rw discard
			rw.header = http.Header{}
			req := httptest.NewRequest("GET", "/users/7", nil)
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(&rw, req)
			}
		})
	}
}

type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}
