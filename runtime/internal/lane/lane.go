// Package lane tells counters that many goroutines write to which part of them to
// use. What two processors write to in turn travels between their caches, which
// costs more than everything else that a call has counted.
package lane

import (
	"math/bits"
	"runtime"
	"sync/atomic"
)

// maxCount bounds the memory: past it, some processors share a lane.
const maxCount = 16

// Count is how many lanes there are, a power of two.
var Count = min(1<<bits.Len(uint(runtime.GOMAXPROCS(0)-1)), maxCount)

// Current is the lane of the processor that the goroutine runs on, from 0 to
// [Count]-1. It may be another one by the time it is used, so what is written
// to has to be atomic; only the sum over all lanes means anything.
func Current() int { return processor() & (Count - 1) }

// Counter is a number that many goroutines change and few read. Copies of it are
// the same counter.
type Counter struct{ parts []part }

type part struct {
	n atomic.Int64
	_ [56]byte // a line of the cache for each
}

// NewCounter returns a counter at zero.
func NewCounter() Counter { return Counter{make([]part, Count)} }

// IsZero reports whether c is the zero Counter, which cannot count.
func (c Counter) IsZero() bool { return c.parts == nil }

// Add changes the counter by n.
func (c Counter) Add(n int64) { c.parts[Current()].n.Add(n) }

// Sum is the counter's value, with some of the changes that are made meanwhile.
func (c Counter) Sum() (n int64) {
	for i := range c.parts {
		n += c.parts[i].n.Load()
	}
	return n
}
