package bootstrap

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// textHandler writes lines for people:
//
//	15:04:05.000 WARN  Orders.Place is slow  operation=Orders.Place duration=1200
//
// slog's own text handler writes what comes after the message. What is in
// metadata stands without that word, and a stack below the line.
type textHandler struct {
	out     *textOutput
	attrs   slog.Handler // into out.line
	grouped bool
}

type textOutput struct {
	w      io.Writer
	colour bool

	mu   sync.Mutex
	line bytes.Buffer
}

func newTextHandler(w io.Writer, level slog.Level, colour bool) slog.Handler {
	out := &textOutput{w: w, colour: colour}
	return &textHandler{out: out, attrs: slog.NewTextHandler(&out.line, &slog.HandlerOptions{Level: level, ReplaceAttr: withoutHead})}
}

// withoutHead leaves out what the handler has written itself, and secrets.
func withoutHead(groups []string, a slog.Attr) slog.Attr {
	if masks(a.Key, a.Value) || slices.ContainsFunc(groups, orchestrall.Sensitive) {
		return slog.String(a.Key, scrubbed)
	}
	if a.Value.Kind() == slog.KindAny {
		a.Value = slog.AnyValue(withoutSecrets(a.Value.Any()))
	}
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
	stack := ""
	r.Attrs(func(a slog.Attr) bool {
		if !h.grouped {
			a = flat(a, &stack)
		}
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
	for frame := range strings.Lines(stack) {
		o.line.WriteString("    " + printableLine(strings.TrimRight(frame, "\n")) + "\n")
	}
	_, err := o.w.Write(o.line.Bytes())
	return err
}

// flat brings metadata to the top, makes text of an error and takes its stack
// out.
func flat(a slog.Attr, stack *string) slog.Attr {
	if a.Value.Kind() != slog.KindGroup {
		return a
	}
	switch a.Key {
	case orchestrall.MetadataKey:
		var members []any
		for _, m := range a.Value.Group() {
			if m.Key == "stack" && m.Value.Kind() == slog.KindString {
				*stack = m.Value.String()
				continue
			}
			members = append(members, m)
		}
		return slog.Group("", members...)
	case orchestrall.ErrorKey:
		var members []any
		for _, m := range a.Value.Group() {
			switch m.Key {
			case "stack":
				*stack = m.Value.String()
			case "message":
				members = append([]any{slog.Attr{Key: orchestrall.ErrorKey, Value: m.Value}}, members...)
			case "causes": // the message says it
			default:
				members = append(members, slog.Attr{Key: orchestrall.ErrorKey + "." + m.Key, Value: m.Value})
			}
		}
		return slog.Group("", members...)
	}
	return a
}

// printableLine keeps the tab of a stack's second lines.
func printableLine(s string) string {
	rest, tab := strings.CutPrefix(s, "\t")
	if rest = printable(rest); tab {
		return "    " + rest
	}
	return rest
}

// WithAttrs implements slog.Handler.
func (h *textHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &textHandler{h.out, h.attrs.WithAttrs(attrs), h.grouped}
}

// WithGroup implements slog.Handler.
func (h *textHandler) WithGroup(name string) slog.Handler {
	return &textHandler{h.out, h.attrs.WithGroup(name), true}
}

// terminal reports whether somebody looks at w.
func terminal(w io.Writer, getenv func(string) string) bool {
	f, ok := w.(*os.File)
	if !ok || getenv("NO_COLOR") != "" || getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}
