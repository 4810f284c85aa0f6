package bootstrap

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel"
	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/grpc"
	grpcmeta "google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// logServer takes OTLP logs over both protocols.
type logServer struct {
	collector.UnimplementedLogsServiceServer
	status int

	mu      sync.Mutex
	auth    string
	service string
	records []*logs.LogRecord
}

func (s *logServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = z
	}
	data, err := io.ReadAll(body)
	request := new(collector.ExportLogsServiceRequest)
	if err != nil || proto.Unmarshal(data, request) != nil || r.URL.Path != "/v1/logs" {
		http.Error(w, "no logs", http.StatusNotFound)
		return
	}
	if s.status != 0 {
		w.WriteHeader(s.status)
		return
	}
	s.keep(request, r.Header.Get("Authorization"))
}

func (s *logServer) Export(ctx context.Context, r *collector.ExportLogsServiceRequest) (*collector.ExportLogsServiceResponse, error) {
	headers, _ := grpcmeta.FromIncomingContext(ctx)
	s.keep(r, strings.Join(headers.Get("authorization"), ""))
	return new(collector.ExportLogsServiceResponse), nil
}

func (s *logServer) keep(r *collector.ExportLogsServiceRequest, auth string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.auth = auth
	for _, rl := range r.ResourceLogs {
		for _, kv := range rl.Resource.Attributes {
			if kv.Key == "service.name" {
				s.service = kv.Value.GetStringValue()
			}
		}
		for _, sl := range rl.ScopeLogs {
			s.records = append(s.records, sl.LogRecords...)
		}
	}
}

func shown(attrs []*common.KeyValue) string {
	var all []string
	for _, kv := range attrs {
		if kv.Key == "exception.stacktrace" {
			continue
		}
		all = append(all, kv.Key+"="+strings.NewReplacer("string_value:", "", "int_value:", "").Replace(kv.Value.String()))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func TestLogsOverOTLP(t *testing.T) {
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		t.Run(protocol, func(t *testing.T) {
			s := new(logServer)
			var address string
			if protocol == "grpc" {
				listener, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				server := grpc.NewServer()
				collector.RegisterLogsServiceServer(server, s)
				go func() { _ = server.Serve(listener) }()
				defer server.Stop()
				address = listener.Addr().String()
			} else {
				server := httptest.NewServer(s)
				defer server.Close()
				address = strings.TrimPrefix(server.URL, "http://")
			}
			_, stop := begin(t, "OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:pass@"+address, "OTEL_EXPORTER_OTLP_PROTOCOL", protocol, "OTEL_TRACES_EXPORTER", "none")
			ctx, span := otel.Tracer("test").Start(orchestrall.WithFields(t.Context(), orchestrall.UserIDKey, "u1"), "request")
			slog.With("b", 2).WithGroup("g").InfoContext(ctx, "hello \xff", "a", []string{"x"}, "f", func() {})
			orchestrall.NewLogger("billing").ErrorContext(ctx, "no invoice", "err", fmt.Errorf("sorry: %w", io.EOF), "agentId", "a1")
			span.End()
			stop()
			if len(s.records) != 2 || s.service != "shop" || s.auth != "Basic dXNlcjpwYXNz" {
				t.Fatalf("%d records of %q, with %q", len(s.records), s.service, s.auth)
			}
			first, second := s.records[0], s.records[1]
			if first.SeverityNumber != logs.SeverityNumber_SEVERITY_NUMBER_INFO || first.SeverityText != "INFO" || first.Body.GetStringValue() != "hello \uFFFD" ||
				fmt.Sprintf("%x", first.TraceId) != span.SpanContext().TraceID().String() || fmt.Sprintf("%x", first.SpanId) != span.SpanContext().SpanID().String() ||
				first.TimeUnixNano == 0 || second.SeverityNumber != logs.SeverityNumber_SEVERITY_NUMBER_ERROR {
				t.Errorf("records %v", s.records)
			}
			if got, want := shown(first.Attributes), `metadata.b=2 metadata.g.a=array_value:{values:{"x"}} metadata.g.f="\"!ERROR:json: unsupported type: func()\"" userId="u1"`; despaced(got) != despaced(want) {
				t.Errorf("attributes\n%s, want\n%s", got, want)
			}
			if got, want := shown(second.Attributes), `agentId="a1" error.causes="[{\"name\":\"*errors.errorString\",\"message\":\"EOF\"}]" exception.message="sorry: EOF" exception.type="*errors.errorString" service="billing" userId="u1"`; despaced(got) != despaced(want) {
				t.Errorf("attributes\n%s, want\n%s", got, want)
			}
		})
	}
}

// despaced takes out the spaces, of which protobuf's text has one more now and then.
func despaced(s string) string { return strings.ReplaceAll(s, " ", "") }

func TestBackEndWithoutLogs(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	out, stop := begin(t, "OTEL_EXPORTER_OTLP_ENDPOINT", server.URL, "OTEL_TRACES_EXPORTER", "none")
	slog.Info("hello")
	stop()
	lines := out.lines(t)
	if len(lines) != 2 || !strings.Contains(fmt.Sprint(lines[1]["message"]), "OTEL_LOGS_EXPORTER=none") {
		t.Errorf("got %s, want one warning that says what to set", out)
	}
}

func TestLogsThatNobodyTakes(t *testing.T) {
	s := &logServer{status: http.StatusBadRequest}
	server := httptest.NewServer(s)
	defer server.Close()
	_, stop := begin(t, "OTEL_EXPORTER_OTLP_ENDPOINT", server.URL, "OTEL_TRACES_EXPORTER", "none", "OTEL_BLRP_MAX_QUEUE_SIZE", "10", "LOG_SAMPLING", "off", "OTEL_BLRP_SCHEDULE_DELAY", "3600000", "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "10")
	refused := counted(t, "log_events_dropped_total", "rejected")
	e := slog.Default().Handler()
	for range 9 {
		_ = e.Handle(t.Context(), slog.NewRecord(started, slog.LevelInfo, "m", 0))
	}
	stop()
	if n := counted(t, "log_events_dropped_total", "rejected") - refused; n < 9 {
		t.Errorf("%v lines were refused, want 9", n)
	}
}
