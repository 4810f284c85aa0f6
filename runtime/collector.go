package orchestrall

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orchestrall/orchestrall/runtime/internal/lane"
)

// Collector returns the collector of every operation's metrics. It is already
// registered on prometheus.DefaultRegisterer; programs with a registry of their
// own may register it there too.
//
// It describes nothing up front: the operations of one family have label sets
// of their own, which a registry would refuse from a collector that it checks.
func Collector() prometheus.Collector { return &metrics }

var metrics = collector{
	overflow: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "orchestrall_label_overflow_total",
		Help: "Label values over an operation's limit, recorded as \"other\".",
	}, []string{"operation", "label"}),
	dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "orchestrall_recordings_dropped_total",
		Help: "Values that RecordMetric did not record.",
	}, []string{"reason"}),
}

type collector struct {
	register sync.Once
	overflow *prometheus.CounterVec
	dropped  *prometheus.CounterVec

	mu   sync.Mutex
	byID map[string]*metric
	help map[string]string // by metric name: a registry refuses to gather two texts
	list []*metric

	flights map[string]lane.Counter
	limited map[string]bool // operations with a hang limit
}

// Describe implements prometheus.Collector; it sends nothing.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	c.mu.Lock()
	list := c.list // only ever appended to
	c.mu.Unlock()
	for _, m := range list {
		if len(m.keys) == 0 {
			m.at(&m.root) // at zero before the first call, so that rates and alerts work from the start
		}
		all := m.all.Load()
		if all == nil {
			continue
		}
		for _, s := range *all {
			if m.recorded {
				out <- s.recorded
				continue
			}
			out <- s.success
			out <- s.failed
		}
	}
	c.collectRunning(out)
	c.overflow.Collect(out)
	c.dropped.Collect(out)
}

var (
	inFlightDesc = prometheus.NewDesc("operations_in_flight",
		"Calls that have not ended: of operations with a slow or a hang limit and of all kinds but internal.", []string{"operation"}, nil)
	stuckDesc = prometheus.NewDesc("operations_stuck",
		"Calls that run for longer than their operation's hang limit.", []string{"operation"}, nil)
)

// collectRunning sends a zero too, so that rules see the operation before
// anything is wrong with it.
func (c *collector) collectRunning(out chan<- prometheus.Metric) {
	c.mu.Lock()
	flights, stuck := maps.Clone(c.flights), make(map[string]int, len(c.limited))
	for name := range c.limited {
		stuck[name] = 0
	}
	c.mu.Unlock()
	for name, f := range flights {
		out <- prometheus.MustNewConstMetric(inFlightDesc, prometheus.GaugeValue, float64(inFlight(f)), name)
	}
	if len(stuck) == 0 {
		return
	}
	at := now()
	each(func(r *running) {
		if r.state.overdue(at - r.start) {
			stuck[validText(r.state.spec.Name)]++
		}
	})
	for name, n := range stuck {
		out <- prometheus.MustNewConstMetric(stuckDesc, prometheus.GaugeValue, float64(n), name)
	}
}

// inFlight is how many calls run: one may have ended between two lanes.
func inFlight(c lane.Counter) int64 { return max(c.Sum(), 0) }

// flightOf returns the count of an operation's running calls.
func (c *collector) flightOf(s *Spec) lane.Counter {
	c.registerOnce()
	name := validText(s.Name)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flights == nil {
		c.flights, c.limited = make(map[string]lane.Counter), make(map[string]bool)
	}
	if s.Hang > 0 {
		c.limited[name] = true
	}
	f := c.flights[name]
	if f.IsZero() {
		f = lane.NewCounter()
		c.flights[name] = f
	}
	return f
}

// metricOf returns the metric for an operation, nil for none.
func (c *collector) metricOf(s *Spec, f family, labels []string) *metric {
	name, help := f.metric, f.help
	switch s.Metric {
	case "off":
		return nil
	case "":
	default:
		name, help = metricName(s.Metric), "Duration of calls in seconds."
	}
	operation := validText(s.Name)
	opts := prometheus.HistogramOpts{Name: name, Help: help, Buckets: f.buckets}
	if s.Kind != Internal { // what may take a microsecond is not made to pay for it
		opts = withNative(opts)
	}
	return c.metric(&metric{operation: operation, opts: opts}, labels)
}

// recorded returns the metric for values that the program records itself.
func (c *collector) recorded(name string, labels []string) *metric {
	return c.metric(&metric{
		operation: name,
		recorded:  true,
		opts:      withNative(prometheus.HistogramOpts{Name: name, Help: "Values recorded by the program.", Buckets: bucketsFor(name)}),
	}, labels)
}

// withNative adds a native histogram to the classic buckets, for servers that
// ask for it. It starts with buckets that are a fifth wide and makes them wider
// before there are more of them than its memory is worth.
func withNative(opts prometheus.HistogramOpts) prometheus.HistogramOpts {
	opts.NativeHistogramBucketFactor = 1.2
	opts.NativeHistogramMaxBucketNumber = 40
	opts.NativeHistogramMinResetDuration = time.Hour
	return opts
}

func (c *collector) registerOnce() {
	c.register.Do(func() {
		defer contain()
		// A program that registered the same collector has what it wants.
		_ = prometheus.DefaultRegisterer.Register(c)
	})
}

// metric returns m with these labels, or the one that is there already.
func (c *collector) metric(m *metric, labels []string) *metric {
	c.registerOnce()
	id := strings.Join(append([]string{m.opts.Name, m.operation, strconv.FormatBool(m.recorded)}, slices.Sorted(slices.Values(labels))...), "\xff")
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.byID[id]; known != nil {
		return known
	}
	m.keys = make([]labelKey, len(labels))
	for i, label := range labels {
		m.keys[i].name = label
		m.keys[i].overflow = c.overflow.WithLabelValues(m.operation, label)
	}
	if c.byID == nil {
		c.byID, c.help = make(map[string]*metric), make(map[string]string)
	}
	if help, ok := c.help[m.opts.Name]; ok {
		m.opts.Help = help
	} else {
		c.help[m.opts.Name] = helpOf(m.opts.Name, m.opts.Help)
		m.opts.Help = c.help[m.opts.Name]
	}
	c.byID[id] = m
	c.list = append(c.list, m)
	return m
}

// helpOf is the help of the families whoever uses their name, else what the
// first user says.
func helpOf(name, otherwise string) string {
	for _, f := range families {
		if f.metric == name {
			return f.help
		}
	}
	return otherwise
}

// labelNames are the names of the labels that the fields ask for: those that
// are known at the start first, each part in order.
func labelNames(fields []Field) []string {
	var names [2][]string
	for _, f := range fields {
		name, phase := labelName(f.Key), 0
		if f.AtEnd {
			phase = 1
		}
		if f.Role == Label && !slices.Contains(names[0], name) && !slices.Contains(names[1], name) {
			names[phase] = append(names[phase], name)
		}
	}
	slices.Sort(names[0])
	slices.Sort(names[1])
	return append(names[0], names[1]...)
}

// labelName makes a valid label name that collides with none of the
// histogram's own.
func labelName(key string) string {
	name := legacy(key, false)
	switch {
	case name == "operation", name == "status", name == "le", name == "quantile", strings.HasPrefix(name, "__"):
		return "label_" + strings.TrimLeft(name, "_")
	}
	return name
}

func metricName(s string) string { return legacy(s, true) }

// legacy replaces what Prometheus names cannot hold by underscores.
func legacy(s string, colon bool) string {
	b := []byte(s)
	for i, c := range b {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_', colon && c == ':', i > 0 && c >= '0' && c <= '9':
		default:
			b[i] = '_'
		}
	}
	if len(b) == 0 {
		return "_"
	}
	return string(b)
}

// contain is deferred where telemetry calls code that it does not know.
func contain() { _ = recover() }
