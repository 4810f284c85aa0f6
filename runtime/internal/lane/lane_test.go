package lane

import (
	"runtime"
	"sync"
	"testing"
)

func TestLanesAreWithinTheCount(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4 * maxCount))
	var wg sync.WaitGroup
	for range 8 * maxCount {
		wg.Go(func() {
			for range 100 {
				if l := Current(); l < 0 || l >= Count {
					t.Errorf("lane %d of %d", l, Count)
				}
				runtime.Gosched()
			}
		})
	}
	wg.Wait()
	if Count&(Count-1) != 0 {
		t.Errorf("%d lanes", Count)
	}
}

func TestCounter(t *testing.T) {
	c := NewCounter()
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 1000 {
				c.Add(3)
				runtime.Gosched()
				c.Add(-1)
			}
		})
	}
	wg.Wait()
	if n := c.Sum(); n != 32000 {
		t.Errorf("%d", n)
	}
}

func BenchmarkCounter(b *testing.B) {
	b.RunParallel(func(pb *testing.PB) {
		c := shared
		for pb.Next() {
			c.Add(1)
		}
	})
}

var shared = NewCounter()
