package orchestrall

import (
	"bytes"
	"runtime"
	"strconv"
)

// The program stands still while the stacks of all goroutines are written down,
// about a hundredth of a second for maxGoroutines.
const (
	maxGoroutines = 2000
	maxDump       = 8 << 20
)

// stacks returns the stacks of all goroutines by number.
func stacks() map[uint64]string {
	if runtime.NumGoroutine() > maxGoroutines {
		return nil
	}
	buf := make([]byte, 256<<10)
	n := runtime.Stack(buf, true)
	for n == len(buf) && len(buf) < maxDump {
		buf = make([]byte, 4*len(buf))
		n = runtime.Stack(buf, true)
	}
	return splitStacks(buf[:n])
}

// splitStacks cuts a dump at its empty lines: "goroutine 7 [select]:\nmain.main()…".
func splitStacks(dump []byte) map[uint64]string {
	byID := make(map[uint64]string)
	for one := range bytes.SplitSeq(dump, []byte("\n\n")) {
		rest, ok := bytes.CutPrefix(one, []byte("goroutine "))
		number, _, cut := bytes.Cut(rest, []byte(" "))
		if id, err := strconv.ParseUint(string(number), 10, 64); ok && cut && err == nil {
			byID[id] = clip(string(bytes.TrimSpace(one)), maxStack)
		}
	}
	return byID
}
