package bootstrap

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// lokiServer speaks Loki's push protocol as far as a client can tell.
type lokiServer struct {
	*httptest.Server
	answer func(n int) (status int, header string) // to request n, from 0

	mu       sync.Mutex
	requests int
	headers  http.Header
	lines    []pushed
}

type pushed struct {
	labels map[string]string
	at     time.Time
	line   string
}

func newLokiServer(t *testing.T) *lokiServer {
	s := &lokiServer{answer: func(int) (int, string) { return http.StatusNoContent, "" }}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		n := s.requests
		s.requests++
		s.headers = r.Header
		answer := s.answer
		s.mu.Unlock()
		status, after := answer(n)
		if after != "" {
			w.Header().Set("Retry-After", after)
		}
		lines, err := readPush(r)
		if err != nil || r.URL.Path != lokiPath {
			status = http.StatusBadRequest
		}
		if status == http.StatusNoContent {
			s.mu.Lock()
			s.lines = append(s.lines, lines...)
			s.mu.Unlock()
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return s
}

func readPush(r *http.Request) (lines []pushed, err error) {
	z, err := gzip.NewReader(r.Body)
	if err != nil {
		return nil, err
	}
	var body struct {
		Streams []struct {
			Stream map[string]string
			Values [][2]string
		}
	}
	if err := json.NewDecoder(z).Decode(&body); err != nil {
		return nil, err
	}
	for _, s := range body.Streams {
		for _, v := range s.Values {
			ns, err := strconv.ParseInt(v[0], 10, 64)
			if err != nil {
				return nil, err
			}
			lines = append(lines, pushed{s.Stream, time.Unix(0, ns), v[1]})
		}
	}
	return lines, nil
}

func (s *lokiServer) got() []pushed {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lines
}

func TestLinesArePushedToLoki(t *testing.T) {
	s := newLokiServer(t)
	address := strings.Replace(s.URL, "http://", "http://tenant:s%40cret@", 1) + lokiPath
	out, stop := begin(t, "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", address, "OTEL_EXPORTER_OTLP_LOGS_HEADERS", "X-Scope-OrgID=a%20team", "LOG_LEVEL", "debug")
	ctx, span := otel.Tracer("test").Start(orchestrall.WithFields(t.Context(), orchestrall.UserIDKey, "u\n1"), "request")
	slog.InfoContext(ctx, "hello", "a", 1)
	orchestrall.NewLogger("billing").Warn("quote \" and \\ and \xff")
	slog.Log(ctx, slog.LevelError+2, "worse")
	span.End()
	stop()
	all := s.got()
	written := map[string]bool{}
	for line := range strings.Lines(out.String()) {
		written[strings.TrimSuffix(line, "\n")] = true
	}
	levels := ""
	for _, p := range all {
		if len(p.labels) != 2 || !written[p.line] || time.Since(p.at).Abs() > time.Hour {
			t.Errorf("pushed %v", p)
		}
		if p.labels["service"] == "billing" || strings.Contains(p.line, "traceId") {
			levels += p.labels["service"] + " " + p.labels["level"] + " "
		}
	}
	if len(all) != len(written) || levels != "shop INFO billing WARN shop ERROR " {
		t.Errorf("%d of %d lines were pushed: %s\n%s", len(all), len(written), levels, out)
	}
	if user, password, ok := (&http.Request{Header: s.headers}).BasicAuth(); !ok || user != "tenant" || password != "s@cret" {
		t.Errorf("the request has %v", s.headers)
	}
	if s.headers.Get("X-Scope-OrgID") != "a team" {
		t.Errorf("the request has %v", s.headers)
	}
}

func TestTextOnStandardErrorAndJSONToLoki(t *testing.T) {
	s := newLokiServer(t)
	out, stop := begin(t, "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", s.URL+lokiPath, "LOG_FORMAT", "text")
	slog.Info("hello", "a", 1)
	stop()
	if all := s.got(); len(all) != 1 || !strings.HasSuffix(all[0].line, `"message":"hello","service":"shop","metadata":{"a":1}}`) ||
		!strings.Contains(out.String(), "INFO  hello  service=shop a=1") {
		t.Errorf("pushed %v, written %s", all, out)
	}
}

// pusher is a loki without a goroutine of its own, for one batch at a time.
func pusher(s *lokiServer, waits *[]time.Duration) *loki {
	t, err := readLogTarget(func(key string) string {
		return map[string]string{"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": s.URL + lokiPath + "?key=hidden"}[key]
	})
	if err != nil {
		panic(err)
	}
	k := &loki{target: t, client: http.DefaultClient}
	k.shipper = &shipper{
		back: k, pace: pace{waiting: maxQueuedLines, batch: lokiBatch}, lost: newLostLines(), health: newHealth("logs"), ctx: context.Background(),
		pause: func(_ context.Context, d time.Duration) error {
			*waits = append(*waits, d)
			return nil
		},
	}
	return k
}

func TestLokiInTrouble(t *testing.T) {
	batch := []entry{{at: time.Now(), service: "shop", level: "INFO", text: []byte("{}")}, {at: time.Now(), service: "shop", level: "INFO", text: []byte("{}")}}
	for _, c := range []struct {
		name     string
		answer   func(n int) (int, string)
		waits    string
		counter  string
		requests int
	}{
		{"at first", func(n int) (int, string) { return []int{503, 429, 204}[n], []string{"", "7", ""}[n] }, "500ms 7s", "", 3},
		{"too patient", func(n int) (int, string) { return []int{429, 204}[n], []string{"86400", ""}[n] }, "30s", "", 2},
		{"for good", func(int) (int, string) { return 500, "soon" }, "500ms 1s 2s 4s", "export_failed", 5},
		{"refusing", func(int) (int, string) { return 400, "" }, "", "rejected", 1},
		{"elsewhere", func(int) (int, string) { return 307, "" }, "", "rejected", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, _ := begin(t)
			s := newLokiServer(t)
			s.answer = c.answer
			var waits []time.Duration
			k := pusher(s, &waits)
			before := counted(t, "log_events_dropped_total", c.counter)
			k.send(batch)
			var words []string
			for _, d := range waits {
				words = append(words, d.String())
			}
			if got := strings.Join(words, " "); got != c.waits || s.requests != c.requests {
				t.Errorf("%d requests, waited %s between them", s.requests, got)
			}
			lost := 0.0
			if c.counter != "" {
				lost = counted(t, "log_events_dropped_total", c.counter) - before
			}
			if want := map[bool]float64{true: 2}[c.counter != ""]; lost != want {
				t.Errorf("%v lines counted as lost, want %v", lost, want)
			}
			if strings.Contains(out.String(), "hidden") {
				t.Errorf("the address was told: %s", out)
			}
		})
	}
}

func TestErrorsTellNoCredentials(t *testing.T) {
	var waits []time.Duration
	s := newLokiServer(t)
	k := pusher(s, &waits)
	s.Close()
	a := k.request(nil)(t.Context())
	if !a.again || a.err == nil || strings.Contains(a.err.Error(), "hidden") || !strings.Contains(a.err.Error(), "127.0.0.1") {
		t.Errorf("%+v", a)
	}
	for _, address := range []string{"http://u:hidden@[broken", "u:hidden@host", "ftp://u:hidden@host", "http://u:hid%zzden@host" + lokiPath} {
		t.Run(address, func(t *testing.T) {
			out, _ := begin(t, "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", address)
			lines := out.lines(t)
			if len(lines) == 0 || lines[0]["message"] != notExported || strings.Contains(out.String(), "hid") {
				t.Errorf("got %s", out)
			}
		})
	}
}

// TestLokiThatHangs keeps nobody waiting: not the program while it runs, and
// its end for no longer than the limit.
func TestLokiThatHangs(t *testing.T) {
	released, asked := make(chan struct{}), make(chan struct{}, 1)
	s := newLokiServer(t)
	defer close(released)
	s.answer = func(int) (int, string) {
		asked <- struct{}{}
		<-released
		return http.StatusNoContent, ""
	}
	_, stop := begin(t, "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", s.URL+lokiPath, "OTEL_BSP_EXPORT_TIMEOUT", "300", "LOG_SAMPLING", "off")
	full := counted(t, "log_events_dropped_total", "queue_full")
	end := counted(t, "log_events_dropped_total", "export_shutdown")
	for range maxQueuedLines + 100 {
		slog.Info("m")
	}
	<-asked
	stop()
	if n := counted(t, "log_events_dropped_total", "queue_full") - full; n != 100 {
		t.Errorf("%v lines found no room, want 100", n)
	}
	if n := counted(t, "log_events_dropped_total", "export_shutdown") - end; n < maxQueuedLines {
		t.Errorf("%v lines were lost at the end, want %d", n, maxQueuedLines)
	}
}

func TestLokiQueueIsBoundedInBytes(t *testing.T) {
	s := newLokiServer(t)
	var waits []time.Duration
	k := pusher(s, &waits)
	k.wake = make(chan struct{}, 1)
	large := counted(t, "log_events_dropped_total", "too_large")
	full := counted(t, "log_events_dropped_total", "queue_full")
	text := []byte(strings.Repeat("x", lokiLine))
	for range 2 * maxQueuedBytes / lokiLine {
		_ = k.take(&line{text: text})
	}
	_ = k.take(&line{text: append(text, 'x')})
	if k.bytes != maxQueuedBytes || len(k.queue) != maxQueuedBytes/lokiLine {
		t.Errorf("%d bytes in %d lines wait", k.bytes, len(k.queue))
	}
	if n := counted(t, "log_events_dropped_total", "queue_full") - full; n != maxQueuedBytes/lokiLine {
		t.Errorf("%v lines found no room", n)
	}
	if n := counted(t, "log_events_dropped_total", "too_large") - large; n != 1 {
		t.Errorf("%v lines were too large", n)
	}
	batches := 0
	for b := k.next(); len(b) > 0; b = k.next() {
		if len(b) != batchBytes/lokiLine {
			t.Errorf("a batch of %d lines", len(b))
		}
		k.sent(b)
		batches++
	}
	if k.bytes != 0 || batches != maxQueuedBytes/batchBytes {
		t.Errorf("%d batches, and %d bytes are left", batches, k.bytes)
	}
}

func TestLogTarget(t *testing.T) {
	for _, c := range []struct{ env, want string }{
		{"", "none"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://h:4318", "http://h:4318/v1/logs"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://h:4318/base/", "http://h:4318/base/v1/logs"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://h:4318 OTEL_EXPORTER=none", "none"},
		{"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=http://h:4318/logs OTEL_EXPORTER=none", "http://h:4318/logs"},
		{"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=http://a/x OTEL_EXPORTER_OTLP_ENDPOINT=http://b", "http://a/x"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://h OTEL_LOGS_EXPORTER=none", "none"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://h OTEL_SDK_DISABLED=true", "none"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://h:4317 OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "grpc http://h:4317"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=h:4317 OTEL_EXPORTER_OTLP_LOGS_PROTOCOL=grpc", "grpc"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://h OTEL_LOGS_EXPORTER=pigeon", "error"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://h OTEL_EXPORTER_OTLP_PROTOCOL=http/json", "error"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=h:4318", "error"},
	} {
		env := map[string]string{}
		for pair := range strings.FieldsSeq(c.env) {
			key, value, _ := strings.Cut(pair, "=")
			env[key] = value
		}
		target, err := readLogTarget(func(key string) string { return env[key] })
		got := "none"
		switch {
		case err != nil:
			got = "error"
		case target != nil:
			got = ""
			if target.grpc {
				got = "grpc "
			}
			if target.url != nil {
				got += target.url.String()
			}
		}
		if strings.TrimSpace(got) != c.want {
			t.Errorf("%s: %s, want %s (%v)", c.env, got, c.want, err)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "3": 3 * time.Second, "99999999999": longestPause, "-1": 0, "Fri, 02 Jan 2026 03:04:15 GMT": 10 * time.Second, "Fri, 02 Jan 2026 03:04:00 GMT": 0,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

func TestMissingCertificate(t *testing.T) {
	out, _ := begin(t, "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "https://127.0.0.1:1"+lokiPath, "OTEL_EXPORTER_OTLP_CERTIFICATE", "/no/such/file")
	if lines := out.lines(t); len(lines) != 1 || !strings.Contains(out.String(), "/no/such/file") {
		t.Errorf("got %s", out)
	}
	if _, err := logTLS(func(string) string { return "loki_test.go" }); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("a file without a certificate says %v", err)
	}
}
