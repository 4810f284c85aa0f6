package bootstrap

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// gauge reads the value of a counter or gauge, or the count of a histogram.
func gauge(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
	next:
		for _, m := range f.GetMetric() {
			got := make(map[string]bool)
			for _, l := range m.GetLabel() {
				got[l.GetName()+"="+l.GetValue()] = true
			}
			for _, want := range labels {
				if !got[want] {
					continue next
				}
			}
			return m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	t.Fatalf("there is no %s%q", name, labels)
	return 0
}

// exportOne has a span exported with these settings and says what that adds to
// a metric.
func exportOne(t *testing.T, env []string, name string, labels ...string) float64 {
	t.Helper()
	_, stop := begin(t, env...)
	before := gauge(t, name, labels...)
	_, span := otel.Tracer("test").Start(t.Context(), "work")
	span.End()
	// Not stop alone: an export that it interrupts counts as canceled.
	_ = otel.GetTracerProvider().(*trace.TracerProvider).ForceFlush(t.Context())
	stop()
	return gauge(t, name, labels...) - before
}

func TestFailuresHaveReasons(t *testing.T) {
	answer := func(code int) *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "no", code)
		}))
		t.Cleanup(s.Close)
		return s
	}
	asked, released := make(chan struct{}, 100), make(chan struct{})
	hanging := hangingBackend(asked, released)
	t.Cleanup(hanging.Close)
	t.Cleanup(func() { close(released) })
	for reason, endpoint := range map[string]string{
		refused: answer(400).URL, denied: answer(403).URL, broken: answer(500).URL, overloaded: answer(429).URL,
		unreachable: "http://127.0.0.1:1", timedOut: hanging.URL,
	} {
		t.Run(reason, func(t *testing.T) {
			env := []string{"OTEL_EXPORTER_OTLP_ENDPOINT", endpoint, "OTEL_BSP_EXPORT_TIMEOUT", "300"}
			if got := exportOne(t, env, "orchestrall_export_failures_total", "signal=traces", "reason="+reason); got != 1 {
				t.Errorf("counted %v times", got)
			}
		})
	}
}

// service is an OTLP receiver for gRPC that answers everything alike.
type service struct {
	collector.UnimplementedTraceServiceServer
	answer *collector.ExportTraceServiceResponse
	err    error
}

// Export implements collector.TraceServiceServer.
func (s service) Export(context.Context, *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	return s.answer, s.err
}

func serveGRPC(t *testing.T, s service) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	collector.RegisterTraceServiceServer(server, s)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return "http://" + listener.Addr().String()
}

func TestFailuresOfGRPCHaveReasons(t *testing.T) {
	for reason, code := range map[string]codes.Code{
		denied: codes.PermissionDenied, refused: codes.InvalidArgument, broken: codes.Internal,
	} {
		t.Run(reason, func(t *testing.T) {
			endpoint := serveGRPC(t, service{err: status.Error(code, "no")})
			env := []string{"OTEL_EXPORTER_OTLP_ENDPOINT", endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"}
			if got := exportOne(t, env, "orchestrall_export_failures_total", "signal=traces", "reason="+reason); got != 1 {
				t.Errorf("counted %v times", got)
			}
		})
	}
}

var partly = &collector.ExportTraceServiceResponse{PartialSuccess: &collector.ExportTracePartialSuccess{RejectedSpans: 1, ErrorMessage: "too old"}}

func TestPartialSuccess(t *testing.T) {
	body, err := proto.Marshal(partly)
	if err != nil {
		t.Fatal(err)
	}
	http := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-protobuf")
		_, _ = w.Write(body)
	}))
	defer http.Close()
	for protocol, endpoint := range map[string]string{"http/protobuf": http.URL, "grpc": serveGRPC(t, service{answer: partly})} {
		for name, want := range map[string]float64{`rejected`: 1, `export_failed`: 0} {
			t.Run(protocol+" "+name, func(t *testing.T) {
				env := []string{"OTEL_EXPORTER_OTLP_ENDPOINT", endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL", protocol}
				if got := exportOne(t, env, "orchestrall_spans_dropped_total", "reason="+name); got != want {
					t.Errorf("counted %v times, want %v", got, want)
				}
			})
		}
	}
}

func TestExportsAreMeasured(t *testing.T) {
	b := newBackend(t)
	for i, name := range []string{"orchestrall_spans_exported_total", "orchestrall_export_duration_seconds"} {
		t.Run(name, func(t *testing.T) {
			labels := [][]string{nil, {"signal=traces", "status=success"}}[i]
			if got := exportOne(t, []string{"OTEL_EXPORTER_OTLP_ENDPOINT", b.URL, "OTEL_BSP_MAX_QUEUE_SIZE", "7"}, name, labels...); got != 1 {
				t.Errorf("added %v, want 1", got)
			}
		})
	}
	if length, capacity := gauge(t, "orchestrall_export_queue_length", "signal=traces"), gauge(t, "orchestrall_export_queue_capacity", "signal=traces"); length != 0 || capacity != 7 {
		t.Errorf("%v of %v places are taken, want 0 of 7", length, capacity)
	}
}

func TestQueueLengthIsShown(t *testing.T) {
	_, stop := begin(t, "OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1", "OTEL_BSP_SCHEDULE_DELAY", "3600000", "OTEL_BSP_EXPORT_TIMEOUT", "100")
	for range 3 {
		_, span := otel.Tracer("test").Start(t.Context(), strings.Repeat("x", 10))
		span.End()
	}
	if got := gauge(t, "orchestrall_export_queue_length", "signal=traces"); got != 3 {
		t.Errorf("%v spans wait, want 3", got)
	}
	stop()
}

// Log lines have the same measurements, whichever way they go.
func TestExportsOfLogLinesAreMeasured(t *testing.T) {
	for path, answer := range map[string]int{"/v1/logs": 200, "/loki/api/v1/push": 204, "/denied/v1/logs": 403, "/denied/loki/api/v1/push": 401} {
		t.Run(path, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(answer) }))
			defer server.Close()
			_, stop := begin(t, "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", server.URL+path)
			status := "success"
			if answer > 300 {
				status = "failed"
			}
			exports := gauge(t, "orchestrall_export_duration_seconds", "signal=logs", "status="+status)
			failures := gauge(t, "orchestrall_export_failures_total", "signal=logs", "reason="+denied)
			slog.Info("hello")
			if got := gauge(t, "orchestrall_export_queue_length", "signal=logs"); got > 1 {
				t.Errorf("%v lines wait, want one at most", got)
			}
			stop()
			if got := gauge(t, "orchestrall_export_duration_seconds", "signal=logs", "status="+status) - exports; got < 1 {
				t.Errorf("%v exports, want one", got)
			}
			if got := gauge(t, "orchestrall_export_failures_total", "signal=logs", "reason="+denied) - failures; (got > 0) != (answer > 300) {
				t.Errorf("%v failures after the answer %d", got, answer)
			}
		})
	}
}
