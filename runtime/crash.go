package orchestrall

import (
	"runtime"

	"go.opentelemetry.io/otel/trace"
)

// isRoot reports whether no call of this program is around this one in its
// trace: a panic that passes it is likely to end the program.
func (c *Call) isRoot() bool {
	defer contain()
	if c.span == nil { // lines may wait even where no span does
		return c.refusal && !c.parent.IsValid()
	}
	s, ok := c.span.(interface{ Parent() trace.SpanContext }) // the SDK's spans have it
	return ok && (!s.Parent().IsValid() || s.Parent().IsRemote())
}

// flushCrash hands over what is queued while a panic unwinds the stack. Where
// the panic is known to be caught, as net/http does with those of handlers, the
// program goes on and hands it over in time, so nobody waits.
func flushCrash() {
	if !survives() {
		flushNow()
	}
}

// survives reports whether the goroutine runs below a function that recovers
// from everything.
func survives() bool {
	pcs := make([]uintptr, 64)
	for skip := 2; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs)
		frames := runtime.CallersFrames(pcs[:n])
		for {
			f, more := frames.Next()
			if recovering[f.Function] {
				return true
			}
			if !more {
				break
			}
		}
		if n < len(pcs) {
			return false
		}
	}
}

// recovering are functions of the standard library that catch a panic of the
// program's and go on.
var recovering = map[string]bool{
	"net/http.(*conn).serve":                 true,
	"net/http.(*http2serverConn).runHandler": true,
}
