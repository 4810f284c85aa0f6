//go:build gc

package lane

import _ "unsafe" // for go:linkname

// processor is the number of the scheduler's processor, a small one.
func processor() int {
	id := pin()
	unpin()
	return id
}

//go:linkname pin runtime.procPin
func pin() int

//go:linkname unpin runtime.procUnpin
func unpin()
