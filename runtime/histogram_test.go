package orchestrall

import (
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"
)

func written(t *testing.T, m prometheus.Metric) *dto.Histogram {
	t.Helper()
	var d dto.Metric
	if err := m.Write(&d); err != nil {
		t.Fatal(err)
	}
	h := d.GetHistogram()
	if h.GetCreatedTimestamp().AsTime().IsZero() {
		t.Error("when the histogram was made is not told")
	}
	h.CreatedTimestamp = nil
	return h
}

// TestHistogramAsPrometheus holds every field that is scraped against the one
// that client_golang's histogram has for the same values.
func TestHistogramAsPrometheus(t *testing.T) {
	opts := withNative(prometheus.HistogramOpts{Name: "as_prometheus", Help: "h", Buckets: querySeconds})
	labels := prometheus.Labels{"operation": "x", "status": "success"}
	values := map[string]func(int) float64{
		"none":     nil,
		"zero":     func(int) float64 { return 0 },
		"bounds":   func(i int) float64 { return math.Exp2(float64(i%40)/4 - 12) },
		"classic":  func(i int) float64 { return querySeconds[i%len(querySeconds)] },
		"powers":   func(i int) float64 { return math.Exp2(float64(i%8) - 4) },
		"near":     func(i int) float64 { return math.Nextafter(math.Exp2(float64(i%32)/4-4), float64(i%2)*1e9) },
		"queries":  func(int) float64 { return 100e-6 * math.Exp(rand.NormFloat64()) },
		"anything": func(int) float64 { return math.Exp2(rand.Float64()*9 - 8) },
	}
	for name, value := range values {
		t.Run(name, func(t *testing.T) {
			for _, native := range []bool{true, false} {
				opts := opts
				if !native {
					opts.NativeHistogramBucketFactor = 0
				}
				got := newHistogram(&opts, labels)
				opts.ConstLabels = labels
				want := prometheus.NewHistogram(opts)
				if value != nil {
					for i := range 2000 {
						v := value(i)
						got.observe(v)
						want.Observe(v)
					}
				}
				g, w := written(t, got), written(t, want)
				// In which order numbers are added changes their last digits.
				if s, u := g.GetSampleSum(), w.GetSampleSum(); math.Abs(s-u) > 1e-12*math.Abs(u) {
					t.Errorf("the sum is %v, want %v", s, u)
				}
				g.SampleSum = w.SampleSum
				if !proto.Equal(g, w) {
					t.Errorf("native %v:\n%v\nwant\n%v", native, g, w)
				}
				if n := got.calls(); n != w.GetSampleCount() {
					t.Errorf("%d calls, want %d", n, w.GetSampleCount())
				}
			}
		})
	}
}

// What is seldom seen must be neither lost nor out of reach of a bucket.
func TestHistogramKeepsEverything(t *testing.T) {
	opts := withNative(prometheus.HistogramOpts{Name: "keeps_everything", Buckets: querySeconds})
	h := newHistogram(&opts, nil)
	n := uint64(0)
	for e := -200; e < 200; e++ {
		h.observe(math.Exp2(float64(e)))
		n++
	}
	d := written(t, h)
	if d.GetSampleCount() != n {
		t.Errorf("%d values, want %d", d.GetSampleCount(), n)
	}
	total, buckets := int64(0), 0
	value := int64(0)
	for _, delta := range d.GetPositiveDelta() {
		value += delta
		total += value
		if value > 0 {
			buckets++
		}
	}
	if uint64(total)+d.GetZeroCount() != n || buckets > nativeBuckets {
		t.Errorf("%d values in %d native buckets, want %d", total, buckets, n)
	}
}

func TestHistogramWhileItIsRead(t *testing.T) {
	opts := withNative(prometheus.HistogramOpts{Name: "while_read", Buckets: querySeconds})
	h := newHistogram(&opts, nil)
	const writers, each = 4, 20_000
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for i := range each {
				h.observe(float64(i%1000) * 1e-5)
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		d := written(t, h)
		if last := d.GetBucket()[len(d.GetBucket())-1]; last.GetCumulativeCount() > d.GetSampleCount() {
			t.Fatalf("%d values in the classic buckets, %d in all", last.GetCumulativeCount(), d.GetSampleCount())
		}
	}
	if n := written(t, h).GetSampleCount(); n != writers*each {
		t.Errorf("%d values, want %d", n, writers*each)
	}
}

func TestHistogramExemplars(t *testing.T) {
	opts := withNative(prometheus.HistogramOpts{Name: "with_exemplars", Buckets: querySeconds})
	h := newHistogram(&opts, nil)
	before := time.Now()
	h.observeTraced(.0001, "old")
	h.observeTraced(.0002, "new")
	h.observeTraced(1e6, "far")
	d := written(t, h)
	var ids []string
	for _, b := range d.GetBucket() {
		if e := b.GetExemplar(); e != nil {
			ids = append(ids, e.GetLabel()[0].GetValue())
			if e.GetTimestamp().AsTime().Before(before) {
				t.Errorf("the exemplar is from %v", e.GetTimestamp().AsTime())
			}
		}
	}
	if len(ids) != 2 || ids[0] != "new" || ids[1] != "far" || len(d.GetExemplars()) != 2 {
		t.Errorf("exemplars %v in classic buckets, %v beside the native ones", ids, d.GetExemplars())
	}
}

func BenchmarkHistogram(b *testing.B) {
	opts := withNative(prometheus.HistogramOpts{Name: "benchmark", Buckets: querySeconds})
	b.Run("own", func(b *testing.B) {
		h := newHistogram(&opts, nil)
		for b.Loop() {
			h.observe(300e-6)
		}
	})
	b.Run("prometheus", func(b *testing.B) {
		h := prometheus.NewHistogram(opts)
		for b.Loop() {
			h.Observe(300e-6)
		}
	})
}

// Only what is called often takes memory for each processor, and not without end.
func TestHistogramLanes(t *testing.T) {
	before := ownLanes.Load()
	t.Cleanup(func() { ownLanes.Store(before) })
	h := newHistogram(&prometheus.HistogramOpts{Name: "lanes_seconds", Buckets: []float64{1}}, nil)
	h.lanes = make([]atomic.Pointer[counts], 3)
	first := h.open(&h.lanes[1])
	if first != h.lanes[0].Load() || h.lanes[1].Load() != nil {
		t.Error("the first call of a lane takes memory of its own")
	}
	first.classic[0].Add(oftenCalled)
	own := h.open(&h.lanes[1])
	if own == first || own != h.lanes[1].Load() || ownLanes.Load() != before+1 {
		t.Error("what is called often gets no memory of its own")
	}
	ownLanes.Store(maxOwnLanes)
	if h.open(&h.lanes[2]) != first || h.lanes[2].Load() != first || ownLanes.Load() != maxOwnLanes {
		t.Error("there is no end")
	}
	own.classic[1].Add(1)
	if n := h.calls(); n != oftenCalled+1 {
		t.Errorf("%d calls", n)
	}
}
