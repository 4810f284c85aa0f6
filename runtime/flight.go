package orchestrall

import (
	"sync/atomic"
	"unsafe"
)

// flight counts the calls of an operation that have not ended. It is split, so
// that goroutines on different cores rarely write to the same cache line.
type flight struct {
	part [1 << flightBits]struct {
		n atomic.Int64
		_ [56]byte
	}
}

const flightBits = 3

// add may be called with +1 and -1 from different goroutines: only the sum means
// anything.
func (f *flight) add(n int64) { f.part[lane(flightBits)].n.Add(n) }

func (f *flight) sum() (n int64) {
	for i := range f.part {
		n += f.part[i].n.Load()
	}
	return max(n, 0) // a call may have ended between two parts
}

// lane is a number of that many bits which differs between goroutines that run
// at the same time, as their stacks do.
func lane(bits uint) uintptr {
	var here byte
	at := uint64(uintptr(unsafe.Pointer(&here)) >> 11) // the smallest stack has 2 KiB
	return uintptr(at * 0x9e3779b97f4a7c15 >> (64 - bits))
}
