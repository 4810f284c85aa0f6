package orchestrall

import (
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
)

// speaking counts the values that are asked for their text right now, by all
// goroutines together.
var speaking atomic.Int32

// A value's own method may be traced and record the value, which asks the
// value again: that would overflow the stack, which nothing can recover. Where
// more than a few values speak at once, the stack tells whether they are one
// inside the other.
const (
	speakers     = 4
	nestedFrames = 512
)

// spoken lets a value speak for itself where it can.
func spoken(x any) (text string, ok bool) {
	switch x.(type) {
	case slog.LogValuer, error, fmt.Stringer:
	default:
		return "", false
	}
	defer speaking.Add(-1)
	if speaking.Add(1) > speakers && nested() {
		return textError, true
	}
	switch x := x.(type) {
	case slog.LogValuer:
		return slog.AnyValue(x).Resolve().String(), true
	case error:
		return x.Error(), true
	case fmt.Stringer:
		return x.String(), true
	}
	return "", false
}

// nested reports whether spoken is on this goroutine's stack more often than
// values that hold each other explain.
func nested() bool {
	var pcs [nestedFrames]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs[:])])
	times := 0
	for {
		frame, more := frames.Next()
		if strings.HasSuffix(frame.Function, "runtime.spoken") {
			times++
		}
		if !more {
			return times > speakers
		}
	}
}
