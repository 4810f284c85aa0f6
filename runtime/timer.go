package orchestrall

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// StartTimer measures something that is not worth a span. The function it
// returns stops the clock, writes one INFO line with the duration, the trace id
// and the carried fields of ctx, and returns the duration; further calls return
// the same duration and write nothing.
func StartTimer(ctx context.Context, name string) (stop func() time.Duration) {
	if ctx == nil {
		ctx = context.Background()
	}
	start := now()
	return sync.OnceValue(func() time.Duration {
		elapsed := now() - start
		timerLine(ctx, name, elapsed)
		return elapsed
	})
}

func timerLine(ctx context.Context, name string, elapsed time.Duration) {
	defer contain()
	if withinLine() || !slog.Default().Enabled(ctx, slog.LevelInfo) {
		return
	}
	writeLine(ctx, slog.LevelInfo, name+" took "+elapsed.Round(time.Microsecond).String(), []slog.Attr{metadata([]slog.Attr{
		slog.String("timer", name), slog.Float64("duration", milliseconds(elapsed)),
	})})
}
