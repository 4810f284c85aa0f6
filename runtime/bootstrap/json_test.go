package bootstrap

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strings"
	"testing"
	"testing/slogtest"
	"time"

	"go.opentelemetry.io/otel/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// jsonTo is a handler that writes JSON lines to w.
func jsonTo(w io.Writer) *jsonHandler { return newJSONHandler(slog.LevelInfo, newOutlet(w)) }

// BenchmarkLine compares a line with one of slog's own handler with the same
// fields: for slog, ids and carried fields are attributes like the others.
func BenchmarkLine(b *testing.B) {
	sc := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}})
	ctx := orchestrall.WithFields(trace.ContextWithSpanContext(context.Background(), sc), orchestrall.UserIDKey, "user_123")
	attrs := []slog.Attr{slog.String("order", "o_1"), slog.Int("items", 3), slog.Duration("took", time.Second)}
	ids := append([]slog.Attr{
		slog.String("traceId", sc.TraceID().String()), slog.String("spanId", sc.SpanID().String()), slog.String("userId", "user_123"),
	}, attrs...)
	theirs := slog.New(slog.NewJSONHandler(io.Discard, nil).WithAttrs([]slog.Attr{slog.String("service", "shop")}))
	thin, err := newThinner("")
	if err != nil {
		b.Fatal(err)
	}
	ours := slog.New(orchestrall.NewHandler(newLineHandler(jsonTo(io.Discard), "shop", newLineMetrics(thin))))
	for _, c := range []struct {
		name  string
		slog  func()
		lines func()
	}{
		{
			"plain",
			func() { theirs.LogAttrs(context.Background(), slog.LevelWarn, "order placed", attrs...) },
			func() { ours.LogAttrs(context.Background(), slog.LevelWarn, "order placed", attrs...) },
		},
		{
			"traced",
			func() { theirs.LogAttrs(ctx, slog.LevelWarn, "order placed", ids...) },
			func() { ours.LogAttrs(ctx, slog.LevelWarn, "order placed", attrs...) },
		},
	} {
		b.Run(c.name+"/slog", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.slog()
			}
		})
		b.Run(c.name+"/orchestrall", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.lines()
			}
		})
	}
}

func TestJSONLines(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 60_999_999, time.FixedZone("", 3600))
	sc := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}})
	ctx := orchestrall.WithFields(trace.ContextWithSpanContext(t.Context(), sc), orchestrall.UserIDKey, "u", "n", 5, "service", "mine")
	var b bytes.Buffer
	base := orchestrall.NewHandler(jsonTo(&b).WithService("shop"))
	with := func(attrs ...slog.Attr) slog.Handler { return base.WithAttrs(attrs) }
	for _, c := range []struct {
		ctx   context.Context
		h     slog.Handler
		level slog.Level
		args  []any
		want  string
	}{
		{t.Context(), base, slog.LevelInfo, nil, `"level":"INFO","message":"m","service":"shop"`},
		{t.Context(), base, slog.LevelWarn + 1, []any{"msg", "kept", "level", "mine", "service", "mine", "timestamp", 1}, `"level":"WARN+1","message":"m","service":"shop","metadata":{"msg":"kept","level":"mine","service":"mine","timestamp":1}`},
		{ctx, base, slog.LevelError, []any{"a", 1}, `"level":"ERROR","message":"m","service":"shop","traceId":"01000000000000000000000000000000","spanId":"0200000000000000","userId":"u","n":5,"metadata":{"a":1,"service":"mine"}`},
		{t.Context(), base, 0, []any{"userId", "u", "requestId", 7, "x", 1}, `"level":"INFO","message":"m","service":"shop","userId":"u","requestId":7,"metadata":{"x":1}`},
		{ctx, with(slog.String("userId", "w"), slog.Int("a", 1)), 0, nil, `"level":"INFO","message":"m","service":"shop","traceId":"01000000000000000000000000000000","spanId":"0200000000000000","userId":"u","n":5,"metadata":{"a":1,"service":"mine","userId":"w"}`},
		{t.Context(), with(slog.Int("a", 1), slog.Int("b", 2)), 0, []any{"a", 3, "c", 4, "c", 5}, `"level":"INFO","message":"m","service":"shop","metadata":{"a":3,"b":2,"c":5}`},
		{t.Context(), base, 0, []any{slog.Group("g", "a", 1), slog.Group("g", "b", 2, "a", 3), slog.Group("", "x", 1), slog.Group("empty"), slog.Attr{}}, `"level":"INFO","message":"m","service":"shop","metadata":{"g":{"a":3,"b":2},"x":1}`},
		{t.Context(), with(slog.Int("a", 1)).WithGroup("g").WithAttrs([]slog.Attr{slog.Int("b", 2)}).WithGroup("h"), 0, []any{"userId", "u", "err", "e"}, `"level":"INFO","message":"m","service":"shop","metadata":{"a":1,"g":{"b":2,"h":{"userId":"u","err":"e"}}}`},
		{t.Context(), base.WithGroup("g").WithGroup("h"), 0, nil, `"level":"INFO","message":"m","service":"shop"`},
		{t.Context(), with(slog.Group("g", "a", 1)).WithGroup("g"), 0, []any{"b", 2}, `"level":"INFO","message":"m","service":"shop","metadata":{"g":{"a":1,"b":2}}`},
		{t.Context(), base, 0, []any{"metadata", "mine", slog.Group("metadata", "a", 1, "err", errors.New("e"))}, `"level":"INFO","message":"m","service":"shop","metadata":{"metadata":"mine","a":1,"err":{"name":"*errors.errorString","message":"e"}}`},
	} {
		b.Reset()
		r := slog.NewRecord(at, c.level, "m", 0)
		r.Add(c.args...)
		if err := c.h.Handle(c.ctx, r); err != nil {
			t.Fatal(err)
		}
		if got := b.String(); got != `{"timestamp":"2026-01-02T02:04:05.060Z",`+c.want+"}\n" {
			t.Errorf("\n got %s\nwant %s", got, c.want)
		}
	}
	b.Reset()
	if err := base.Handle(t.Context(), slog.NewRecord(time.Time{}, 0, "no time", 0)); err != nil || !strings.HasPrefix(b.String(), `{"level":`) {
		t.Errorf("got %s, %v", &b, err)
	}
}

type talkative struct{ n int }

func (v talkative) LogValue() slog.Value {
	return slog.GroupValue(slog.Any("again", talkative{v.n + 1}))
}

type panicking struct{}

func (panicking) MarshalJSON() ([]byte, error) { panic("no") }

type raw string

func (r raw) MarshalJSON() ([]byte, error) { return []byte(r), nil }

func TestJSONValues(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	var none *int
	for _, c := range []struct {
		value any
		want  string
	}{
		{"a\"b\\c\n\r\t\x00\x1f\x7fü\u2028<&>", `"a\"b\\c\n\r\t\u0000\u001f` + "\x7f" + `ü\u2028<&>"`},
		{"bad \xff\xc3 utf-8 \xed\xa0\x80", "\"bad \uFFFD\uFFFD utf-8 \uFFFD\uFFFD\uFFFD\""},
		{-5, `-5`},
		{uint64(math.MaxUint64), `18446744073709551615`},
		{1.5, `1.5`},
		{1e21, `1e+21`},
		{math.NaN(), `"NaN"`},
		{math.Inf(-1), `"-Inf"`},
		{true, `true`},
		{time.Second, `1000000000`},
		{at, `"2026-01-02T03:04:05.000000006Z"`},
		{nil, `null`},
		{none, `null`},
		{[]string{"a", "\xff"}, `["a","` + "\uFFFD" + `"]`},
		{[]string(nil), `null`},
		{[]int{1, 2}, `[1,2]`},
		{map[string]any{"b": "<", "a": []byte("x")}, `{"a":"eA==","b":"<"}`},
		{func() {}, `"!ERROR:json: unsupported type: func()"`},
		{math.NaN, `"!ERROR:json: unsupported type: func() float64"`},
		{[]float64{math.NaN()}, `"!ERROR:json: unsupported value: NaN"`},
		{panicking{}, `"!ERROR:panic: no"`},
		{raw(`{"a":` + "\n" + `"` + "\xff" + `"}`), `{"a":"` + "\uFFFD" + `"}`},
		{raw(`{`), `"!ERROR:json: error calling MarshalJSON for type bootstrap.raw: unexpected end of JSON input"`},
		{struct{}{}, `{}`},
		{talkative{}, strings.Repeat(`{"again":`, 8) + `"…"` + strings.Repeat(`}`, 8)},
	} {
		got := appendValue(nil, slog.AnyValue(c.value), 0)
		if string(got) != c.want {
			t.Errorf("%#v:\n got %s\nwant %s", c.value, got, c.want)
		}
		if !json.Valid(got) {
			t.Errorf("%#v gives %s, which is not JSON", c.value, got)
		}
	}
}

func TestLongTextsAreCut(t *testing.T) {
	var b bytes.Buffer
	log := slog.New(jsonTo(&b))
	huge := strings.Repeat("ü", 1<<19)
	log.Info(huge, "a", huge, "b", map[string]string{"k": huge}, "c", []string{huge, huge, huge}, "d", huge, "e", 1)
	if b.Len() > 512<<10 || !json.Valid(b.Bytes()) || !strings.Contains(b.String(), `üü…"`) {
		t.Errorf("a line of %d bytes: %.100s", b.Len(), &b)
	}
	if !strings.HasSuffix(b.String(), `"d":"…","e":"…"}}`+"\n") {
		t.Errorf("the line ends in %s", b.String()[b.Len()-60:])
	}
}

// unique fails for an object that has a key twice.
func unique(d *json.Decoder) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('['):
		for d.More() {
			if err := unique(d); err != nil {
				return err
			}
		}
		_, err = d.Token()
	case json.Delim('{'):
		seen := map[any]bool{}
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return err
			}
			if seen[key] {
				return fmt.Errorf("%q stands there twice", key)
			}
			seen[key] = true
			if err := unique(d); err != nil {
				return err
			}
		}
		_, err = d.Token()
	}
	return err
}

func FuzzJSONLine(f *testing.F) {
	f.Add("m", "k", "v", "k", "\xff", 1.5, true)
	f.Add("", "", "", "userId", "error", math.Inf(1), false)
	f.Add("\u2028\x00", "metadata", "err", "service", "traceId", math.NaN(), true)
	f.Fuzz(func(t *testing.T, message, k1, v1, k2, v2 string, n float64, grouped bool) {
		var b bytes.Buffer
		h := orchestrall.NewHandler(jsonTo(&b).WithService(v1))
		ctx := orchestrall.WithFields(t.Context(), k1, v2)
		l := slog.New(h).With(k2, v1, k1, n)
		if grouped {
			l = l.WithGroup(k2).With(k1, v2)
		}
		l.InfoContext(ctx, message, k1, v1, k2, n, slog.Group(k1, k2, v2, k1, v1, k1, errors.New(v1)), "error", errors.New(v2), k2, map[string]any{v1: v2})
		line, whole := strings.CutSuffix(b.String(), "\n")
		if !whole || strings.ContainsAny(line, "\n\r") || !json.Valid([]byte(line)) || strings.ToValidUTF8(line, "?") != line {
			t.Fatalf("not a line of JSON: %q", b.String())
		}
		var top map[string]any
		if err := json.Unmarshal([]byte(line), &top); err != nil {
			t.Fatal(err)
		}
		if top["level"] != "INFO" || top["message"] != string([]rune(message)) {
			t.Errorf("level and message are %v and %q", top["level"], top["message"])
		}
		// Keys that differ in what is no UTF-8 only are the same in the end.
		if strings.ToValidUTF8(k1+k2+v1, "") == k1+k2+v1 {
			if err := unique(json.NewDecoder(strings.NewReader(line))); err != nil {
				t.Errorf("%v in %s", err, line)
			}
		}
	})
}

func TestJSONHandlerKeepsTheRulesOfSlog(t *testing.T) {
	var buf bytes.Buffer
	slogtest.Run(t, func(*testing.T) slog.Handler {
		buf.Reset()
		return orchestrall.NewHandler(newLineHandler(jsonTo(&buf), "shop", newLineMetrics(nil)))
	}, func(t *testing.T) map[string]any {
		m := map[string]any{}
		if err := json.Unmarshal(buf.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		for key, value := range metadata(m) {
			m[key] = value
		}
		for key, name := range map[string]string{"timestamp": slog.TimeKey, "message": slog.MessageKey} {
			if value, ok := m[key]; ok {
				m[name] = value
			}
		}
		return m
	})
}

func TestLinesDoNotAllocate(t *testing.T) {
	log := slog.New(orchestrall.NewHandler(newLineHandler(jsonTo(io.Discard), "shop", newLineMetrics(nil))))
	sc := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}})
	ctx := orchestrall.WithFields(trace.ContextWithSpanContext(t.Context(), sc), orchestrall.UserIDKey, "u")
	attrs := []slog.Attr{slog.String("a", "b"), slog.Int("n", 1), slog.Time("t", time.Now()), slog.Float64("f", 1.5), slog.Bool("b", true)}
	if n := testing.AllocsPerRun(100, func() { log.LogAttrs(ctx, slog.LevelInfo, "m", attrs...) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
