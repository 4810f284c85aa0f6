package orchestrall

import (
	"errors"
	"maps"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
)

// messageOf is what an error or a panic value says, however badly it behaves.
func messageOf(x any) (text string) {
	defer func() {
		if recover() != nil {
			text = textError
		}
	}()
	return validText(clip(ofAny(x).text(), maxSize))
}

// typeName is the type of an error or panic value, or what its method ErrorType
// calls it, as OpenTelemetry's semconv.ErrorType asks. fmt.Errorf's wrapper says
// nothing, so the error below it stands for it.
func typeName(x any) (name string) {
	defer func() {
		if recover() != nil {
			name = textError
		}
	}()
	if err, ok := x.(error); ok {
		for reflect.TypeOf(err).String() == "*fmt.wrapError" {
			below := errors.Unwrap(err)
			if below == nil {
				break
			}
			err = below
		}
		if named, ok := err.(interface{ ErrorType() string }); ok {
			if name = named.ErrorType(); name != "" {
				return validText(clip(name, maxNameSize))
			}
		}
		x = err
	}
	return reflect.TypeOf(x).String()
}

// nilPanics is true under GODEBUG=panicnil=1: then recover cannot tell
// panic(nil) from no panic at all, and has stopped it when it returns.
var nilPanics = func() (yes bool) {
	defer func() { yes = recover() == nil }()
	panic(nil)
}()

// nilPanicPasses reports whether the deferred function that called it runs
// because of a panic, though recover returned nil.
func nilPanicPasses() bool { return nilPanics && underPanic() }

// underPanic looks for the frame below the deferred function: the panic's own,
// if there is one. Modules of go 1.20 and before come here in every call, so
// what a place in the code is gets worked out once.
func underPanic() bool {
	var pcs [16]uintptr
	near := pcs[:4] // mostly enough, and each frame costs
	for _, look := range [][]uintptr{near, pcs[:]} {
		for _, pc := range look[:runtime.Callers(2, look)] {
			switch placeOf(pc) {
			case inPanic:
				return true
			case inProgram:
				return false
			}
		}
	}
	return false
}

// place is where a frame of the stack is.
type place uint8

const (
	inTelemetry place = iota
	inPanic
	inProgram
)

// places has as many entries as there are calls of traced functions in the
// program's code. It is copied when it grows.
var places atomic.Pointer[map[uintptr]place]

func placeOf(pc uintptr) place {
	if known := places.Load(); known != nil {
		if p, ok := (*known)[pc]; ok {
			return p
		}
	}
	p := findPlace(pc)
	for {
		old := places.Load()
		next := map[uintptr]place{pc: p}
		if old != nil {
			maps.Copy(next, *old)
		}
		if places.CompareAndSwap(old, &next) {
			return p
		}
	}
}

func findPlace(pc uintptr) place {
	for frames := runtime.CallersFrames([]uintptr{pc}); ; {
		f, more := frames.Next() // functions that were inlined there come first
		switch {
		case f.Function == "runtime.gopanic":
			return inPanic
		case f.Function != "" && !ours(f.Function):
			return inProgram
		case !more:
			return inTelemetry
		}
	}
}

// passedOn reports whether the panic that runs the deferred function is one that
// another traced call has let go on.
func passedOn() bool {
	pcs := make([]uintptr, 16)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	thrown := false
	for {
		f, more := frames.Next()
		if thrown {
			return strings.HasPrefix(f.Function, ScopeName+".(*Call).") || strings.HasPrefix(f.Function, ScopeName+".(*stream).")
		}
		if thrown = f.Function == "runtime.gopanic"; !more || !thrown && !ours(f.Function) {
			return false
		}
	}
}

// ours is true for the runtime's own functions and for the wrappers in the
// generated file that call them.
func ours(function string) bool {
	if strings.HasPrefix(function, ScopeName+".") {
		return true
	}
	_, name, _ := strings.Cut(function[strings.LastIndexByte(function, '/')+1:], ".")
	return strings.HasPrefix(name, "orchestrallEnd") || strings.Contains(name, "deferwrap")
}

// cause is one of the errors that an error wraps.
type cause struct {
	Name    string `json:"name"`
	Message string `json:"message"`
}

// String is how the text format shows it.
func (c cause) String() string { return c.Name + ": " + c.Message }

// An error says what its causes say once more, so few of them say enough.
const (
	maxCauses       = 8
	maxCauseMessage = 1024
)

// causesOf lists what err wraps, in the order in which errors.Is looks at it:
// what errors.Join has joined is there one after the other.
func causesOf(err error) []cause {
	var list []cause
	appendCauses(&list, err)
	return list
}

func appendCauses(list *[]cause, err error) {
	defer contain()            // Unwrap is the program's
	switch err := err.(type) { //nolint:errorlint // one level of the chain at a time
	case interface{ Unwrap() error }:
		appendCause(list, err.Unwrap())
	case interface{ Unwrap() []error }:
		for _, e := range err.Unwrap() {
			appendCause(list, e)
		}
	}
}

func appendCause(list *[]cause, err error) {
	if err == nil || len(*list) == maxCauses {
		return
	}
	*list = append(*list, cause{typeName(err), clip(messageOf(err), maxCauseMessage)})
	appendCauses(list, err)
}

// maxFrames is how many functions a stack names.
const maxFrames = 32

// callStack is the stack of the traced function whose end is being told, as the
// program's authors know it: from where it panics, or else from the function
// itself, outward. What the compiler, the runtime and this package add is left
// out.
func callStack() string {
	pcs := make([]uintptr, 2*maxFrames)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	var b []byte
	for n := 0; ; {
		f, more := frames.Next()
		if f.Function != "" && !machinery(f.Function) {
			if n == maxFrames {
				b = append(b, "\n…"...)
				break
			}
			if n++; n > 1 {
				b = append(b, '\n')
			}
			b = append(append(b, f.Function...), "\n\t"...)
			b = append(append(b, f.File...), ':')
			b = strconv.AppendInt(b, int64(f.Line), 10)
		}
		if !more {
			break
		}
	}
	return clip(validText(string(b)), maxStack)
}

// machinery is true for functions that nobody has written for this program.
func machinery(function string) bool {
	return ours(function) || strings.HasPrefix(function, "runtime.") || strings.HasPrefix(function, ScopeName+"/")
}
