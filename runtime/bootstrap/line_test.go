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
	"regexp"
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
	slog.Error("no invoice", "error", fmt.Errorf("invoice 7: %w", fs.ErrNotExist), "cause", io.EOF, slog.Group("g", "err", io.EOF))
	slog.With("err", io.EOF).Info("with")
	slog.Error("text", "err", "no room")
	slog.With("err", io.EOF).WithGroup("g").Info("both", "error", fs.ErrClosed, "n", 1)
	slog.Error("twice", "err", io.EOF, "error", fs.ErrClosed)
	slog.Error("number", "error", 7)
	eof := `{"name":"*errors.errorString","message":"EOF"}`
	for i, want := range []string{
		`"error":{"name":"*errors.errorString","message":"invoice 7: file does not exist","causes":[{"name":"*errors.errorString","message":"file does not exist"}]},` +
			`"metadata":{"cause":` + eof + `,"g":{"err":` + eof + `}}}`,
		`"error":` + eof + `}`,
		`"error":{"message":"no room"}}`,
		`"error":` + eof + `,"metadata":{"g":{"error":{"name":"*errors.errorString","message":"file already closed"},"n":1}}}`,
		`"error":{"name":"*errors.errorString","message":"file already closed"},"metadata":{"err":` + eof + `}}`,
		`"metadata":{"error":7}}`,
	} {
		if line := strings.Split(out.String(), "\n")[i]; !strings.HasSuffix(line, `"service":"shop",`+want) {
			t.Errorf("line %s\nwant it to end in %s", line, want)
		}
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
	orchestrall.NewLogger("billing").Error("no invoice", orchestrall.Err(io.EOF))
	_, _ = orchestrall.Trace(ctx, "Text.Op", func(context.Context) (int, error) { return 0, io.EOF })
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) < 6 {
		t.Fatalf("got %q", out)
	}
	for i, want := range []string{
		` ERROR "order\x1b[2Jlost"  service=shop a=1 g.msg=kept g.error="no stock" userId=u`,
		` INFO  plain  service=shop msg=kept`,
		` ERROR no invoice  service=billing error=EOF error.name=*errors.errorString`,
	} {
		if len(lines[i]) < 12 || lines[i][12:] != want {
			t.Errorf("got  %q\nwant %q", lines[i], want)
		}
	}
	if !regexp.MustCompile(`^ ERROR Text.Op failed  service=shop operation=Text.Op kind=internal status=failed duration=\S+ error=EOF error.name=\S+ .*userId=u$`).MatchString(lines[3][12:]) ||
		lines[4] != "    testing.tRunner" || !strings.HasPrefix(lines[5], "        /") {
		t.Errorf("got %q", lines[3:])
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
	if terminal(file, none) {
		t.Error("nobody looks at the null device")
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
