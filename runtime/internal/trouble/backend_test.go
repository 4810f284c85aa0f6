package trouble

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	logs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A backend is a place for telemetry that does not work. It returns the
// endpoint; where it gets hold of a request it says so, and does not let go
// before the test is over.
type backend func(t *testing.T, held chan<- struct{}) (endpoint string)

// Spans and lines made while the back end holds a request may wait; all others
// are lost, and each must be counted.
func TestBackendsInTrouble(t *testing.T) {
	for _, protocol := range []string{"http/protobuf", "grpc", "loki"} {
		for name, test := range map[string]struct {
			backend  backend
			holds    bool
			protocol string // "" for both
		}{
			"closed port":              {backend: closedPort},
			"no such host":             {backend: noSuchHost},
			"accepts and is silent":    {backend: silent, holds: true},
			"answers garbage":          {backend: garbage},
			"hangs up":                 {backend: hangsUp},
			"TLS to a plain port":      {backend: plainBehindTLS},
			"holds the request":        {backend: holdsHTTP, holds: true, protocol: "http/protobuf"},
			"500":                      {backend: answers(500, nil), protocol: "http/protobuf"},
			"404":                      {backend: answers(404, nil), protocol: "http/protobuf"},
			"503 for an hour":          {backend: answers(503, http.Header{"Retry-After": {"3600"}}), protocol: "http/protobuf"},
			"429 for an hour":          {backend: answers(429, http.Header{"Retry-After": {"3600"}}), protocol: "http/protobuf"},
			"429 without a word":       {backend: answers(429, nil), protocol: "http/protobuf"},
			"200 and garbage":          {backend: garbageBody, protocol: "http/protobuf"},
			"200 and no end":           {backend: endlessBody, holds: true, protocol: "http/protobuf"},
			"ends amid the answer":     {backend: cutShort, protocol: "http/protobuf"},
			"sends elsewhere, forever": {backend: redirects, protocol: "http/protobuf"},
			"holds the call":           {backend: holdsGRPC, holds: true, protocol: "grpc"},
			"unavailable":              {backend: refuses(codes.Unavailable), protocol: "grpc"},
			"exhausted":                {backend: refuses(codes.ResourceExhausted), protocol: "grpc"},
			"internal error":           {backend: refuses(codes.Internal), protocol: "grpc"},
		} {
			if test.protocol != "" && (test.protocol == "grpc") != (protocol == "grpc") {
				continue
			}
			t.Run(protocol+"/"+name, func(t *testing.T) {
				t.Parallel()
				held := make(chan struct{}, 1)
				endpoint := test.backend(t, held)
				env := []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL=" + protocol}
				switch protocol {
				case "grpc":
					env = append(env, "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT="+endpoint)
				case "http/protobuf":
					env = append(env, "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT="+endpoint+"/v1/logs")
				case "loki": // which takes no spans
					env = []string{"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=" + endpoint + "/loki/api/v1/push"}
				}
				p := launch(t, nil, append(env, "LOG_SAMPLING=off")...)
				const first, n = 10, 1000
				p.calls("calls", first)
				if test.holds {
					<-held
				}
				p.calls("calls", n) // returns though nothing is let go
				// A span for each call, a line for each request.
				const spans, lines = 4 * (first + n), first + n
				if lost := p.lost(lostSpans); protocol != "loki" && (total(lost) > spans || total(lost) < spans-queueSize && test.holds) {
					t.Errorf("%v of %d spans are lost while the queue holds %d", lost, spans, queueSize)
				}
				// Loki's queue holds all of them.
				if lost := p.lost(lostLines); protocol != "loki" && total(lost) < lines-queueSize && test.holds {
					t.Errorf("%v of %d lines are lost while the queue holds %d", lost, lines, queueSize)
				}
				p.ask("stop")
				// Loki need not say more than 200.
				if name != "200 and garbage" && (name != "200 and no end" || protocol != "loki") {
					if protocol != "loki" {
						if lost := p.lostInTheEnd(lostSpans, spans); total(lost) != spans {
							t.Errorf("of %d spans %d were counted as lost: %v", spans, total(lost), lost)
						}
					}
					if lost := p.lostInTheEnd(lostLines, lines); total(lost) < lines { // those about the back end come on top
						t.Errorf("of %d lines %d were counted as lost: %v", lines, total(lost), lost)
					}
				}
				if leaks := p.ask("leaks"); leaks != `"<nil>"` {
					t.Errorf("goroutines are left: %s", strings.ReplaceAll(leaks, `\n`, "\n"))
				}
			})
		}
	}
}

func tell(held chan<- struct{}) {
	select {
	case held <- struct{}{}:
	default: // it was told
	}
}

// listen hands every connection to handle, on a goroutine of its own, and closes
// those that are left when the test is over.
func listen(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var open []net.Conn
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		defer mu.Unlock()
		for _, c := range open {
			_ = c.Close()
		}
	})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			go handle(c)
		}
	}()
	return "http://" + l.Addr().String()
}

func closedPort(t *testing.T, _ chan<- struct{}) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return "http://" + l.Addr().String()
}

// noSuchHost is a name that no server may ever answer (RFC 2606).
func noSuchHost(*testing.T, chan<- struct{}) string { return "http://telemetry.invalid:4318" }

func silent(t *testing.T, held chan<- struct{}) string {
	return listen(t, func(c net.Conn) {
		_, _ = io.ReadFull(c, make([]byte, 1))
		tell(held)
	})
}

func garbage(t *testing.T, _ chan<- struct{}) string {
	return listen(t, func(c net.Conn) {
		_, _ = io.ReadFull(c, make([]byte, 1))
		_, _ = io.WriteString(c, strings.Repeat("\x00\xff no protocol at all \r\n", 1000))
		_ = c.Close()
	})
}

func hangsUp(t *testing.T, _ chan<- struct{}) string {
	return listen(t, func(c net.Conn) { _ = c.Close() })
}

func plainBehindTLS(t *testing.T, _ chan<- struct{}) string {
	return strings.Replace(serveHTTP(t, func(http.ResponseWriter, *http.Request) {}), "http:", "https:", 1)
}

func serveHTTP(t *testing.T, handle http.HandlerFunc) string {
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	return s.URL
}

// hold ends with the test, or with the connection.
func hold(t *testing.T, r *http.Request) {
	select {
	case <-t.Context().Done():
	case <-r.Context().Done():
	}
}

func holdsHTTP(t *testing.T, held chan<- struct{}) string {
	return serveHTTP(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		tell(held)
		hold(t, r)
	})
}

func answers(code int, header http.Header) backend {
	return func(t *testing.T, _ chan<- struct{}) string {
		return serveHTTP(t, func(w http.ResponseWriter, _ *http.Request) {
			for k, v := range header {
				w.Header()[k] = v
			}
			http.Error(w, "not today", code)
		})
	}
}

// garbageBody has taken the spans, as far as anybody can tell.
func garbageBody(t *testing.T, _ chan<- struct{}) string {
	return serveHTTP(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-protobuf")
		_, _ = io.WriteString(w, strings.Repeat("\xff\x00", 1000))
	})
}

func endlessBody(t *testing.T, held chan<- struct{}) string {
	return serveHTTP(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-protobuf")
		for block := make([]byte, 1<<16); r.Context().Err() == nil; {
			if _, err := w.Write(block); err != nil {
				return
			}
			tell(held)
		}
	})
}

func cutShort(t *testing.T, _ chan<- struct{}) string {
	return serveHTTP(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-protobuf")
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, "short")
		panic(http.ErrAbortHandler)
	})
}

func redirects(t *testing.T, _ chan<- struct{}) string {
	return serveHTTP(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
	})
}

// exporter answers calls with a function.
type exporter struct {
	collector.UnimplementedTraceServiceServer
	answer func(context.Context, *collector.ExportTraceServiceRequest) error
}

// Export implements collector.TraceServiceServer.
func (e exporter) Export(ctx context.Context, r *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	return &collector.ExportTraceServiceResponse{}, e.answer(ctx, r)
}

// lineExporter does the same with lines.
type lineExporter struct {
	logs.UnimplementedLogsServiceServer
	answer func(context.Context, *collector.ExportTraceServiceRequest) error
}

// Export implements logs.LogsServiceServer.
func (e lineExporter) Export(ctx context.Context, _ *logs.ExportLogsServiceRequest) (*logs.ExportLogsServiceResponse, error) {
	return &logs.ExportLogsServiceResponse{}, e.answer(ctx, nil)
}

func serveGRPC(t *testing.T, answer func(context.Context, *collector.ExportTraceServiceRequest) error) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	collector.RegisterTraceServiceServer(s, exporter{answer: answer})
	logs.RegisterLogsServiceServer(s, lineExporter{answer: answer})
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	return "http://" + l.Addr().String()
}

func holdsGRPC(t *testing.T, held chan<- struct{}) string {
	return serveGRPC(t, func(ctx context.Context, _ *collector.ExportTraceServiceRequest) error {
		tell(held)
		<-ctx.Done()
		return ctx.Err()
	})
}

func refuses(code codes.Code) backend {
	return func(t *testing.T, _ chan<- struct{}) string {
		return serveGRPC(t, func(context.Context, *collector.ExportTraceServiceRequest) error {
			return status.Error(code, "not today")
		})
	}
}
