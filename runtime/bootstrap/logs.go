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
	level, err := parseLevel(getenv("LOG_LEVEL"))
	bare := slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: level, ReplaceAttr: rename})
	slog.SetDefault(slog.New(orchestrall.NewHandler(newServiceHandler(bare, service))))
	if err != nil {
		slog.Warn("LOG_LEVEL is not a level; logging at INFO", "error", err)
	}
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

// stamp has a fixed width, so that lines sort as text.
const stamp = "2006-01-02T15:04:05.000Z"

// rename gives slog's own fields the names that the dashboards look for.
func rename(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch {
	case a.Key == slog.TimeKey && a.Value.Kind() == slog.KindTime:
		return slog.String("timestamp", a.Value.Time().UTC().Format(stamp))
	case a.Key == slog.MessageKey:
		a.Key = "message"
	}
	return a
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
