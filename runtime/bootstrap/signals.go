package bootstrap

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// A program that shuts itself down after a signal is flushed again and again:
// it may end by os.Exit, which nobody gets to hear of.
const (
	betweenFlushes = 500 * time.Millisecond
	lastFlushes    = time.Minute
)

// ownEnd is how long a program that does not listen to a signal any more has
// until the signal ends it.
const ownEnd = 250 * time.Millisecond

// signals flushes when the program is asked to end. The signals keep their
// effect: a program without a handler dies of the signal, one with a handler
// gets it once and decides, and one that ignores it goes on.
//
// For that it has to be known whether anybody else is notified. Where it cannot
// be found out, signals are left alone altogether: passing one on would show it
// to a handler twice or end a program that ends by itself.
type signals struct {
	listeners listeners
	received  chan os.Signal
	done      chan struct{}
	flush     func()
}

func startSignals(flush func()) part {
	if !signalsKnown {
		return nil
	}
	s := &signals{received: make(chan os.Signal, 1), done: make(chan struct{}), flush: flush}
	ended := make(chan struct{})
	s.listen()
	go func() {
		defer close(ended)
		defer signal.Stop(s.received)
		if s.find() {
			s.wait()
		}
	}()
	return func(ctx context.Context) {
		close(s.done)
		select {
		case <-ended:
		case <-ctx.Done():
		}
	}
}

// find takes milliseconds, so the program does not wait for it.
func (s *signals) find() (found bool) {
	if s.listeners, found = findListeners(); found {
		return true
	}
	slog.Debug("spans are not flushed at a signal, unless the program handles it and returns from main")
	signal.Stop(s.received)
	select {
	case sig := <-s.received: // that early nobody else listens
		raise(sig.(syscall.Signal))
	default:
	}
	return false
}

// listen leaves out what is ignored: asking for a signal would end that, and
// with it what nohup and background jobs rely on.
func (s *signals) listen() {
	for _, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		if !signal.Ignored(sig) {
			signal.Notify(s.received, sig)
		}
	}
}

func (s *signals) wait() {
	var again <-chan time.Time
	var until time.Time
	for {
		select {
		case <-s.done:
			return
		case sig := <-s.received:
			if s.handle(sig.(syscall.Signal)) {
				return
			}
			again, until = time.After(betweenFlushes), time.Now().Add(lastFlushes)
		case now := <-again:
			s.flush()
			if again = nil; now.Before(until) {
				again = time.After(betweenFlushes)
			}
		}
	}
}

// handle reports whether the program has died of the signal. The signal is
// given up before the flush, so that a second one ends a program without a
// handler at once, whatever the back end does.
func (s *signals) handle(sig syscall.Signal) bool {
	signal.Stop(s.received)
	if s.listeners.any(sig) {
		s.listen()
		s.flush()
		return false
	}
	s.flush()
	// A program that was told, and had nothing left to do, may have stopped
	// listening before it was asked for, and is about to end by itself.
	select {
	case <-s.done:
	case <-time.After(ownEnd):
		raise(sig)
	}
	return true
}
