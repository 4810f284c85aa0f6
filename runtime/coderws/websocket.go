// Package coderws instruments github.com/coder/websocket: each function stands in
// for the library's function or method of the same name and has its signature,
// the receiver first.
//
// A connection has a span from its handshake until it is closed, with an event
// for each of its first messages and the totals of all. Contexts, deadlines,
// errors and the rules about concurrent use are the library's own.
package coderws

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"

	"github.com/coder/websocket"

	"github.com/orchestrall/orchestrall/runtime/internal/socket"
)

var connections socket.Table[websocket.Conn]

// Accept accepts a connection; its span is in r's context from then on.
func Accept(w http.ResponseWriter, r *http.Request, opts *websocket.AcceptOptions) (*websocket.Conn, error) {
	s := socket.Accepted(r)
	c, err := websocket.Accept(w, r, opts)
	if err != nil {
		s.Refuse(err, false)
		return c, err
	}
	s.Subprotocol(c.Subprotocol())
	connections.Put(c, s)
	return c, nil
}

// Dial opens a connection, and sends the trace context with the handshake.
func Dial(ctx context.Context, u string, opts *websocket.DialOptions) (*websocket.Conn, *http.Response, error) {
	var header http.Header
	if opts != nil {
		header = opts.HTTPHeader
	}
	inner, header, s := socket.Dialed(ctx, u, header)
	if header != nil {
		traced := websocket.DialOptions{}
		if opts != nil {
			traced = *opts
		}
		traced.HTTPHeader = header
		opts = &traced
	}
	c, resp, err := websocket.Dial(inner, u, opts)
	if err != nil {
		s.Refuse(err, true)
		return c, resp, err
	}
	s.Subprotocol(c.Subprotocol())
	connections.Put(c, s)
	return c, resp, nil
}

// ConnRead is (*websocket.Conn).Read.
func ConnRead(c *websocket.Conn, ctx context.Context) (websocket.MessageType, []byte, error) {
	typ, data, err := c.Read(ctx)
	s := connections.Get(c)
	if err != nil {
		failed(s, ctx, err)
	} else {
		s.Message(socket.Received, kind(typ), int64(len(data)))
	}
	return typ, data, err
}

// ConnReader is (*websocket.Conn).Reader.
func ConnReader(c *websocket.Conn, ctx context.Context) (websocket.MessageType, io.Reader, error) {
	typ, r, err := c.Reader(ctx)
	s := connections.Get(c)
	if err != nil {
		failed(s, ctx, err)
		return typ, r, err
	}
	return typ, s.Reader(kind(typ), r, func(err error) { failed(s, ctx, err) }), nil
}

// ConnWrite is (*websocket.Conn).Write.
func ConnWrite(c *websocket.Conn, ctx context.Context, typ websocket.MessageType, p []byte) error {
	err := c.Write(ctx, typ, p)
	s := connections.Get(c)
	if err != nil {
		s.Note(err)
	} else {
		s.Message(socket.Sent, kind(typ), int64(len(p)))
	}
	return err
}

// ConnWriter is (*websocket.Conn).Writer.
func ConnWriter(c *websocket.Conn, ctx context.Context, typ websocket.MessageType) (io.WriteCloser, error) {
	w, err := c.Writer(ctx, typ)
	s := connections.Get(c)
	if err != nil {
		s.Note(err)
		return w, err
	}
	return s.Writer(kind(typ), w), nil
}

// ConnClose is (*websocket.Conn).Close.
func ConnClose(c *websocket.Conn, code websocket.StatusCode, reason string) error {
	s := connections.Get(c)
	s.Closing(int(code))
	defer s.Close() // also where the library panics
	return c.Close(code, reason)
}

// ConnCloseNow is (*websocket.Conn).CloseNow.
func ConnCloseNow(c *websocket.Conn) error {
	defer connections.Get(c).Close()
	return c.CloseNow()
}

// ConnCloseRead is (*websocket.Conn).CloseRead: the library reads from then on,
// and ends the context that it returns when the connection ends.
func ConnCloseRead(c *websocket.Conn, ctx context.Context) context.Context {
	closed := c.CloseRead(ctx)
	if s := connections.Get(c); s != nil {
		context.AfterFunc(closed, s.Close)
	}
	return closed
}

// NetConn is [websocket.NetConn]; every write is a message.
func NetConn(ctx context.Context, c *websocket.Conn, typ websocket.MessageType) net.Conn {
	conn := websocket.NetConn(ctx, c, typ)
	if s := connections.Get(c); s.Watched() {
		return &netConn{conn, s, kind(typ)}
	}
	return conn
}

type netConn struct {
	net.Conn
	span *socket.Conn
	kind string
}

// Read implements net.Conn.
func (c *netConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.span.Message(socket.Received, c.kind, int64(n))
	}
	return n, err
}

// Write implements net.Conn.
func (c *netConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err == nil {
		c.span.Message(socket.Sent, c.kind, int64(n))
	}
	return n, err
}

// Close implements net.Conn.
func (c *netConn) Close() error {
	c.span.Closing(int(websocket.StatusNormalClosure))
	defer c.span.Close()
	return c.Conn.Close()
}

// failed ends the span after an error of reading that the connection does not
// survive.
func failed(s *socket.Conn, ctx context.Context, err error) {
	var network net.Error
	switch code := websocket.CloseStatus(err); {
	case code != -1:
		s.End(int(code), err)
	case ctx.Err() != nil: // before the read began, the connection survives it
		s.Note(err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, net.ErrClosed), errors.As(err, &network):
		s.End(0, err)
	default:
		s.Note(err)
	}
}

func kind(typ websocket.MessageType) string {
	if typ == websocket.MessageText {
		return "text"
	}
	return "binary"
}
