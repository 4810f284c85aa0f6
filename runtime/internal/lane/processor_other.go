//go:build !gc

package lane

import "unsafe"

// processor stands in with a number that differs between goroutines which run at
// the same time, as their stacks do.
func processor() int {
	var here byte
	at := uint64(uintptr(unsafe.Pointer(&here)) >> 11) // the smallest stack has 2 KiB
	return int(at * 0x9e3779b97f4a7c15 >> 32)
}
