package orchestrall

import (
	"context"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
)

// Labels are the labels of one recorded value.
type Labels map[string]string

// RecordMetric records a value in the histogram of that name, which is made
// when it is first needed and served with the others. A name should say its
// unit: the buckets of …_seconds fit durations, those of …_bytes sizes, those of
// …_ratio shares of one, and all others reach from a hundredth to a hundred
// thousand. Below a sampled span the value keeps the trace id as its exemplar.
//
// Labels are bounded as those of operations are: past 100 values of one label
// the value becomes "other", and that is counted. Values under keys such as
// password are masked. Values that are not finite, and names past a thousand,
// are dropped and counted.
func RecordMetric(ctx context.Context, name string, value float64, labels Labels) {
	defer contain()
	if math.IsNaN(value) || math.IsInf(value, 0) {
		recordings.drop("not_finite")
		return
	}
	r := recordings.of(name, labels)
	if r == nil {
		recordings.drop("too_many")
		return
	}
	leaf := &r.metric.root
	for i, key := range r.keys {
		v := textValue(labels[key])
		if r.masked[i] {
			v = textValue(textRedacted)
		}
		leaf = r.metric.step(leaf, i, v)
	}
	histogram := r.metric.at(leaf).recorded
	if ctx != nil {
		if sc := trace.SpanContextFromContext(ctx); sc.IsSampled() {
			observeTraced(histogram, value, sc)
			return
		}
	}
	histogram.Observe(value)
}

// observeTraced keeps the trace id as the bucket's exemplar.
func observeTraced(h prometheus.Histogram, value float64, sc trace.SpanContext) {
	if e, ok := h.(prometheus.ExemplarObserver); ok {
		e.ObserveWithExemplar(value, prometheus.Labels{"trace_id": sc.TraceID().String()})
		return
	}
	h.Observe(value)
}

// maxRecorded bounds the histograms that RecordMetric makes.
const maxRecorded = 1000

var recordings recorded

type recorded struct {
	byKey sync.Map // of string: *recording

	mu sync.Mutex
	n  int
}

// recording is one metric with one set of label names.
type recording struct {
	metric *metric
	keys   []string // as the caller writes them, in the order of the metric's tree
	masked []bool
}

func (rs *recorded) drop(reason string) { metrics.dropped.WithLabelValues(reason).Inc() }

// of returns nil when there is no room for another.
func (rs *recorded) of(name string, labels Labels) *recording {
	id := recordingID(name, labels)
	if r, ok := rs.byKey.Load(id); ok {
		return r.(*recording)
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if r, ok := rs.byKey.Load(id); ok {
		return r.(*recording)
	}
	if rs.n >= maxRecorded {
		return nil
	}
	rs.n++
	r := newRecording(metricName(name), labels)
	rs.byKey.Store(strings.Clone(id), r)
	return r
}

func newRecording(name string, labels Labels) *recording {
	r := new(recording)
	var names []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		if n := recordedLabel(key); !slices.Contains(names, n) {
			names = append(names, n)
			r.keys = append(r.keys, strings.Clone(key))
			r.masked = append(r.masked, sensitive(key))
		}
	}
	r.metric = metrics.recorded(name, names)
	return r
}

// recordedLabel is labelName, but operation and status are free: a recorded
// metric has no labels of its own.
func recordedLabel(key string) string {
	switch key {
	case "operation", "status":
		return key
	}
	return labelName(key)
}

// recordingID is the name and the sorted label keys.
func recordingID(name string, labels Labels) string {
	if len(labels) == 0 {
		return name
	}
	b := append(make([]byte, 0, 96), name...)
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		b = append(append(b, 0xff), key...)
	}
	return string(b)
}

// bucketsFor fits the buckets to the unit in the name.
func bucketsFor(name string) []float64 {
	switch {
	case strings.HasSuffix(name, "_seconds"):
		return []float64{.001, .005, .01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300}
	case strings.HasSuffix(name, "_bytes"):
		return prometheus.ExponentialBuckets(256, 4, 12)
	case strings.HasSuffix(name, "_ratio"):
		return prometheus.LinearBuckets(.1, .1, 10)
	}
	return []float64{.01, .1, .5, 1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 5000, 10000, 100000}
}
