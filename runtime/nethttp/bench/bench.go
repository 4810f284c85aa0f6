// Package bench measures what net/http's hook costs a server and a client, in
// one run with the same program without it and with otelhttp by hand. It is a
// module of its own, so that the runtime does not require otelhttp.
//
//	go test -run Ratios -v .      # prints the ratios; BENCH_TIME=1m for longer
//	go test -bench . .            # each way by itself
package bench

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
	"github.com/orchestrall/orchestrall/runtime/nethttp"
)

// roots is what the runtime knows of the traces that begin here.
type roots uint8

const (
	asked   roots = iota // nothing: the sampler is the program's own
	refused              // none is sampled
	rated                // which are, by a ratio of their ids
)

// A Way is one way to run the same program.
type Way struct {
	Name     string
	Roots    roots
	Provider *sdk.TracerProvider
	Handler  func(http.Handler) http.Handler
	Client   func(http.RoundTripper) http.RoundTripper
}

func plain[T any](v T) T { return v }

// Ways returns the ways in the order of the table. Each has the SDK as the
// bootstrap sets it up, with an exporter that takes everything and does nothing.
func Ways(t testing.TB) []Way {
	slog.SetDefault(slog.New(orchestrall.NewHandler(slog.NewJSONHandler(io.Discard, nil))))
	otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}))
	orchestrall.SetAttributesInScope(true)
	provider := func(root sdk.Sampler) *sdk.TracerProvider {
		p := sdk.NewTracerProvider(sdk.WithSampler(sdk.ParentBased(root)), sdk.WithBatcher(nowhere{}))
		t.Cleanup(func() { _ = p.Shutdown(context.Background()) })
		return p
	}
	never, always, ratio := provider(sdk.NeverSample()), provider(sdk.AlwaysSample()), provider(sdk.TraceIDRatioBased(1e-9))
	byHand := func(p *sdk.TracerProvider) (func(http.Handler) http.Handler, func(http.RoundTripper) http.RoundTripper) {
		return func(h http.Handler) http.Handler {
				return otelhttp.NewHandler(h, "server", otelhttp.WithTracerProvider(p))
			}, func(rt http.RoundTripper) http.RoundTripper {
				return otelhttp.NewTransport(rt, otelhttp.WithTracerProvider(p))
			}
	}
	neverHandler, neverClient := byHand(never)
	alwaysHandler, alwaysClient := byHand(always)
	return []Way{
		{"bare", refused, never, plain[http.Handler], plain[http.RoundTripper]},
		{"unsampled", refused, never, nethttp.Handler, nethttp.Transport},
		{"unsampled-ratio", rated, ratio, nethttp.Handler, nethttp.Transport},
		{"unsampled-own-sampler", asked, never, nethttp.Handler, nethttp.Transport},
		{"otelhttp-unsampled", asked, never, neverHandler, neverClient},
		{"sampled", asked, always, nethttp.Handler, nethttp.Transport},
		{"otelhttp", asked, always, alwaysHandler, alwaysClient},
	}
}

type nowhere struct{}

// ExportSpans implements trace.SpanExporter.
func (nowhere) ExportSpans(context.Context, []sdk.ReadOnlySpan) error { return nil }

// Shutdown implements trace.SpanExporter.
func (nowhere) Shutdown(context.Context) error { return nil }

// answer is what a small service sends.
const answer = `{"id":"7","name":"A. User","roles":["reader","writer"],"created":"2026-01-01T00:00:00Z"}`

// Mux is the program.
func Mux() *http.ServeMux {
	m := http.NewServeMux()
	m.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("id") == "" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answer)
	})
	return m
}

// Use installs the way's tracer provider as the bootstrap does: it says that roots
// are not sampled where there is no back end, and by which ids where the sampler
// is a ratio. A sampler of the program's own is asked.
func (w Way) Use() {
	otel.SetTracerProvider(w.Provider)
	orchestrall.SetRootsSampled(w.Roots != refused)
	if w.Roots == rated {
		sampler := sdk.TraceIDRatioBased(1e-9)
		orchestrall.SetRootSampler(func(id trace.TraceID) bool {
			return sampler.ShouldSample(sdk.SamplingParameters{ParentContext: context.Background(), TraceID: id}).Decision == sdk.RecordAndSample
		})
	}
}

// Listen serves h on loopback and returns its address.
func Listen(t testing.TB, h http.Handler) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	return l.Addr().String()
}

const request = "GET /users/7 HTTP/1.1\r\nHost: users.example\r\nUser-Agent: bench/1\r\nAccept: application/json\r\n\r\n"

// A Conn is a connection that is kept alive. It costs next to nothing beside the
// server, so that the ratios are the server's.
type Conn struct {
	conn net.Conn
	buf  []byte // as long as an answer, which always is the same
}

// Dial opens a connection and learns how long an answer is.
func Dial(t testing.TB, address string) *Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	length, size := 0, 0
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		size += len(line)
		if n, ok := cutPrefix(line, "Content-Length: "); ok {
			length = n
		}
		if line == "\r\n" {
			break
		}
	}
	if length != len(answer) {
		t.Fatalf("an answer of %d bytes", length)
	}
	if _, err := io.CopyN(io.Discard, r, int64(length)); err != nil {
		t.Fatal(err)
	}
	return &Conn{conn, make([]byte, size+length)}
}

func cutPrefix(line, prefix string) (n int, ok bool) {
	if len(line) < len(prefix)+2 || line[:len(prefix)] != prefix {
		return 0, false
	}
	n, err := strconv.Atoi(line[len(prefix) : len(line)-2])
	return n, err == nil
}

// Ask sends the request and reads the answer.
func (c *Conn) Ask() error {
	if _, err := c.conn.Write([]byte(request)); err != nil {
		return err
	}
	_, err := io.ReadFull(c.conn, c.buf)
	return err
}

// AskAll has each connection ask n times, all at the same time.
func AskAll(t testing.TB, conns []*Conn, n int) {
	t.Helper()
	var wg sync.WaitGroup
	for _, c := range conns {
		wg.Go(func() {
			for range n {
				if err := c.Ask(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}
