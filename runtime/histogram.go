package orchestrall

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/orchestrall/orchestrall/runtime/internal/lane"
)

// histogram counts durations in the buckets that a prometheus.Histogram would
// have for the same options, at a fifth of the cost, since it is part of every
// call: it never changes the width of a native bucket while it counts, only when
// it is read, and processors do not write to the same memory.
type histogram struct {
	lanes  []atomic.Pointer[counts] // see package lane; the first counts for those that have none
	bounds []float64
	sparse bool // has native buckets

	desc      *prometheus.Desc
	created   time.Time
	exemplars []atomic.Pointer[prometheus.Exemplar] // the latest of each classic bucket
}

// What is called often is worth the memory that a lane of its own takes, and of
// those there is an end: series can be many, and processors, too.
const (
	oftenCalled = 256
	maxOwnLanes = 4096 // past the first, of all histograms
)

var ownLanes atomic.Int64

// counts are what one lane has counted.
type counts struct {
	sum     atomic.Uint64 // the bits of a float64
	classic []atomic.Uint64
	native  native
}

// native holds the buckets of schema 2, four to each power of two, from a
// nanosecond to centuries. Few of them are ever used.
type native struct {
	zero   atomic.Uint64
	chunks [nativeKeys / chunkKeys]atomic.Pointer[[chunkKeys]atomic.Uint64]
}

const (
	nativeSchema  = 2
	nativeKeys    = 256
	chunkKeys     = 16
	lowestKey     = -120 // of the bucket that ends below a nanosecond
	nativeBuckets = 40   // past which pairs of them become one
	widestSchema  = -4
)

func newHistogram(opts *prometheus.HistogramOpts, labels prometheus.Labels) *histogram {
	h := &histogram{
		desc:    prometheus.NewDesc(opts.Name, opts.Help, nil, labels),
		created: time.Now(),
		bounds:  opts.Buckets,
	}
	h.lanes = make([]atomic.Pointer[counts], lane.Count)
	h.exemplars = make([]atomic.Pointer[prometheus.Exemplar], len(h.bounds)+1)
	h.sparse = opts.NativeHistogramBucketFactor > 1
	return h
}

// observe returns the classic bucket that counts the value. Its own count is the
// last to change, see Write.
func (h *histogram) observe(seconds float64) (bucket int) {
	at := &h.lanes[lane.Current()]
	c := at.Load()
	if c == nil {
		c = h.open(at)
	}
	if h.sparse {
		c.native.observe(seconds)
	}
	for {
		old := c.sum.Load()
		if c.sum.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+seconds)) {
			break
		}
	}
	for bucket < len(h.bounds) && seconds > h.bounds[bucket] {
		bucket++
	}
	c.classic[bucket].Add(1)
	return bucket
}

// open returns what a lane without counts of its own counts in.
func (h *histogram) open(at *atomic.Pointer[counts]) *counts {
	first := h.lanes[0].Load()
	if first == nil {
		h.lanes[0].CompareAndSwap(nil, h.newCounts())
		first = h.lanes[0].Load()
	}
	switch {
	case at == &h.lanes[0] || first.calls() < oftenCalled:
		return first
	case ownLanes.Add(1) > maxOwnLanes:
		ownLanes.Add(-1)
		at.CompareAndSwap(nil, first) // so that nobody asks again
	case !at.CompareAndSwap(nil, h.newCounts()):
		ownLanes.Add(-1)
	}
	return at.Load()
}

func (h *histogram) newCounts() *counts {
	return &counts{classic: make([]atomic.Uint64, len(h.bounds)+1)}
}

func (c *counts) calls() (n uint64) {
	for i := range c.classic {
		n += c.classic[i].Load()
	}
	return n
}

// each calls f for all counts, once.
func (h *histogram) each(f func(*counts)) {
	first := h.lanes[0].Load()
	if first != nil {
		f(first)
	}
	for i := 1; i < len(h.lanes); i++ {
		if c := h.lanes[i].Load(); c != nil && c != first {
			f(c)
		}
	}
}

// observeTraced keeps the trace id with the value.
func (h *histogram) observeTraced(seconds float64, traceID string) {
	h.exemplars[h.observe(seconds)].Store(&prometheus.Exemplar{
		Value: seconds, Labels: prometheus.Labels{"trace_id": traceID}, Timestamp: time.Now(),
	})
}

// calls is how many values were observed.
func (h *histogram) calls() (n uint64) {
	h.each(func(c *counts) { n += c.calls() })
	return n
}

// buckets are the classic ones, each by itself.
func (h *histogram) buckets() []uint64 {
	sums := make([]uint64, len(h.bounds)+1)
	h.each(func(c *counts) {
		for i := range c.classic {
			sums[i] += c.classic[i].Load()
		}
	})
	return sums
}

// mantissas are those of the inner bounds of a power of two, as the format has
// them: halves of 2^¼, 2^½ and 2^¾, rounded down.
var mantissas = [...]uint64{
	mantissa(math.Float64bits(0.5946035575013605)),
	mantissa(math.Float64bits(0.7071067811865475)),
	mantissa(math.Float64bits(0.8408964152537144)),
}

func mantissa(bits uint64) uint64 { return bits & (1<<52 - 1) }

// keyOf is the index of the native bucket, whose upper bound is 2^(key/4).
func keyOf(seconds float64) int {
	bits := math.Float64bits(seconds)
	key := (int(bits>>52) - 1023) * 4
	switch m := mantissa(bits); {
	case m == 0:
		return key
	case m <= mantissas[0]:
		return key + 1
	case m <= mantissas[1]:
		return key + 2
	case m <= mantissas[2]:
		return key + 3
	}
	return key + 4
}

func (n *native) observe(seconds float64) {
	if seconds <= prometheus.DefNativeHistogramZeroThreshold {
		n.zero.Add(1)
		return
	}
	i := uint(min(max(keyOf(seconds)-lowestKey, 0), nativeKeys-1))
	at := &n.chunks[i/chunkKeys]
	c := at.Load()
	if c == nil {
		if c = new([chunkKeys]atomic.Uint64); !at.CompareAndSwap(nil, c) {
			c = at.Load()
		}
	}
	c[i%chunkKeys].Add(1)
}

// natives returns the native buckets, as narrow as their number allows.
func (h *histogram) natives() (buckets map[int]int64, schema int32, zero, count uint64) {
	buckets, schema = map[int]int64{}, nativeSchema
	h.each(func(c *counts) {
		zero += c.native.zero.Load()
		for i := range c.native.chunks {
			chunk := c.native.chunks[i].Load()
			if chunk == nil {
				continue
			}
			for j := range chunk {
				if v := chunk[j].Load(); v > 0 {
					buckets[lowestKey+i*chunkKeys+j] += int64(v)
					count += v
				}
			}
		}
	})
	for ; len(buckets) > nativeBuckets && schema > widestSchema; schema-- {
		wider := make(map[int]int64, len(buckets)/2+1)
		for key, v := range buckets {
			wider[(key+1)>>1] += v
		}
		buckets = wider
	}
	return buckets, schema, zero, count + zero
}

// Desc implements prometheus.Metric.
func (h *histogram) Desc() *prometheus.Desc { return h.desc }

// Write implements prometheus.Metric. Values that are being observed meanwhile
// may be in the native buckets and not yet in the classic ones, never the other
// way round, and the count is that of the native ones, as Prometheus insists.
func (h *histogram) Write(out *dto.Metric) error {
	var exemplars []prometheus.Exemplar
	for i := range h.exemplars {
		if e := h.exemplars[i].Load(); e != nil {
			exemplars = append(exemplars, *e)
		}
	}
	if len(exemplars) == 0 {
		return h.write(out)
	}
	m, err := prometheus.NewMetricWithExemplars(plainHistogram{h}, exemplars...)
	if err != nil {
		return err
	}
	return m.Write(out)
}

// plainHistogram is a histogram without its exemplars.
type plainHistogram struct{ *histogram }

// Write implements prometheus.Metric.
func (h plainHistogram) Write(out *dto.Metric) error { return h.write(out) }

func (h *histogram) write(out *dto.Metric) error {
	buckets, count := make(map[float64]uint64, len(h.bounds)), uint64(0)
	for i, n := range h.buckets() {
		count += n
		if i < len(h.bounds) {
			buckets[h.bounds[i]] = count
		}
	}
	var wide dto.Metric
	if h.sparse {
		narrow, schema, zero, n := h.natives()
		count = n
		m, err := prometheus.NewConstNativeHistogram(h.desc, count, h.total(), narrow, nil, zero, schema,
			prometheus.DefNativeHistogramZeroThreshold, h.created)
		if err != nil {
			return err
		}
		if err := m.Write(&wide); err != nil {
			return err
		}
	}
	m, err := prometheus.NewConstHistogramWithCreatedTimestamp(h.desc, count, h.total(), buckets, h.created)
	if err != nil {
		return err
	}
	if err := m.Write(out); err != nil {
		return err
	}
	if n := wide.GetHistogram(); n != nil {
		c := out.Histogram
		c.Schema, c.ZeroThreshold, c.ZeroCount = n.Schema, n.ZeroThreshold, n.ZeroCount
		c.PositiveSpan, c.PositiveDelta = n.PositiveSpan, n.PositiveDelta
	}
	return nil
}

func (h *histogram) total() (sum float64) {
	h.each(func(c *counts) { sum += math.Float64frombits(c.sum.Load()) })
	return sum
}
