package bootstrap

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// startLogs makes slog's default logger, and with it package log, write JSON
// lines with trace ids. A program that set a logger of its own before main
// keeps its format and destination and gains the ids.
func startLogs(service string, getenv func(string) string, stderr io.Writer) {
	if own := slog.Default().Handler(); fmt.Sprintf("%T", own) != "*slog.defaultHandler" {
		slog.SetDefault(slog.New(orchestrall.NewHandler(own)))
		return
	}
	level, levelErr := parseLevel(getenv("LOG_LEVEL"))
	thin, thinErr := newThinner(getenv("LOG_SAMPLING"))
	bare, formatErr := newFormat(getenv, level, stderr)
	h := newLineHandler(bare, service, newLineMetrics(thin))
	slog.SetDefault(slog.New(orchestrall.NewHandler(serviceHandler{h, bare})))
	if levelErr != nil {
		slog.Warn("LOG_LEVEL is not a level; logging at INFO", "error", levelErr)
	}
	if thinErr != nil {
		slog.Warn("LOG_SAMPLING is not understood; 100/100 is used", "error", thinErr)
	}
	if formatErr != nil {
		slog.Warn("LOG_FORMAT is not a format; logging JSON", "error", formatErr)
	}
}

// newFormat returns the handler that writes the lines as LOG_FORMAT asks.
func newFormat(getenv func(string) string, level slog.Level, w io.Writer) (slog.Handler, error) {
	format := strings.ToLower(strings.TrimSpace(getenv("LOG_FORMAT")))
	var err error
	switch format {
	case "text":
		return newTextHandler(w, level, terminal(w, getenv)), nil
	case "", "json":
	default:
		err = fmt.Errorf("%q is neither json nor text", format)
	}
	return newJSONHandler(w, level), err
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
