package bootstrap

import (
	"context"
	"errors"
	"net"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/orchestrall/orchestrall/runtime/internal/quiet"
)

// health counts how the exports of one signal (traces, logs) go.
type health struct {
	success, failed prometheus.Observer
	failures        *prometheus.CounterVec
}

func newHealth(signal string) health {
	vec := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "orchestrall_export_duration_seconds", Help: "Duration of exports to a back end in seconds, with what was tried again.",
		Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"signal", "status"})
	if existing, ok := registered(vec).(*prometheus.HistogramVec); ok {
		vec = existing
	}
	h := health{
		success: vec.WithLabelValues(signal, "success"), failed: vec.WithLabelValues(signal, "failed"),
		failures: counters("orchestrall_export_failures_total", "Exports that a back end did not take, by reason.", "signal", "reason").
			MustCurryWith(prometheus.Labels{"signal": signal}),
	}
	for _, reason := range failureReasons { // at zero before the first one, so that rates and alerts see it
		h.failures.WithLabelValues(reason)
	}
	return h
}

// observe counts an export that began at start.
func (h health) observe(start time.Time, err error) {
	seconds := time.Since(start).Seconds()
	if err == nil {
		h.success.Observe(seconds)
		return
	}
	h.failed.Observe(seconds)
	h.failures.WithLabelValues(failureReason(err)).Inc()
}

// Why an export failed.
const (
	timedOut    = "timeout"     // no answer in time
	unreachable = "unreachable" // no connection: DNS, refused, TLS
	overloaded  = "overloaded"  // 429, 502, 503, 504 or the like, as often as it was tried
	denied      = "denied"      // 401, 403: credentials
	refused     = "refused"     // other answers of 4xx: the back end does not understand
	broken      = "broken"      // 5xx, or an answer that nobody understands
	canceled    = "canceled"    // the program ends
)

var failureReasons = []string{timedOut, unreachable, overloaded, denied, refused, broken, canceled}

// The SDK says some things in its text only.
var (
	timeoutText = regexp.MustCompile(`export timeout`)
	retriedText = regexp.MustCompile(`retry-able request failure: body:`)
	statusText  = regexp.MustCompile(`(?:failed to send(?: logs)? to|pushing log lines to) \S+: (\d{3}) `)
)

func failureReason(err error) string {
	var network net.Error
	var op *net.OpError
	var dns *net.DNSError
	text := err.Error()
	switch {
	case retriedText.MatchString(text):
		return overloaded
	case errors.Is(err, context.Canceled):
		return canceled
	case errors.As(err, &dns), errors.As(err, &op) && !op.Timeout(): // also where it was tried until the time was over
		return unreachable
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout(), timeoutText.MatchString(text):
		return timedOut
	}
	if match := statusText.FindStringSubmatch(text); match != nil {
		return reasonOfStatus(match[1])
	}
	var remote interface{ GRPCStatus() *status.Status }
	if errors.As(err, &remote) {
		return reasonOfCode(remote.GRPCStatus().Code())
	}
	if errors.As(err, &network) {
		return unreachable
	}
	return broken
}

func reasonOfStatus(code string) string {
	switch {
	case code == "401" || code == "403":
		return denied
	case code == "429" || code == "502" || code == "503" || code == "504":
		return overloaded
	case code[0] == '4':
		return refused
	}
	return broken
}

func reasonOfCode(code codes.Code) string {
	switch code {
	case codes.DeadlineExceeded:
		return timedOut
	case codes.Canceled:
		return canceled
	case codes.Unavailable:
		return unreachable
	case codes.ResourceExhausted:
		return overloaded
	case codes.Unauthenticated, codes.PermissionDenied:
		return denied
	case codes.InvalidArgument, codes.Unimplemented, codes.NotFound, codes.FailedPrecondition, codes.OutOfRange:
		return refused
	}
	return broken
}

// measured is an exporter with its health. A batch that the back end has taken
// in part is not a failure: what it has left is counted for itself.
type measured struct {
	trace.SpanExporter
	health
	exported, rejected prometheus.Counter
}

func newMeasured(exporter trace.SpanExporter, dropped drops) measured {
	return measured{
		exporter, newHealth("traces"),
		counters("orchestrall_spans_exported_total", "Spans that a back end has taken.").WithLabelValues(), dropped.rejected,
	}
}

// ExportSpans implements trace.SpanExporter.
func (m measured) ExportSpans(ctx context.Context, spans []trace.ReadOnlySpan) error {
	start := time.Now()
	leftSpans.Store(0)
	err := m.SpanExporter.ExportSpans(quiet.Context(ctx), spans)
	left, partly := rejectedSpans(err)
	left += int(leftSpans.Load())
	if partly {
		otel.Handle(err)
		err = nil
	}
	m.observe(start, err)
	if err == nil {
		left = min(left, len(spans))
		m.rejected.Add(float64(left))
		m.exported.Add(float64(len(spans) - left))
	}
	return err
}

// leftSpans counts what the error handler hears of: older exporters say there,
// and not to who called them, what a back end has left of a batch. One batch is
// on its way at a time.
var leftSpans atomic.Int64

var partialText = regexp.MustCompile(`OTLP partial success: .*\((\d+) spans rejected\)$`)

// rejectedSpans reports whether err says only that a back end has left some of
// the spans, or has something to remark.
func rejectedSpans(err error) (int, bool) {
	if err == nil {
		return 0, false
	}
	match := partialText.FindStringSubmatch(err.Error())
	if match == nil {
		return 0, false
	}
	n, parseErr := strconv.Atoi(match[1])
	return n, parseErr == nil
}

// queueGauges shows how full the queues are.
type queueGauges struct {
	mu       sync.Mutex
	bySignal map[string]queueGauge
}

type queueGauge struct {
	length   func() int64
	capacity int64
}

var (
	queueLength   = prometheus.NewDesc("orchestrall_export_queue_length", "What waits for its export or is on its way.", []string{"signal"}, nil)
	queueCapacity = prometheus.NewDesc("orchestrall_export_queue_capacity", "How much can wait before anything is dropped.", []string{"signal"}, nil)
)

// watchQueue shows the queue of a signal from now on.
func watchQueue(signal string, length func() int64, capacity int64) {
	if gauges, ok := registered(&queueGauges{bySignal: make(map[string]queueGauge)}).(*queueGauges); ok {
		gauges.mu.Lock()
		gauges.bySignal[signal] = queueGauge{length, capacity}
		gauges.mu.Unlock()
	}
}

// Describe implements prometheus.Collector.
func (*queueGauges) Describe(out chan<- *prometheus.Desc) {
	out <- queueLength
	out <- queueCapacity
}

// Collect implements prometheus.Collector.
func (g *queueGauges) Collect(out chan<- prometheus.Metric) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for signal, q := range g.bySignal {
		out <- prometheus.MustNewConstMetric(queueLength, prometheus.GaugeValue, float64(q.length()), signal)
		out <- prometheus.MustNewConstMetric(queueCapacity, prometheus.GaugeValue, float64(q.capacity), signal)
	}
}
