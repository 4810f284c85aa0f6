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
	handled   map[syscall.Signal]bool // when it was last looked
}

// endings are the signals that ask a program to end.
var endings = []syscall.Signal{syscall.SIGTERM, syscall.SIGINT}

// Whether the program handles a signal is looked at before one comes: many stop
// listening with the first, so that a second one kills, and then take their
// time. Handlers are installed when a program starts, so that the looks become
// rare.
const (
	firstLook  = 50 * time.Millisecond
	seldomLook = 10 * time.Second
)

func startSignals(flush func()) part {
	if !signalsKnown {
		return nil
	}
	s := &signals{received: make(chan os.Signal, 1), done: make(chan struct{}), flush: flush, handled: make(map[syscall.Signal]bool)}
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
	for _, sig := range endings {
		if !signal.Ignored(sig) {
			signal.Notify(s.received, sig)
		}
	}
}

func (s *signals) wait() {
	var again <-chan time.Time
	var until time.Time
	pause := firstLook
	s.look()
	looking := time.NewTimer(pause)
	defer looking.Stop()
	for {
		select {
		case <-s.done:
			return
		case sig := <-s.received:
			if s.handle(sig.(syscall.Signal)) {
				return
			}
			again, until = time.After(betweenFlushes), time.Now().Add(lastFlushes)
		case <-looking.C:
			s.look()
			pause = min(2*pause, seldomLook)
			looking.Reset(pause)
		case now := <-again:
			s.flush()
			if again = nil; now.Before(until) {
				again = time.After(betweenFlushes)
			}
		}
	}
}

// look finds out which signals the program handles. A signal that comes
// meanwhile is received as ever.
func (s *signals) look() {
	signal.Stop(s.received)
	news := false
	for _, sig := range endings {
		handled := s.listeners.any(sig, s.received)
		news = news || handled && !s.handled[sig]
		s.handled[sig] = handled
	}
	s.listen()
	if news {
		slog.Debug("the program handles a signal itself")
	}
}

// handle reports whether the program has died of the signal. The signal is
// given up before the flush, so that a second one ends a program without a
// handler at once, whatever the back end does.
func (s *signals) handle(sig syscall.Signal) bool {
	signal.Stop(s.received)
	before := s.handled[sig]
	s.handled[sig] = s.listeners.any(sig, make(chan os.Signal, 1))
	if before || s.handled[sig] {
		s.listen()
		s.flush()
		return false
	}
	s.flush()
	// One that had its handler for a moment only, and nothing left to do, is
	// about to end by itself.
	select {
	case <-s.done:
	case <-time.After(ownEnd):
		raise(sig)
	}
	return true
}
