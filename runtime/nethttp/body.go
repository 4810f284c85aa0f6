package nethttp

import (
	"errors"
	"io"
)

// readOnly reports whether a body can do nothing but what the wrapper can. The
// body of "101 Switching Protocols" is a connection that is written to as well,
// and what seeks or reads at an offset is not from the network.
func readOnly(b io.ReadCloser) bool {
	switch b.(type) {
	case io.Writer, io.Seeker, io.ReaderAt, io.ByteReader, io.WriterTo:
		return false
	}
	return true
}

// watch returns the body such that the attempt ends with it. One that the
// program forgets stays in flight, as its connection does; a cleanup that the
// garbage collector runs would cost more than the rest of the hook.
func (a *attempt) watch(b io.ReadCloser) io.ReadCloser {
	return &body{ReadCloser: b, attempt: a}
}

type body struct {
	io.ReadCloser
	attempt *attempt
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		b.attempt.end(nil)
	default:
		b.attempt.end(failure(err))
	}
	return n, err
}

// Close implements io.Closer. A body that is closed before its end is no
// failure: the program has read what it wanted.
func (b *body) Close() error {
	err := b.ReadCloser.Close()
	b.attempt.end(nil)
	return err
}
