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
	inner  slog.Handler
	events [4]prometheus.Counter // DEBUG, INFO, WARN, ERROR
	shared *lineMetrics
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
		repeated: droppedLines().WithLabelValues("repeated"),
		duration: duration,
		thin:     thin,
	}
}

// droppedLines counts what did not get where it should, by reason: in docs/logs.md.
func droppedLines() *prometheus.CounterVec {
	return counters("log_events_dropped_total", "Log lines that were not written or not exported.", "reason")
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
	return countedHandler(named(bare, service), service, shared)
}

// named names the service on every line.
func named(bare slog.Handler, service string) slog.Handler {
	if own, ok := bare.(orchestrall.ServiceHandler); ok {
		return own.WithService(service)
	}
	return bare.WithAttrs([]slog.Attr{slog.String(orchestrall.ServiceKey, service)})
}

// countedHandler counts the lines of a service on their way to inner, which
// ties them to their trace itself.
func countedHandler(inner slog.Handler, service string, shared *lineMetrics) *lineHandler {
	h := &lineHandler{inner: inner, shared: shared}
	for i, level := range levelNames {
		h.events[i] = shared.events.WithLabelValues(level, service)
	}
	return h
}

// Correlates implements orchestrall.CorrelatingHandler.
func (h *lineHandler) Correlates() {}

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
	start := time.Since(started)
	err := h.inner.Handle(ctx, r)
	h.shared.duration.Observe(float64(time.Since(started)-start) / 1e6)
	return err
}

// started is where time is counted from: reading only the monotonic clock costs
// half as much.
var started = time.Now()

var levels = [4]slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}

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
	return h.with(h.inner.WithAttrs(attrs))
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
