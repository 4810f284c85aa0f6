package bootstrap

import (
	"bytes"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

const signalsKnown = true

// listeners tells whether anybody in the program is notified of a signal, which
// os/signal does not say. It keeps a thread, though, which it wakes when a
// signal gets its first listener or loses its last, and the kernel counts how
// often a thread goes to sleep.
type listeners struct {
	thread string // the thread's status file
}

// unusedSignal is a real-time signal that nothing sends and nobody asks for.
const unusedSignal = syscall.Signal(63)

// findListeners looks for the thread, which blocks signals of the real-time kind
// as long as nobody asks for them, and tries the method on one of these. It
// reports false where that does not work: how os/signal works inside is
// promised by nobody.
func findListeners() (listeners, bool) {
	if signal.Ignored(unusedSignal) {
		return listeners{}, false
	}
	c := make(chan os.Signal, 1)
	defer signal.Stop(c)
	threads, _ := filepath.Glob("/proc/self/task/[0-9]*/status")
	for range 3 { // a thread that starts another blocks everything for a moment
		signal.Notify(c, unusedSignal)
		threads = slices.DeleteFunc(threads, func(thread string) bool { return blocks(thread) })
		signal.Stop(c)
		threads = slices.DeleteFunc(threads, func(thread string) bool { return !blocks(thread) })
	}
	if len(threads) != 1 {
		return listeners{}, false
	}
	l := listeners{threads[0]}
	probe := make(chan os.Signal, 1)
	if l.any(unusedSignal, probe) {
		return l, false
	}
	signal.Notify(c, unusedSignal)
	return l, l.any(unusedSignal, probe)
}

func blocks(thread string) bool {
	mask, ok := statusOf(thread, "SigBlk", 16)
	return ok && mask>>(unusedSignal-1)&1 == 1
}

// One try asks for the signal and stops asking a few times over. The thread is
// woken twice each time, or never.
const (
	tries  = 10
	rounds = 8
	pause  = 50 * time.Microsecond // for the thread to go to sleep again
)

// any reports whether anybody else than c is notified of the signal, or has it
// ignored. In doubt somebody is: nobody is to be killed while it cleans up. c
// gets the signal if it comes meanwhile, and is not notified afterwards.
func (l listeners) any(s syscall.Signal, c chan<- os.Signal) bool {
	for range tries {
		before, _ := statusOf(l.thread, "voluntary_ctxt_switches", 10)
		for range rounds {
			if signal.Ignored(s) {
				return true
			}
			signal.Notify(c, s)
			time.Sleep(pause)
			signal.Stop(c)
			time.Sleep(pause)
		}
		after, ok := statusOf(l.thread, "voluntary_ctxt_switches", 10)
		switch woken := after - before; {
		case !ok || woken <= rounds/4:
			return true
		case woken >= rounds:
			return false
		}
	}
	return true
}

// statusOf reads a number from a thread's status file.
func statusOf(thread, key string, base int) (uint64, bool) {
	text, err := os.ReadFile(thread)
	if err != nil {
		return 0, false
	}
	_, text, _ = bytes.Cut(text, []byte("\n"+key+":"))
	text, _, _ = bytes.Cut(text, []byte("\n"))
	n, err := strconv.ParseUint(string(bytes.TrimSpace(text)), base, 64)
	return n, err == nil
}

// raise sends the program the signal that was held up for the flush. Nobody is
// notified of it any more, so the Go runtime does what it does by default.
func raise(s syscall.Signal) {
	if syscall.Kill(os.Getpid(), s) == nil {
		time.Sleep(time.Second) // until it arrives the program must not be listened for again
	}
}
