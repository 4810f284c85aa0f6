package orchestrall

import (
	"errors"
	"reflect"
	"runtime"
	"strings"
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
// if there is one.
func underPanic() bool {
	pcs := make([]uintptr, 16)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		f, more := frames.Next()
		if f.Function == "runtime.gopanic" {
			return true
		}
		if !more || !ours(f.Function) {
			return false
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
