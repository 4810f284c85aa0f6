package trouble

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	logs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// receiver decodes what it gets, which fails for anything but UTF-8.
type receiver struct {
	mu     sync.Mutex
	byName map[string][]*spans.Span
	bad    []error
}

func (r *receiver) take(request *collector.ExportTraceServiceRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byName == nil {
		r.byName = map[string][]*spans.Span{}
	}
	for _, rs := range request.GetResourceSpans() {
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				r.byName[s.Name] = append(r.byName[s.Name], s)
			}
		}
	}
}

func (r *receiver) overHTTP(t *testing.T) string {
	return serveHTTP(t, func(w http.ResponseWriter, req *http.Request) {
		request := new(collector.ExportTraceServiceRequest)
		body, err := io.ReadAll(req.Body)
		switch {
		case err != nil:
		case req.URL.Path == "/v1/logs":
			err = proto.Unmarshal(body, new(logs.ExportLogsServiceRequest))
		default:
			err = proto.Unmarshal(body, request)
		}
		if err != nil {
			r.mu.Lock()
			r.bad = append(r.bad, err)
			r.mu.Unlock()
			http.Error(w, "not understood", http.StatusBadRequest)
			return
		}
		r.take(request)
	})
}

func (r *receiver) overGRPC(t *testing.T) string {
	return serveGRPC(t, func(_ context.Context, request *collector.ExportTraceServiceRequest) error {
		r.take(request)
		return nil
	})
}

// Megabytes and bytes that are no UTF-8 arrive cut and repaired, and take
// nobody else's spans down with them.
func TestTextsThatNoProtocolTakes(t *testing.T) {
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			r := new(receiver)
			endpoint := r.overHTTP
			if protocol == "grpc" {
				endpoint = r.overGRPC
			}
			p := launch(t, nil, "OTEL_EXPORTER_OTLP_ENDPOINT="+endpoint(t), "OTEL_EXPORTER_OTLP_PROTOCOL="+protocol,
				"OTEL_BSP_EXPORT_TIMEOUT=30000", "OTEL_RESOURCE_ATTRIBUTES=team=a%FFb,huge="+strings.Repeat("x", 100_000))
			p.ask("texts")
			p.ask("stop")
			if lost := p.lost(lostSpans); total(lost) != 0 {
				t.Errorf("spans are lost: %v", lost)
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			for _, err := range r.bad {
				t.Error(err)
			}
			for name, want := range map[string]int{"query a\uFFFDb\x00c": 1, "Trouble.Request": 1, "heavy": heavySpans, "last": 1} {
				if got := len(r.byName[name]); got != want {
					t.Errorf("%d spans %q arrived, want %d", got, name, want)
				}
			}
			for _, s := range r.byName["query a\uFFFDb\x00c"] {
				byKey := map[string]int{}
				for _, kv := range s.Attributes {
					byKey[kv.Key] = len(kv.Value.GetStringValue())
				}
				if byKey["huge"] == 0 || byKey["huge"] > 16<<10 || byKey["broken"] == 0 || byKey["key a\uFFFDb\x00c"] == 0 {
					t.Errorf("sizes of attributes: %v", byKey)
				}
				if len(s.Events) != 2 || len(s.Links) != 1 || s.Status.Message == "" {
					t.Errorf("%d events, %d links, status %.20q", len(s.Events), len(s.Links), s.Status.Message)
				}
			}
		})
	}
}

func TestTenThousandGoroutines(t *testing.T) {
	r := new(receiver)
	p := launch(t, nil, "OTEL_EXPORTER_OTLP_ENDPOINT="+r.overHTTP(t), "OTEL_BSP_EXPORT_TIMEOUT=30000")
	const n = 10_000
	p.calls("goroutines", n)
	p.ask("stop")
	lost := p.lost(lostSpans)
	r.mu.Lock()
	defer r.mu.Unlock()
	arrived := len(r.byName["Trouble.Request"]) + len(r.byName["Trouble.Step"])
	if arrived == 0 || arrived+total(lost) != 4*n {
		t.Errorf("%d spans arrived and %v are lost, want %d together", arrived, lost, 4*n)
	}
	if leaks := p.ask("leaks"); leaks != `"<nil>"` {
		t.Errorf("goroutines are left: %s", strings.ReplaceAll(leaks, `\n`, "\n"))
	}
}
