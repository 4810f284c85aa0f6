package nethttp

import (
	"errors"
	"io"
	"runtime"
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

// watch returns the body such that the attempt ends with it.
func (a *attempt) watch(b io.ReadCloser) io.ReadCloser {
	w := &body{ReadCloser: b, attempt: a}
	// Whoever forgets the body loses a connection, but its span is still told.
	w.forgotten = runtime.AddCleanup(w, (*attempt).abandoned, a)
	return w
}

type body struct {
	io.ReadCloser
	attempt   *attempt
	forgotten runtime.Cleanup
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		b.end(nil)
	default:
		b.end(failure(err))
	}
	return n, err
}

// Close implements io.Closer. A body that is closed before its end is no
// failure: the program has read what it wanted.
func (b *body) Close() error {
	err := b.ReadCloser.Close()
	b.end(nil)
	return err
}

// end ends the attempt if that has not happened. A cleanup that is left to the
// garbage collector costs more than the rest of the hook.
func (b *body) end(err error) {
	if b.attempt.end(err) {
		b.forgotten.Stop()
	}
}

func (a *attempt) abandoned() { a.end(nil) }
