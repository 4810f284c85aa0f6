package bench

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/orchestrall/orchestrall/runtime/internal/turns"
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

// exchanged is one server's handler, which is another one in each turn: two
// servers differ by a percent for where their connections happen to lie.
type exchanged struct{ now atomic.Pointer[http.Handler] }

func (e *exchanged) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(*e.now.Load()).ServeHTTP(w, r)
}

// TestRatios prints the shares of the throughput that are left, and what they
// have to be.
func TestRatios(t *testing.T) {
	t.Run("server", func(t *testing.T) {
		program := http.Handler(Mux())
		var h exchanged
		h.now.Store(&program)
		address := Listen(t, &h)
		conns := make([]*Conn, connections)
		for i := range conns {
			conns[i] = Dial(t, address)
		}
		ratios(t, "HTTP server", true, 480, func(w Way) (use, run func()) {
			handler := w.Handler(program)
			return func() { h.now.Store(&handler) }, func() { AskAll(t, conns, 480/connections) }
		})
	})
	t.Run("client", func(t *testing.T) {
		address := Listen(t, Mux())
		ratios(t, "HTTP client", false, 160, func(w Way) (use, run func()) {
			c := newClient(w)
			return func() {}, func() {
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
		})
	})
}

// ratios has no limit for a client's share of a bare client: the requirement is
// the server's.
func ratios(t *testing.T, title string, limited bool, requests int, prepare func(Way) (use, run func())) {
	bare, unlimited := turns.Base{Name: "bare"}, turns.Base{Name: "bare"}
	if limited {
		bare.Limit = 0.97
	}
	of := map[string][]turns.Base{
		"unsampled":             {bare, {Name: "otelhttp-unsampled", Limit: 0.95}},
		"unsampled-ratio":       {bare, {Name: "otelhttp-unsampled", Limit: 0.95}},
		"unsampled-own-sampler": {bare, {Name: "otelhttp-unsampled", Limit: 0.95}},
		"otelhttp-unsampled":    {unlimited},
		"sampled":               {unlimited, {Name: "otelhttp", Limit: 0.95}},
		"otelhttp":              {unlimited},
	}
	var all []turns.Way
	for _, w := range Ways(t) {
		use, run := prepare(w)
		all = append(all, turns.Way{Name: w.Name, Use: func() { w.Use(); use() }, Run: run, Of: of[w.Name]})
	}
	turns.Compare(t, os.Stdout, title, all, requests)
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
