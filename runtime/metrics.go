package orchestrall

import (
	"math"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// Bounds on what labels can make of the registry. A value over the limit
// becomes otherLabel and is counted.
const (
	maxLabelValues = 100   // per label key and operation
	maxSeries      = 10000 // nodes in an operation's tree of label values
	maxLabelSize   = 256   // bytes of a label value
	otherLabel     = "other"
)

const (
	statusSuccess = "success"
	statusFailed  = "failed"
)

// series is one combination of an operation's own labels, or of values that the
// program records itself.
type series struct {
	success, failed *histogram
	leaf            *node
	exemplars       [2]exemplars // of success, of failed
	recorded        prometheus.Histogram
}

// exemplars remembers when a histogram last got an exemplar: one costs as much
// as a span, and an operator opens no more than a few.
type exemplars struct {
	at      atomic.Int64  // of the last one, in nanoseconds of the program
	longest atomic.Uint64 // bits of the longest since then
}

// betweenExemplars is how long a value that is not the longest so far waits.
const betweenExemplars = time.Second

// due reports whether the value that is observed now is worth an exemplar.
func (e *exemplars) due(seconds float64, now time.Duration) bool {
	bits := math.Float64bits(seconds) // durations are positive, so bits order like values
	last := e.at.Load()
	if last != 0 && int64(now)-last < int64(betweenExemplars) {
		if longest := e.longest.Load(); bits <= longest || !e.longest.CompareAndSwap(longest, bits) {
			return false
		}
		return true
	}
	if !e.at.CompareAndSwap(last, int64(now)) {
		return false
	}
	e.longest.Store(bits)
	return true
}

// observeSpan is observe for a call with a span: every now and then its trace id
// stays with the value.
func (s *series) observeSpan(span trace.Span, failed bool, seconds float64, now time.Duration) {
	h, e := s.success, &s.exemplars[0]
	if failed {
		h, e = s.failed, &s.exemplars[1]
	}
	if e.due(seconds, now) {
		if sc := contextOf(span); sc.IsSampled() {
			h.observeTraced(seconds, sc.TraceID().String())
			return
		}
	}
	h.observe(seconds)
}

func contextOf(span trace.Span) (sc trace.SpanContext) {
	defer contain()
	return span.SpanContext()
}

func (s *series) observe(failed bool, seconds float64) {
	if failed {
		s.failed.observe(seconds)
		return
	}
	s.success.observe(seconds)
}

// metric holds the series of one operation name in one histogram family. Two
// operations of the same name and labels share it.
type metric struct {
	operation string // or the metric's own name where the program records the values
	recorded  bool   // no operation, no status: labels are the program's own
	opts      prometheus.HistogramOpts
	keys      []labelKey
	root      node

	mu    sync.Mutex // held by writers of the tree
	nodes int
	full  atomic.Bool // the tree has reached maxSeries
	all   atomic.Pointer[[]*series]
}

// level is the place of a label in the tree.
func (m *metric) level(label string) int {
	for i := range m.keys {
		if m.keys[i].name == label {
			return i
		}
	}
	return -1
}

// labelKey is one of an operation's own labels.
type labelKey struct {
	name     string
	seen     atomic.Pointer[map[string]struct{}] // copied on write, at most maxLabelValues
	overflow prometheus.Counter
}

// node is one step in the tree of label values: level i branches by the value
// of label i, and the leaves hold the series. Readers take no lock: a map that
// is reachable is never written again.
type node struct {
	parent *node
	value  string
	next   atomic.Pointer[map[string]*node]
	series atomic.Pointer[series]
}

func (n *node) child(value string) *node {
	if m := n.next.Load(); m != nil {
		return (*m)[value]
	}
	return nil
}

// find looks a value up without turning a number into a string on the heap.
func (n *node) find(v Value) *node {
	m := n.next.Load()
	if m == nil {
		return nil
	}
	switch v.v.Type() {
	case attribute.STRING:
		return (*m)[clip(v.v.AsString(), maxLabelSize)]
	case attribute.INT64:
		var digits [20]byte
		return (*m)[string(strconv.AppendInt(digits[:0], v.v.AsInt64(), 10))]
	default:
		return (*m)[clip(v.text(), maxLabelSize)]
	}
}

// step goes from n to the node of a label's value, and makes it if there is
// none yet.
func (m *metric) step(n *node, level int, v Value) *node {
	if next := n.find(v); next != nil {
		return next
	}
	value := validText(clip(v.text(), maxLabelSize))
	key := &m.keys[level]
	if m.full.Load() || !key.admits(value) {
		key.overflow.Inc()
		value = otherLabel
	}
	if next := n.child(value); next != nil {
		return next
	}
	return m.grow(n, key, value)
}

// admits reports whether the value is known or there is room for it.
func (k *labelKey) admits(value string) bool {
	seen := k.seen.Load()
	if seen == nil || len(*seen) < maxLabelValues {
		return true
	}
	_, known := (*seen)[value]
	return known
}

func (m *metric) grow(n *node, key *labelKey, value string) *node {
	m.mu.Lock()
	defer m.mu.Unlock()
	if value != otherLabel {
		if key.admits(value) {
			// A copy, so that a short value does not keep a long text alive.
			value = strings.Clone(value)
			key.seen.Store(with(key.seen.Load(), value, struct{}{}))
		} else {
			key.overflow.Inc()
			value = otherLabel
		}
	}
	if next := n.child(value); next != nil {
		return next
	}
	next := &node{parent: n, value: value}
	n.next.Store(with(n.next.Load(), value, next))
	if m.nodes++; m.nodes >= maxSeries {
		m.full.Store(true)
	}
	return next
}

// with is the map plus one entry, as a new map.
func with[V any](old *map[string]V, key string, value V) *map[string]V {
	m := map[string]V{key: value}
	if old != nil {
		for k, v := range *old {
			if k != key {
				m[k] = v
			}
		}
	}
	return &m
}

// at returns the series at a leaf. It is made when it is first used or scraped,
// so that registering costs a program's start next to nothing.
func (m *metric) at(leaf *node) *series {
	if s := leaf.series.Load(); s != nil {
		return s
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := leaf.series.Load(); s != nil {
		return s
	}
	s := &series{leaf: leaf}
	if m.recorded {
		opts := m.opts
		opts.ConstLabels = m.labels(leaf)
		s.recorded = prometheus.NewHistogram(opts)
	} else {
		s.success, s.failed = m.histogram(leaf, statusSuccess), m.histogram(leaf, statusFailed)
	}
	var all []*series
	if old := m.all.Load(); old != nil {
		all = *old
	}
	// Readers see the old length, so appending in place does not disturb them.
	all = append(all, s)
	m.all.Store(&all)
	leaf.series.Store(s)
	return s
}

func (m *metric) histogram(leaf *node, status string) *histogram {
	labels := m.labels(leaf)
	labels["operation"], labels["status"] = m.operation, status
	return newHistogram(&m.opts, labels)
}

// labels are the values on the way to the leaf.
func (m *metric) labels(leaf *node) prometheus.Labels {
	labels := prometheus.Labels{}
	for i, n := len(m.keys)-1, leaf; i >= 0; i, n = i-1, n.parent {
		labels[m.keys[i].name] = n.value
	}
	return labels
}
