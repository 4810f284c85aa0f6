package genai

import (
	"bytes"
	"errors"
	"io"
	"sync"
)

// maxLine bounds one event of a stream.
const maxLine = 1 << 20

// newBody watches a response's body while the caller reads it.
func newBody(inner io.ReadCloser, x *exchange, stream bool) io.ReadCloser {
	b := &body{ReadCloser: inner, exchange: x, stream: stream}
	if w, ok := inner.(io.Writer); ok {
		return struct {
			*body
			io.Writer
		}{b, w}
	}
	return b
}

type body struct {
	io.ReadCloser
	exchange *exchange

	mu     sync.Mutex // Close may come from another goroutine than Read
	stream bool
	kept   []byte // an answer so far, or the line of a stream that is not complete
	skip   bool   // too long
	done   bool
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.done {
		b.watch(p[:n])
		switch {
		case errors.Is(err, io.EOF):
			b.finish(nil)
		case err != nil:
			b.finish(err)
		}
	}
	return n, err
}

// Close implements io.Closer. A stream that nobody reads to its end is no
// failure.
func (b *body) Close() error {
	err := b.ReadCloser.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.done {
		b.finish(nil)
	}
	return err
}

func (b *body) watch(data []byte) {
	if !b.stream {
		if len(b.kept)+len(data) > maxBody {
			b.kept, b.skip = nil, true
		}
		if !b.skip {
			b.kept = append(b.kept, data...)
		}
		return
	}
	for len(data) > 0 {
		line, rest, complete := bytes.Cut(data, []byte("\n"))
		if data = rest; !b.skip {
			b.kept = append(b.kept, line...)
		}
		if len(b.kept) > maxLine {
			b.kept, b.skip = nil, true
		}
		if complete {
			b.event(b.kept)
			b.kept, b.skip = b.kept[:0], false
		}
	}
}

// event reads one line of a stream.
func (b *body) event(line []byte) {
	if data, ok := bytes.CutPrefix(bytes.TrimRight(line, "\r"), []byte("data:")); ok {
		b.exchange.answer.read(data)
	}
}

func (b *body) finish(err error) {
	b.done = true
	if b.stream {
		b.event(b.kept)
	} else if !b.skip {
		b.exchange.answer.read(b.kept)
	}
	b.kept = nil
	b.exchange.end(err)
}
