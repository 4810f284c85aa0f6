// Package recorder is linked into the instrumented programs of the golden
// cases. It writes every finished span and every log record as a line of JSON
// to the file that GOLDEN_RECORD names, so that a crash loses none of them, and
// keeps telemetry away from the program's own standard error.
package recorder

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// A Span is what the harness prints of a finished span.
type Span struct {
	ID, Parent, Trace string
	Name, Kind        string
	Status, Text      string
	Start             int64
	Attributes        map[string]string
	Events            []string
}

// A Log is what the harness prints of a log record.
type Log struct {
	Level, Message string
	Attributes     map[string]string
}

func (l Log) add(prefix string, a slog.Attr) {
	value := a.Value.Resolve()
	if value.Kind() != slog.KindGroup {
		l.Attributes[prefix+a.Key] = value.String()
		return
	}
	for _, member := range value.Group() {
		l.add(prefix+a.Key+".", member)
	}
}

type writer struct {
	mu  sync.Mutex
	out *json.Encoder
}

func init() {
	w := &writer{out: json.NewEncoder(io.Discard)}
	if path := os.Getenv("GOLDEN_RECORD"); path != "" {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			panic(err)
		}
		w.out = json.NewEncoder(f)
	}
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(w)))
	slog.SetDefault(slog.New(handler{writer: w}))
}

func (w *writer) write(v any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.out.Encode(v); err != nil {
		panic(err)
	}
}

// OnStart does nothing: only finished spans count.
func (*writer) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd writes s.
func (w *writer) OnEnd(s sdktrace.ReadOnlySpan) {
	span := Span{
		ID: s.SpanContext().SpanID().String(), Trace: s.SpanContext().TraceID().String(),
		Name: s.Name(), Kind: s.SpanKind().String(),
		Status: s.Status().Code.String(), Text: s.Status().Description,
		Start:      s.StartTime().UnixNano(),
		Attributes: map[string]string{},
	}
	if s.Parent().IsValid() {
		span.Parent = s.Parent().SpanID().String()
	}
	for _, a := range s.Attributes() {
		span.Attributes[string(a.Key)] = strings.ToLower(a.Value.Type().String()) + " " + a.Value.Emit()
	}
	for _, e := range s.Events() {
		span.Events = append(span.Events, e.Name)
	}
	w.write(map[string]any{"span": span})
}

// Shutdown does nothing.
func (*writer) Shutdown(context.Context) error { return nil }

// ForceFlush does nothing.
func (*writer) ForceFlush(context.Context) error { return nil }

type handler struct {
	writer *writer
	attrs  []slog.Attr
}

func (handler) Enabled(context.Context, slog.Level) bool { return true }

func (h handler) Handle(_ context.Context, r slog.Record) error {
	l := Log{Level: r.Level.String(), Message: r.Message, Attributes: map[string]string{}}
	for _, a := range h.attrs {
		l.add("", a)
	}
	r.Attrs(func(a slog.Attr) bool {
		l.add("", a)
		return true
	})
	h.writer.write(map[string]any{"log": l})
	return nil
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.attrs = append(h.attrs[:len(h.attrs):len(h.attrs)], attrs...)
	return h
}

func (h handler) WithGroup(string) slog.Handler { return h }
