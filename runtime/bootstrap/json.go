package bootstrap

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"time"
)

// jsonHandler is slog's JSON handler with the names that the dashboards look
// for: timestamp (UTC, milliseconds, always of the same width, so that lines sort
// as text), level, message. slog can rename them itself, at three times the
// price of a line; here the head of the finished line is put in other words.
type jsonHandler struct{ slog.Handler }

func newJSONHandler(w io.Writer, level slog.Level) slog.Handler {
	return jsonHandler{slog.NewJSONHandler(&jsonHead{w: w}, &slog.HandlerOptions{Level: level})}
}

// Handle implements slog.Handler.
func (h jsonHandler) Handle(ctx context.Context, r slog.Record) error {
	r.Time = r.Time.UTC().Truncate(time.Millisecond)
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h jsonHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return jsonHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h jsonHandler) WithGroup(name string) slog.Handler {
	return jsonHandler{h.Handler.WithGroup(name)}
}

// jsonHead gets one whole line a call, and never two at once: slog sees to it.
type jsonHead struct {
	w    io.Writer
	line []byte
}

// maxKept is how long a line may be whose memory is used again.
const maxKept = 16 << 10

// Write implements io.Writer: {"time":"…","level":"…","msg": becomes
// {"timestamp":"…","level":"…","message":.
func (h *jsonHead) Write(line []byte) (int, error) {
	const before, level, message = `{"time":"`, `"level":"`, `"msg":`
	b := append(h.line[:0], '{')
	rest := line[1:]
	if after, ok := bytes.CutPrefix(line, []byte(before)); ok {
		end := bytes.IndexByte(after, '"')
		b = append(b, `"timestamp":"`...)
		b = appendStamp(b, after[:end])
		rest = after[end:]
	}
	// Nothing of the program's stands before the message.
	if i := bytes.Index(rest, []byte(level)); i >= 0 {
		quote := i + len(level) + bytes.IndexByte(rest[i+len(level):], '"') + 2
		if tail, ok := bytes.CutPrefix(rest[quote:], []byte(message)); ok {
			b = append(b, rest[:quote]...)
			b = append(b, `"message":`...)
			rest = tail
		}
	}
	b = append(b, rest...)
	n, err := h.w.Write(b)
	if h.line = b; cap(b) > maxKept {
		h.line = nil
	}
	if err == nil && n == len(b) {
		return len(line), nil
	}
	return min(n, len(line)), err
}

// appendStamp gives the time three digits after the point: it has none when
// they are all zero.
func appendStamp(b, stamp []byte) []byte {
	whole, fraction, _ := bytes.Cut(bytes.TrimSuffix(stamp, []byte("Z")), []byte("."))
	b = append(append(b, whole...), '.')
	b = append(b, fraction...)
	for i := len(fraction); i < 3; i++ {
		b = append(b, '0')
	}
	return append(b, 'Z')
}
