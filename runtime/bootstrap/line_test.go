package bootstrap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// counted is the sum of a family's counters or observations with this label value.
func counted(t *testing.T, family, value string) (sum float64) {
	t.Helper()
	all, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if f.GetName() != family {
			continue
		}
		for _, m := range f.GetMetric() {
			match := value == ""
			for _, l := range m.GetLabel() {
				match = match || l.GetValue() == value
			}
			if match {
				sum += m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}

func TestLinesAreCounted(t *testing.T) {
	begin(t, "LOG_LEVEL", "debug")
	// Lines of other levels may come from exporters that earlier tests have stopped.
	debug, billing, timed := counted(t, "log_events_total", "DEBUG"), counted(t, "log_events_total", "billing"), counted(t, "log_processing_duration_ms", "")
	slog.Debug("one")
	slog.Log(t.Context(), slog.LevelDebug+2, "in between")
	orchestrall.NewLogger("billing").Info("two")
	if n := counted(t, "log_events_total", "DEBUG") - debug; n != 2 {
		t.Errorf("%v debug lines counted, want 2", n)
	}
	if n := counted(t, "log_events_total", "billing") - billing; n != 1 {
		t.Errorf("%v lines of billing counted, want 1", n)
	}
	if n := counted(t, "log_processing_duration_ms", "") - timed; n < 3 {
		t.Errorf("%v lines timed, want 3", n)
	}
}

func TestErrorsAreGroups(t *testing.T) {
	out, _ := begin(t)
	slog.Error("no invoice", "error", fmt.Errorf("invoice 7: %w", fs.ErrNotExist), "cause", io.EOF)
	slog.With("err", io.EOF).Info("with")
	line := out.lines(t)[0]
	group, _ := line["error"].(map[string]any)
	if group["name"] != "*errors.errorString" || group["message"] != "invoice 7: file does not exist" || line["cause"] != "EOF" {
		t.Errorf("line %v", line)
	}
	if g, _ := out.lines(t)[1]["err"].(map[string]any); g["message"] != "EOF" {
		t.Errorf("line %v", out.lines(t)[1])
	}
}

func TestRepeatedLinesAreThinned(t *testing.T) {
	out, _ := begin(t, "LOG_SAMPLING", "3/10")
	before := counted(t, "log_events_dropped_total", "repeated")
	for range 103 {
		slog.Warn("matters")
	}
	if n := strings.Count(out.String(), "matters"); n != 103 {
		t.Errorf("%d warnings, want all", n)
	}
	handler := slog.Default().Handler()
	for range 23 {
		_ = handler.Handle(t.Context(), slog.NewRecord(time.Now(), slog.LevelInfo, "again", 0))
	}
	// The second may turn over in between, which lets three more through.
	written := strings.Count(out.String(), "again")
	if dropped := counted(t, "log_events_dropped_total", "repeated") - before; written < 5 || written > 8 || dropped != float64(23-written) {
		t.Errorf("%d lines, %v dropped", written, dropped)
	}
}

func TestThinner(t *testing.T) {
	now := time.Unix(1, 0)
	thin, err := newThinner("2/3")
	if err != nil {
		t.Fatal(err)
	}
	thin.now = func() time.Time { return now }
	var got strings.Builder
	for i := range 16 {
		if i == 10 {
			now = now.Add(time.Second)
		}
		if thin.admits(slog.LevelInfo, "m") {
			got.WriteByte('x')
		} else {
			got.WriteByte('-')
		}
	}
	if got.String() != "xx--x--x--xx--x-" {
		t.Errorf("admitted %s", got.String())
	}
	for _, bad := range []string{"x", "0/1", "1/0", "5", "-1/2"} {
		if _, err := newThinner(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
	if off, err := newThinner(" OFF "); off != nil || err != nil {
		t.Error("off is not off")
	}
	out, _ := begin(t, "LOG_SAMPLING", "lots", "LOG_FORMAT", "xml")
	if lines := out.lines(t); len(lines) != 2 {
		t.Errorf("wrong settings said %s", out)
	}
}

func TestText(t *testing.T) {
	out, _ := begin(t, "LOG_FORMAT", "text")
	ctx := orchestrall.WithFields(t.Context(), orchestrall.UserIDKey, "u")
	slog.With("a", 1).WithGroup("g").ErrorContext(ctx, "order\x1b[2Jlost", "msg", "kept", "error", errors.New("no stock"))
	slog.Info("plain", "msg", "kept")
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("got %q", out)
	}
	for i, want := range []string{
		` ERROR "order\x1b[2Jlost"  service=shop a=1 g.msg=kept g.error="no stock" userId=u`,
		` INFO  plain  service=shop msg=kept`,
	} {
		if len(lines[i]) < 12 || lines[i][12:] != want {
			t.Errorf("got  %q\nwant %q", lines[i], want)
		}
	}
}

func TestColours(t *testing.T) {
	var b bytes.Buffer
	slog.New(newTextHandler(&b, slog.LevelInfo, true)).Warn("slow")
	if !strings.Contains(b.String(), " \x1b[33mWARN \x1b[0m slow  \n") {
		t.Errorf("got %q", b.String())
	}
	none := func(string) string { return "" }
	if terminal(&b, none) {
		t.Error("a buffer is no terminal")
	}
	file, err := os.Open(os.DevNull) // a device, as a terminal is
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if terminal(file, func(key string) string { return map[string]string{"NO_COLOR": "1"}[key] }) {
		t.Error("NO_COLOR was not heeded")
	}
}

func TestJaegerEndpoint(t *testing.T) {
	for _, test := range []struct{ value, exporter, endpoint, want string }{
		{"http://user:secret@jaeger:14268/api/traces", "", "", "http://jaeger:14268"},
		{"jaeger", "", "", "http://jaeger"},
		{"https://[::1]:14268", "otlp", "", "https://[::1]:14268"},
		{"http://jaeger:14268", "none", "", ""},
		{"http://jaeger:14268", "", "http://collector:4318", ""},
		{"udp://jaeger:6831", "", "", ""},
		{"://secret", "", "", ""},
		{"", "", "", ""},
	} {
		t.Run(test.value, func(t *testing.T) {
			out, _ := begin(t)
			getenv := func(key string) string {
				return map[string]string{
					"JAEGER_ENDPOINT": test.value, "OTEL_EXPORTER": test.exporter, "OTEL_EXPORTER_OTLP_ENDPOINT": test.endpoint,
				}[key]
			}
			got := ""
			if u := jaegerHost(getenv, exporters(getenv)); u != nil {
				got = u.String()
			}
			lines := out.lines(t)
			if got != test.want || test.value != "" && len(lines) != 1 || strings.Contains(out.String(), "secret") {
				t.Errorf("%+v: %q, lines %s", test, got, out)
			}
		})
	}
}

// BenchmarkLine compares a line with slog's own on the same fields.
func BenchmarkLine(b *testing.B) {
	attrs := []slog.Attr{slog.String("service", "shop"), slog.String("user", "u_1"), slog.Int("items", 3), slog.Duration("took", time.Second)}
	b.Run("slog", func(b *testing.B) {
		log := slog.New(slog.NewJSONHandler(io.Discard, nil).WithAttrs(attrs[:1]))
		for b.Loop() {
			log.LogAttrs(context.Background(), slog.LevelWarn, "order placed", attrs[1:]...)
		}
	})
	b.Run("orchestrall", func(b *testing.B) {
		bare, _ := newFormat(func(string) string { return "" }, slog.LevelInfo, io.Discard)
		log := slog.New(orchestrall.NewHandler(newLineHandler(bare, "shop", newLineMetrics(nil))))
		for b.Loop() {
			log.LogAttrs(context.Background(), slog.LevelWarn, "order placed", attrs[1:]...)
		}
	})
}

func TestJSONHead(t *testing.T) {
	var b bytes.Buffer
	h := newJSONHandler(&b, slog.LevelInfo)
	at := time.Date(2026, 1, 2, 3, 4, 5, 60_000_000, time.FixedZone("", 3600))
	for _, r := range []slog.Record{
		slog.NewRecord(at, slog.LevelInfo, `say "msg":`, 0),
		slog.NewRecord(at.Truncate(time.Second), slog.LevelWarn+1, "", 0),
		slog.NewRecord(time.Time{}, slog.LevelError, "no time", 0),
	} {
		r.AddAttrs(slog.String("msg", "kept"), slog.String("level", "mine"))
		if err := h.Handle(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	want := `{"timestamp":"2026-01-02T02:04:05.060Z","level":"INFO","message":"say \"msg\":","msg":"kept","level":"mine"}
{"timestamp":"2026-01-02T02:04:05.000Z","level":"WARN+1","message":"","msg":"kept","level":"mine"}
{"level":"ERROR","message":"no time","msg":"kept","level":"mine"}
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &b, want)
	}
	failing := newJSONHandler(full{}, slog.LevelInfo)
	if err := failing.Handle(t.Context(), slog.NewRecord(at, slog.LevelInfo, "x", 0)); err != io.ErrShortWrite {
		t.Errorf("a full disk says %v", err)
	}
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
