package stdlog

import (
	"bytes"
	"context"
	"log"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// taken is what a package takes from slog while it is initialized.
var taken = slog.Default()

// What a log/slog with deep hooks asks puts the ids on the lines of loggers that
// nobody else has seen, once.
func TestDeepHooks(t *testing.T) {
	restore(t)
	handle := *deepHandle.Load()
	record := func(level slog.Level, msg string) slog.Record {
		r := slog.NewRecord(time.Time{}, level, msg, 0)
		r.Add("k", 1)
		return r
	}
	for name, test := range map[string]struct {
		ctx     context.Context
		handler func(slog.Handler) slog.Handler
		want    string
	}{
		"a handler of its own": {traced(), func(h slog.Handler) slog.Handler { return h }, "level=WARN msg=late k=1 " + ids + "\n"},
		"one of ours":          {traced(), func(h slog.Handler) slog.Handler { return New(h).Handler() }, "level=WARN msg=late k=1 " + ids + "\n"},
		"no span":              {context.Background(), func(h slog.Handler) slog.Handler { return h }, "level=WARN msg=late k=1\n"},
		"the default's": {traced(), func(h slog.Handler) slog.Handler {
			slog.SetDefault(slog.New(h))
			return taken.Handler()
		}, "level=WARN msg=late k=1 " + ids + "\n"},
		"the default's, with attributes": {traced(), func(h slog.Handler) slog.Handler {
			slog.SetDefault(slog.New(h))
			return taken.With("lib", "third").Handler()
		}, `level=INFO msg="WARN late lib=third k=1 ` + ids + `"` + "\n"},
	} {
		var out bytes.Buffer
		if err := handle(test.ctx, test.handler(text(&out)), record(slog.LevelWarn, "late")); err != nil || out.String() != test.want {
			t.Errorf("%s: got %q, want %q: %v", name, &out, test.want, err)
		}
	}

	var out bytes.Buffer
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelError})))
	if err := handle(traced(), taken.Handler(), record(slog.LevelWarn, "too little")); err != nil || out.Len() > 0 {
		t.Errorf("a line below the default's level: %q, %v", &out, err)
	}
	slog.SetDefault(taken)
	log.SetOutput(&out)
	if err := handle(traced(), taken.Handler(), record(slog.LevelWarn, "plain")); err != nil || !strings.HasSuffix(out.String(), "WARN plain k=1 "+ids+"\n") {
		t.Errorf("got %q, %v", &out, err)
	}
}

// Loggers that a program takes from slog while it is initialized write through
// package log. Woven code gives their lines the level and the ids that Go loses,
// once the default is another one, and leaves the rest to Go.
func TestLateLoggers(t *testing.T) {
	restore(t)
	with := taken.With("lib", "own")
	var out bytes.Buffer
	slog.SetDefault(slog.New(text(&out)))
	LoggerWarnContext(taken, traced(), "a", "k", 1)
	LoggerError(traced(), taken, "b")
	LoggerInfoContext(with, traced(), "c", "k", 1)
	LoggerErrorContext(taken, context.Background(), "d")
	LoggerDebugContext(taken, traced(), "not written")
	if got, want := out.String(), "level=WARN msg=a k=1 "+ids+"\n"+
		"level=ERROR msg=b "+ids+"\n"+
		`level=INFO msg="INFO c lib=own k=1 `+ids+`"`+"\n"+
		`level=INFO msg="ERROR d"`+"\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}

	out.Reset()
	slog.SetDefault(taken)
	log.SetOutput(&out)
	log.SetFlags(log.Lshortfile)
	LoggerInfoContext(taken, traced(), "e")
	if got := out.String(); !strings.HasPrefix(got, "deep_test.go:") || !strings.HasSuffix(got, ": INFO e\n") {
		t.Errorf("got %s", got)
	}
}
