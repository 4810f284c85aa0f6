package bootstrap

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// lineHandler counts the lines of one service, drops what is repeated too
// often, and hands on the rest.
type lineHandler struct {
	inner   slog.Handler
	service string
	events  [4]prometheus.Counter // DEBUG, INFO, WARN, ERROR
	shared  *lineMetrics
}

// lineMetrics is what the handlers of all services share.
type lineMetrics struct {
	events   *prometheus.CounterVec
	repeated prometheus.Counter
	duration prometheus.Histogram
	thin     *thinner // nil: every line is written
}

var levelNames = [4]string{"DEBUG", "INFO", "WARN", "ERROR"}

func newLineMetrics(thin *thinner) *lineMetrics {
	dropped := counters("log_events_dropped_total", "Log lines that were not written.", "reason")
	duration := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "log_processing_duration_ms",
		Help:    "Time it takes to write a log line, in milliseconds.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .5, 1, 10, 100},
	})
	if existing, ok := registered(duration).(prometheus.Histogram); ok {
		duration = existing
	}
	return &lineMetrics{
		events:   counters("log_events_total", "Log lines by level and service.", "level", "service"),
		repeated: dropped.WithLabelValues("repeated"),
		duration: duration,
		thin:     thin,
	}
}

// registered returns the collector of that name that is already there, or
// registers this one.
func registered(c prometheus.Collector) prometheus.Collector {
	if err := prometheus.Register(c); err != nil {
		if twice := new(prometheus.AlreadyRegisteredError); errors.As(err, twice) {
			return twice.ExistingCollector
		}
	}
	return c
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	if existing, ok := registered(vec).(*prometheus.CounterVec); ok {
		return existing
	}
	return vec
}

// newLineHandler writes the lines of a service through bare, with its name.
func newLineHandler(bare slog.Handler, service string, shared *lineMetrics) *lineHandler {
	h := &lineHandler{
		inner:   bare.WithAttrs([]slog.Attr{slog.String(orchestrall.ServiceKey, service)}),
		service: service,
		shared:  shared,
	}
	for i, level := range levelNames {
		h.events[i] = shared.events.WithLabelValues(level, service)
	}
	return h
}

// Enabled implements slog.Handler.
func (h *lineHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.inner.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h *lineHandler) Handle(ctx context.Context, r slog.Record) error {
	h.events[levelIndex(r.Level)].Inc()
	if r.Level < slog.LevelWarn && h.shared.thin != nil && !h.shared.thin.admits(r.Level, r.Message) {
		h.shared.repeated.Inc()
		return nil
	}
	start := time.Now()
	if r.NumAttrs() > 0 {
		r = explained(r)
	}
	err := h.inner.Handle(ctx, r)
	h.shared.duration.Observe(float64(time.Since(start)) / 1e6)
	return err
}

// levelIndex counts levels in between with the lower one.
func levelIndex(l slog.Level) int {
	switch {
	case l < slog.LevelInfo:
		return 0
	case l < slog.LevelWarn:
		return 1
	case l < slog.LevelError:
		return 2
	}
	return 3
}

// WithAttrs implements slog.Handler.
func (h *lineHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	explained := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		explained[i], _ = explain(a)
	}
	return h.with(h.inner.WithAttrs(explained))
}

// WithGroup implements slog.Handler.
func (h *lineHandler) WithGroup(name string) slog.Handler {
	return h.with(h.inner.WithGroup(name))
}

func (h *lineHandler) with(inner slog.Handler) slog.Handler {
	c := *h
	c.inner = inner
	return &c
}

// explained makes error: {name, message} of the errors among the record's
// attributes, as the runtime's own lines have it.
func explained(r slog.Record) slog.Record {
	found := false
	r.Attrs(func(a slog.Attr) bool {
		_, found = explain(a)
		return !found
	})
	if !found {
		return r
	}
	out := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		a, _ = explain(a)
		out.AddAttrs(a)
		return true
	})
	return out
}

func explain(a slog.Attr) (_ slog.Attr, is bool) {
	if a.Key != "error" && a.Key != "err" || a.Value.Kind() != slog.KindAny {
		return a, false
	}
	err, is := a.Value.Any().(error)
	if is {
		a.Value = orchestrall.Err(err).Value
	}
	return a, is
}
