package bootstrap

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"
)

// textHandler writes lines for people:
//
//	15:04:05.000 WARN  Orders.Place is slow  operation=Orders.Place duration_ms=1200
//
// slog's own text handler writes what comes after the message.
type textHandler struct {
	out   *textOutput
	attrs slog.Handler // into out.line
}

type textOutput struct {
	w      io.Writer
	colour bool

	mu   sync.Mutex
	line bytes.Buffer
}

func newTextHandler(w io.Writer, level slog.Level, colour bool) slog.Handler {
	out := &textOutput{w: w, colour: colour}
	return &textHandler{out, slog.NewTextHandler(&out.line, &slog.HandlerOptions{Level: level, ReplaceAttr: withoutHead})}
}

// withoutHead leaves out what the handler has written itself.
func withoutHead(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 {
		if _, own := a.Value.Any().(slog.Level); own && a.Key == slog.LevelKey {
			return slog.Attr{}
		}
		if a.Key == slog.MessageKey && a.Value.String() == "" {
			return slog.Attr{}
		}
	}
	return a
}

// Enabled implements slog.Handler.
func (h *textHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.attrs.Enabled(ctx, level)
}

var colours = [4]string{"\x1b[90m", "\x1b[36m", "\x1b[33m", "\x1b[31m"}

const plainColour = "\x1b[0m"

// Handle implements slog.Handler.
func (h *textHandler) Handle(ctx context.Context, r slog.Record) error {
	rest := slog.NewRecord(time.Time{}, r.Level, "", 0) // what is empty is left out
	r.Attrs(func(a slog.Attr) bool {
		rest.AddAttrs(a)
		return true
	})
	o := h.out
	o.mu.Lock()
	defer o.mu.Unlock()
	o.line.Reset()
	before, after := "", ""
	if o.colour {
		before, after = colours[levelIndex(r.Level)], plainColour
	}
	fmt.Fprintf(&o.line, "%s %s%-5s%s %s  ", r.Time.Format("15:04:05.000"), before, r.Level, after, printable(r.Message))
	if err := h.attrs.Handle(ctx, rest); err != nil {
		return err
	}
	_, err := o.w.Write(o.line.Bytes())
	return err
}

// WithAttrs implements slog.Handler.
func (h *textHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &textHandler{h.out, h.attrs.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h *textHandler) WithGroup(name string) slog.Handler {
	return &textHandler{h.out, h.attrs.WithGroup(name)}
}

// terminal reports whether somebody looks at w.
func terminal(w io.Writer, getenv func(string) string) bool {
	f, ok := w.(*os.File)
	if !ok || getenv("NO_COLOR") != "" || getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
