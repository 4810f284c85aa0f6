package bootstrap

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// output is a standard error that may be read while it is written.
type output struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	more chan struct{} // closed at the next write
}

// wrote is closed when there is more than there was at the call.
func (o *output) wrote() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.more == nil {
		o.more = make(chan struct{})
	}
	return o.more
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.more != nil {
		close(o.more)
		o.more = nil
	}
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// lines decodes the JSON lines of o.
func (o *output) lines(t *testing.T) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range strings.Lines(o.String()) {
		if !strings.HasPrefix(line, "{") {
			continue
		}
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		all = append(all, fields)
	}
	return all
}

// metadata is what a line says beside the fields that all lines have.
func metadata(line map[string]any) map[string]any {
	meta, _ := line["metadata"].(map[string]any)
	return meta
}

// plainLogger is slog's own default, taken before any test replaces it.
var plainLogger = slog.Default()

// begin starts with the given environment (key, value, …) and puts the
// process's globals back when the test ends.
func begin(t *testing.T, pairs ...string) (*output, func()) {
	t.Helper()
	env := map[string]string{"PROMETHEUS_PORT": "off"}
	for i := 0; i < len(pairs); i += 2 {
		env[pairs[i]] = pairs[i+1]
		if strings.HasPrefix(pairs[i], "OTEL_") { // the SDK and the exporters read these themselves
			t.Setenv(pairs[i], pairs[i+1])
		}
	}
	logger, writer, flags := slog.Default(), log.Writer(), log.Flags()
	provider, propagator := otel.GetTracerProvider(), otel.GetTextMapPropagator()
	out := &output{}
	stop := start(Options{Service: "example.com/shop/v2"}, func(key string) string { return env[key] }, out)
	t.Cleanup(func() {
		stop()
		orchestrall.SetTracing(true)
		orchestrall.SetParentBased(true)
		orchestrall.SetKeepErrors(false)
		orchestrall.SetAttributesInScope(false)
		otel.SetTracerProvider(provider)
		otel.SetTextMapPropagator(propagator)
		slog.SetDefault(logger)
		log.SetOutput(writer)
		log.SetFlags(flags)
	})
	return out, stop
}

func TestMain(m *testing.M) {
	if name := os.Getenv("BOOTSTRAP_TEST_PROGRAM"); name != "" {
		program(name)
		return
	}
	otel.SetTracerProvider(noop.NewTracerProvider()) // a provider that can be put back
	os.Exit(m.Run())
}

// program is what the tests run as a process of its own.
func program(name string) {
	if name == "earlier" {
		name = "own"
		signal.Notify(make(chan os.Signal, 1), syscall.SIGTERM)
	}
	defer Start(Options{Service: "example.com/program"})()
	if f := handlers[name]; f != nil {
		f()
		return
	}
	ctx, span := otel.Tracer("test").Start(context.Background(), "work")
	slog.InfoContext(ctx, "working")
	span.End()
}

func TestLogLines(t *testing.T) {
	out, _ := begin(t)
	ctx, span := otel.Tracer("test").Start(t.Context(), "request")
	defer span.End()
	slog.InfoContext(ctx, "order placed", "items", 3, slog.Group("http", "time", "noon", "msg", "x"))
	slog.DebugContext(ctx, "not shown")
	log.Print("from package log")

	lines := out.lines(t)
	if len(lines) != 2 {
		t.Fatalf("%d lines, want 2:\n%s", len(lines), out)
	}
	first := lines[0]
	for key, want := range map[string]any{
		"level": "INFO", "message": "order placed", "service": "shop",
		"traceId": span.SpanContext().TraceID().String(), "spanId": span.SpanContext().SpanID().String(),
	} {
		if first[key] != want {
			t.Errorf("%s = %v, want %v", key, first[key], want)
		}
	}
	if !span.SpanContext().IsValid() || span.IsRecording() {
		t.Error("without an exporter spans must have ids and record nothing")
	}
	if stamp, _ := first["timestamp"].(string); !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`).MatchString(stamp) {
		t.Errorf("timestamp = %q, want milliseconds in UTC", stamp)
	}
	meta := metadata(first)
	if group, _ := meta["http"].(map[string]any); meta["items"] != 3.0 || group["time"] != "noon" || group["msg"] != "x" {
		t.Errorf("metadata is %v", meta)
	}
	if lines[1]["message"] != "from package log" {
		t.Errorf("package log wrote %v", lines[1])
	}
}

func TestLogLevel(t *testing.T) {
	for _, test := range []struct {
		value string
		want  slog.Level
		ok    bool
	}{
		{"", slog.LevelInfo, true},
		{"debug", slog.LevelDebug, true},
		{" WARN ", slog.LevelWarn, true},
		{"warning", slog.LevelWarn, true},
		{"error", slog.LevelError, true},
		{"loud", slog.LevelInfo, false},
	} {
		if got, err := parseLevel(test.value); got != test.want || (err == nil) != test.ok {
			t.Errorf("LOG_LEVEL=%q gives %v, %v; want %v", test.value, got, err, test.want)
		}
	}
	out, _ := begin(t, "LOG_LEVEL", "loud")
	if lines := out.lines(t); len(lines) != 1 || lines[0]["level"] != "WARN" {
		t.Errorf("a wrong LOG_LEVEL said %s, want one warning", out)
	}
}

func TestLoggerOfTheProgramIsKept(t *testing.T) {
	var own bytes.Buffer
	slog.SetDefault(slog.New(slog.NewTextHandler(&own, nil)))
	t.Cleanup(func() { slog.SetDefault(plainLogger) })
	out, _ := begin(t)
	ctx, span := otel.Tracer("test").Start(t.Context(), "request")
	defer span.End()
	slog.InfoContext(ctx, "hello")
	if !strings.Contains(own.String(), "msg=hello traceId="+span.SpanContext().TraceID().String()) {
		t.Errorf("the program's own logger wrote %q, want its format with the trace id", own.String())
	}
	if out.String() != "" {
		t.Errorf("standard error got %q, want nothing", out)
	}
}

func TestServiceName(t *testing.T) {
	for importPath, want := range map[string]string{
		"example.com/shop":     "shop",
		"example.com/shop/v2":  "shop",
		"shop":                 "shop",
		"v2":                   "v2",
		"example.com/shop/cmd": "shop", "example.com/shop/v2/cmd/main": "shop", "example.com/shop/cmd/worker": "worker", "main": "main",
		"": "unknown_service",
	} {
		if got := shortName(importPath); got != want {
			t.Errorf("shortName(%q) = %q, want %q", importPath, got, want)
		}
	}
	out, _ := begin(t, "OTEL_SERVICE_NAME", "checkout")
	slog.Info("hello")
	if got := out.lines(t)[0]["service"]; got != "checkout" {
		t.Errorf("service = %v, want what OTEL_SERVICE_NAME says", got)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s %v\n%s", url, resp.Status, err, body)
	}
	return string(body)
}

func TestMetricsAreServed(t *testing.T) {
	out, stop := begin(t, "PROMETHEUS_PORT", "0")
	url, _ := metadata(out.lines(t)[0])["url"].(string)
	if !strings.HasPrefix(url, "http://127.0.0.1:") {
		t.Fatalf("metrics are at %q, want a loopback address", url)
	}
	for _, want := range []string{"go_goroutines", `orchestrall_spans_dropped_total{reason="queue_full"} `} {
		if !strings.Contains(get(t, url), want) {
			t.Errorf("%s lacks %s", url, want)
		}
	}
	stop()
	if _, err := http.Get(url); err == nil {
		t.Error("metrics are still served after stop")
	}
}

func TestTakenPortIsOneWarning(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	out, stop := begin(t, "PROMETHEUS_PORT", port)
	if lines := out.lines(t); len(lines) != 1 || lines[0]["level"] != "WARN" ||
		!strings.Contains(lines[0]["message"].(string), "PROMETHEUS_PORT") {
		t.Errorf("a taken port said %s, want one warning that names the setting", out)
	}
	if _, span := otel.Tracer("test").Start(t.Context(), "request"); !span.SpanContext().IsValid() {
		t.Error("the rest did not start")
	}
	stop()
}

func TestWrongPortIsOneWarning(t *testing.T) {
	out, _ := begin(t, "PROMETHEUS_PORT", "http://x")
	if lines := out.lines(t); len(lines) != 1 || lines[0]["level"] != "WARN" {
		t.Errorf("a wrong port said %s, want one warning", out)
	}
}

func TestDisabled(t *testing.T) {
	out, _ := begin(t, "OTEL_SDK_DISABLED", "true", "OTEL_EXPORTER", "console", "PROMETHEUS_PORT", "0")
	ctx, span := otel.Tracer("test").Start(t.Context(), "request")
	span.End()
	slog.InfoContext(ctx, "hello")
	lines := out.lines(t)
	if len(lines) != 1 || lines[0]["message"] != "hello" || lines[0]["traceId"] != nil {
		t.Errorf("got %s, want the program's own line and nothing else", out)
	}
}

func TestContextIsPropagated(t *testing.T) {
	begin(t)
	member, err := baggage.NewMember("tenant", "blue")
	if err != nil {
		t.Fatal(err)
	}
	bag, err := baggage.New(member)
	if err != nil {
		t.Fatal(err)
	}
	ctx, span := otel.Tracer("test").Start(baggage.ContextWithBaggage(t.Context(), bag), "request")
	defer span.End()
	headers := propagation.MapCarrier{}
	otel.GetTextMapPropagator().Inject(ctx, headers)
	if !strings.Contains(headers["traceparent"], span.SpanContext().TraceID().String()) || headers["baggage"] != "tenant=blue" {
		t.Errorf("headers = %v, want traceparent and baggage", headers)
	}
}

func TestParentsDecisionIsHeeded(t *testing.T) {
	begin(t) // no exporter
	sampled := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceFlags: trace.FlagsSampled, Remote: true,
	})
	ctx := trace.ContextWithRemoteSpanContext(t.Context(), sampled)
	if _, span := otel.Tracer("test").Start(ctx, "request"); !span.SpanContext().IsSampled() {
		t.Error("a sampled caller's decision was not handed on, so services further down would lose the trace")
	}
}

func TestUnknownExporterIsAWarning(t *testing.T) {
	out, _ := begin(t, "OTEL_EXPORTER", "pigeon")
	if lines := out.lines(t); len(lines) != 1 || metadata(lines[0])["exporter"] != "pigeon" {
		t.Errorf("got %s, want one warning that names the exporter", out)
	}
}

func TestExporters(t *testing.T) {
	for _, test := range []struct{ own, standard, endpoint, want string }{
		{"", "", "", ""},
		{"", "", "http://localhost:4318", "otlp"},
		{"none", "", "http://localhost:4318", "none"},
		{"", "Console", "", "console"},
		{"otlp", "console", "", "otlp"},
		{"console, otlp,console", "", "", "console otlp"},
	} {
		got := exporters(func(key string) string {
			return map[string]string{
				"OTEL_EXPORTER": test.own, "OTEL_TRACES_EXPORTER": test.standard,
				"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": test.endpoint,
			}[key]
		})
		if strings.Join(got, " ") != test.want {
			t.Errorf("%+v: exporters %q", test, got)
		}
	}
}

func TestPartsThatPanicOrHang(t *testing.T) {
	out, _ := begin(t)
	never, stopped := make(chan struct{}), make(chan struct{})
	defer close(never)
	stop := stopper([]part{
		func(context.Context) { <-never },
		func(context.Context) { panic("broken") },
		func(context.Context) { close(stopped) },
		nil,
	}, 100*time.Millisecond)
	stop()
	stop()
	<-stopped
	if !strings.Contains(out.String(), "broken") {
		t.Error("the panic was not mentioned")
	}
}

func TestStopLimit(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"": longestStop, "200": 200 * time.Millisecond, "60000": longestStop, "-1": longestStop, "soon": longestStop,
	} {
		if got := stopLimit(func(string) string { return value }); got != want {
			t.Errorf("OTEL_BSP_EXPORT_TIMEOUT=%q: %v, want %v", value, got, want)
		}
	}
}

func TestErrorsAreNotRepeated(t *testing.T) {
	out, _ := begin(t)
	now := time.Unix(0, 0)
	l := &errorLog{every: time.Minute, now: func() time.Time { return now }}
	for range 5 {
		l.Handle(io.ErrUnexpectedEOF)
	}
	now = now.Add(time.Minute)
	l.Handle(io.ErrClosedPipe)
	l.Handle(nil)
	lines := out.lines(t)
	if len(lines) != 2 || !strings.Contains(out.String(), `"error":{"message":"unexpected EOF"}`) || metadata(lines[1])["skipped"] != 4.0 {
		t.Errorf("got %s, want the first error, and a minute later the next with a count", out)
	}
}

func TestProgramEnds(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "BOOTSTRAP_TEST_PROGRAM=1", "OTEL_EXPORTER=console", "PROMETHEUS_PORT=off")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	if stdout.Len() > 0 {
		t.Errorf("standard output belongs to the program, but got %q", &stdout)
	}
	for _, want := range []string{`"message":"working"`, `"service":"program"`, "work  internal"} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("standard error lacks %q:\n%s", want, &stderr)
		}
	}
}
