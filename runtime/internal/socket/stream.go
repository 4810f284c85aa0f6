package socket

import "io"

// Reader tells the connection of a message once it has been read to its end. It
// is an io.Closer where r is.
func (c *Conn) Reader(kind string, r io.Reader, failed func(error)) io.Reader {
	if r == nil || !c.Watched() {
		return r
	}
	cr := &reader{Reader: r, conn: c, kind: kind, failed: failed}
	if closer, ok := r.(io.Closer); ok {
		return struct {
			*reader
			io.Closer
		}{cr, closer}
	}
	return cr
}

type reader struct {
	io.Reader
	conn   *Conn
	kind   string
	size   int64
	over   bool
	failed func(error)
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.size += int64(n)
	if err != nil && !r.over {
		r.over = true
		if err == io.EOF {
			r.conn.Message(Received, r.kind, r.size)
		} else {
			r.failed(err)
		}
	}
	return n, err
}

// Writer tells the connection of a message once it is complete. It has the
// methods WriteString and ReadFrom where w has them.
func (c *Conn) Writer(kind string, w io.WriteCloser) io.WriteCloser {
	if w == nil || !c.Watched() {
		return w
	}
	cw := &writer{w: w, conn: c, kind: kind}
	_, text := w.(io.StringWriter)
	_, from := w.(io.ReaderFrom)
	if text && from {
		return fullWriter{cw}
	}
	return cw
}

type writer struct {
	w    io.WriteCloser
	conn *Conn
	kind string
	size int64
}

// Write implements io.Writer.
func (w *writer) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	w.size += int64(n)
	return n, err
}

// Close implements io.Closer.
func (w *writer) Close() error {
	err := w.w.Close()
	if err == nil {
		w.conn.Message(Sent, w.kind, w.size)
	}
	return err
}

// fullWriter is a writer above one that does without copies.
type fullWriter struct{ *writer }

// WriteString implements io.StringWriter.
func (w fullWriter) WriteString(s string) (int, error) {
	n, err := w.w.(io.StringWriter).WriteString(s)
	w.size += int64(n)
	return n, err
}

// ReadFrom implements io.ReaderFrom.
func (w fullWriter) ReadFrom(r io.Reader) (int64, error) {
	n, err := w.w.(io.ReaderFrom).ReadFrom(r)
	w.size += n
	return n, err
}
