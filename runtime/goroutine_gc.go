//go:build gc && (amd64 || arm64)

package orchestrall

import (
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// word reads the word at an offset of the running goroutine's descriptor.
func word(offset uintptr) uint64

// What is searched for the number of the goroutine. The descriptor is larger,
// so nothing past its end is read.
const (
	firstWord = 64
	lastWord  = 320
)

// idOffset is where the descriptor holds the number that stack traces print, 0
// when that cannot be told. It is found by looking, since it differs between
// releases: every goroutine that is asked must have its own number there.
var idOffset = sync.OnceValue(func() uintptr {
	found := candidates()
	for range 4 {
		answer := make(chan []uintptr)
		go func() { answer <- candidates() }()
		again := <-answer
		found = slices.DeleteFunc(found, func(o uintptr) bool { return !slices.Contains(again, o) })
	}
	if len(found) != 1 {
		return 0
	}
	return found[0]
})

// goroutineID is the number of the running goroutine in stack traces, 0 when
// it is not known.
func goroutineID() uint64 {
	if offset := idOffset(); offset != 0 {
		return word(offset)
	}
	return 0
}

// candidates are the offsets at which the running goroutine's number stands.
func candidates() (found []uintptr) {
	var buf [64]byte
	text := strings.TrimPrefix(string(buf[:runtime.Stack(buf[:], false)]), "goroutine ")
	text, _, _ = strings.Cut(text, " ")
	id, err := strconv.ParseUint(text, 10, 64)
	for offset := uintptr(firstWord); err == nil && offset < lastWord; offset += 8 {
		if word(offset) == id {
			found = append(found, offset)
		}
	}
	return found
}
