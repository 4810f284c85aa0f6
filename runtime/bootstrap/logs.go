package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/sdk/resource"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// logging is where log lines go.
type logging struct {
	out     *outlet
	target  *logTarget // nil where no line is exported
	slot    *exportSlot
	exports []export // one at most
	hurried chan error
	scrub   scrubber
}

// export hands lines to a back end.
type export interface {
	sink
	flush(context.Context) error
	close(context.Context) error
}

// exportSlot is where the export will be. It starts after the logger that can
// say what is wrong with its settings.
type exportSlot struct{ started atomic.Pointer[export] }

func (s *exportSlot) take(l *line) error {
	if e := s.started.Load(); e != nil {
		return (*e).take(l)
	}
	return nil
}

// startLogs makes slog's default logger, and with it package log, write JSON
// lines with trace ids. A program that set a logger of its own before main
// keeps its format and destination and gains the ids.
func startLogs(service string, getenv func(string) string, stderr io.Writer) *logging {
	l := new(logging)
	level, levelErr := parseLevel(getenv("LOG_LEVEL"))
	target, targetErr := readLogTarget(getenv)
	if target != nil {
		l.target, l.slot = target, new(exportSlot)
	}
	if own := slog.Default().Handler(); fmt.Sprintf("%T", own) != "*slog.defaultHandler" {
		all := fan{orchestrall.NewHandler(own)}
		if l.slot != nil {
			all = append(all, newJSONHandler(level, l.slot).WithService(service))
		}
		slog.SetDefault(slog.New(orchestrall.NewHandler(countedHandler(all, service, newLineMetrics(nil)))))
		warnAbout(notExported, targetErr)
		return l
	}
	thin, thinErr := newThinner(getenv("LOG_SAMPLING"))
	l.out = newOutlet(stderr)
	bare, formatErr := newFormat(getenv, level, l, terminal(stderr, getenv))
	h := newLineHandler(bare, service, newLineMetrics(thin))
	slog.SetDefault(slog.New(orchestrall.NewHandler(serviceHandler{h, bare})))
	warnAbout("LOG_LEVEL is not a level; logging at INFO", levelErr)
	warnAbout("LOG_SAMPLING is not understood; 100/100 is used", thinErr)
	warnAbout("LOG_FORMAT is not a format; logging JSON", formatErr)
	warnAbout(notExported, targetErr)
	return l
}

const notExported = "log lines are not exported"

func warnAbout(message string, err error) {
	if err != nil {
		slog.Warn(message, "error", err.Error())
	}
}

// connect starts the export that the environment asks for.
func (l *logging) connect(res *resource.Resource, getenv func(string) string, scrub scrubber) {
	if l.target == nil {
		return
	}
	e, err := newLogExport(res, l.target, getenv)
	if err != nil {
		slog.Warn(notExported, "error", scrub.text(err.Error()))
		return
	}
	l.exports, l.scrub = append(l.exports, e), scrub
	l.slot.started.Store(&e)
}

// flush hands over what waits.
func (l *logging) flush(ctx context.Context) (err error) {
	for _, e := range l.exports {
		err = errors.Join(err, e.flush(ctx))
	}
	if l.out != nil {
		err = errors.Join(err, l.out.flush(ctx))
	}
	return err
}

// hurry is a part that is closed before the others: lines must not wait for
// spans that nobody takes.
func (l *logging) hurry(ctx context.Context) {
	for _, e := range l.exports {
		l.hurried = make(chan error, 1)
		go func() { l.hurried <- e.flush(ctx) }()
	}
}

// stop is a part. Lines still reach standard error after it.
func (l *logging) stop(ctx context.Context) {
	for _, e := range l.exports {
		err := e.close(ctx)
		if l.hurried != nil && err == nil {
			select {
			case err = <-l.hurried:
			case <-ctx.Done():
			}
		}
		if err != nil {
			slog.Warn("not all log lines were exported before the program ended", "error", l.scrub.text(err.Error()))
		}
	}
	if l.out != nil {
		l.out.close(ctx)
	}
}

// newFormat returns the handler that writes the lines as LOG_FORMAT asks, and
// hands them to the export if there is to be one.
func newFormat(getenv func(string) string, level slog.Level, l *logging, colour bool) (slog.Handler, error) {
	var sinks []sink
	if l.slot != nil {
		sinks = append(sinks, l.slot)
	}
	var err error
	switch format := strings.ToLower(strings.TrimSpace(getenv("LOG_FORMAT"))); format {
	case "text":
		all := fan{orchestrall.NewHandler(newTextHandler(l.out, level, colour))}
		if len(sinks) > 0 {
			all = append(all, newJSONHandler(level, sinks...))
		}
		return all, nil
	case "", "json":
	default:
		err = fmt.Errorf("%q is neither json nor text", format)
	}
	return newJSONHandler(level, append([]sink{l.out}, sinks...)...), err
}

func parseLevel(s string) (level slog.Level, err error) {
	if s = strings.TrimSpace(s); s == "" {
		return slog.LevelInfo, nil
	}
	if strings.EqualFold(s, "warning") {
		return slog.LevelWarn, nil
	}
	if err := level.UnmarshalText([]byte(s)); err != nil {
		return slog.LevelInfo, err
	}
	return level, nil
}

// errorLog tells what OpenTelemetry complains about, but not over and over: a
// back end that is down fails every few seconds, for days.
type errorLog struct {
	every time.Duration
	now   func() time.Time

	mu      sync.Mutex
	last    time.Time
	skipped int
}

// Handle implements otel.ErrorHandler.
func (l *errorLog) Handle(err error) {
	if err == nil {
		return
	}
	l.mu.Lock()
	now := l.now()
	if !l.last.IsZero() && now.Sub(l.last) < l.every {
		l.skipped++
		l.mu.Unlock()
		return
	}
	skipped := l.skipped
	l.last, l.skipped = now, 0
	l.mu.Unlock()
	args := []any{"error", err.Error()}
	if skipped > 0 {
		args = append(args, "skipped", skipped)
	}
	slog.Warn("telemetry error", args...)
}
