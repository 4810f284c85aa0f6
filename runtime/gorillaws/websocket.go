// Package gorillaws instruments github.com/gorilla/websocket: each function
// stands in for the library's function or method of the same name and has its
// signature, the receiver first.
//
// A connection has a span from its handshake until it is closed, with an event
// for each of its first messages and the totals of all. Deadlines, errors and
// the rules about concurrent use are the library's own.
package gorillaws

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"

	"github.com/orchestrall/orchestrall/runtime/internal/socket"
)

var connections socket.Table[websocket.Conn]

// UpgraderUpgrade is (*websocket.Upgrader).Upgrade; the connection's span is in
// r's context from then on.
func UpgraderUpgrade(u *websocket.Upgrader, w http.ResponseWriter, r *http.Request, header http.Header) (*websocket.Conn, error) {
	s := socket.Accepted(r)
	c, err := u.Upgrade(w, r, header)
	if err != nil {
		s.Refuse(err, false)
		return c, err
	}
	enter(c, s)
	return c, nil
}

// DialerDial is (*websocket.Dialer).Dial.
func DialerDial(d *websocket.Dialer, address string, header http.Header) (*websocket.Conn, *http.Response, error) {
	return DialerDialContext(d, context.Background(), address, header)
}

// DialerDialContext is (*websocket.Dialer).DialContext, and sends the trace
// context with the handshake.
func DialerDialContext(d *websocket.Dialer, ctx context.Context, address string, header http.Header) (*websocket.Conn, *http.Response, error) {
	inner, header, s := socket.Dialed(ctx, address, header)
	c, resp, err := d.DialContext(inner, address, header)
	if err != nil {
		s.Refuse(err, true)
		return c, resp, err
	}
	enter(c, s)
	return c, resp, nil
}

func enter(c *websocket.Conn, s *socket.Conn) {
	s.Subprotocol(c.Subprotocol())
	connections.Put(c, s)
}

// ConnReadMessage is (*websocket.Conn).ReadMessage.
func ConnReadMessage(c *websocket.Conn) (int, []byte, error) {
	typ, data, err := c.ReadMessage()
	s := connections.Get(c)
	if err != nil {
		failed(s, err)
	} else {
		s.Message(socket.Received, kind(typ), int64(len(data)))
	}
	return typ, data, err
}

// ConnNextReader is (*websocket.Conn).NextReader.
func ConnNextReader(c *websocket.Conn) (int, io.Reader, error) {
	typ, r, err := c.NextReader()
	s := connections.Get(c)
	if err != nil {
		failed(s, err)
		return typ, r, err
	}
	return typ, s.Reader(kind(typ), r, func(err error) { failed(s, err) }), nil
}

// ConnReadJSON is (*websocket.Conn).ReadJSON.
func ConnReadJSON(c *websocket.Conn, v any) error {
	s := connections.Get(c)
	if !s.Watched() {
		err := c.ReadJSON(v)
		if err != nil {
			failed(s, err)
		}
		return err
	}
	typ, r, err := c.NextReader()
	if err != nil {
		failed(s, err)
		return err
	}
	n := &counter{r: r}
	if err = json.NewDecoder(n).Decode(v); err == io.EOF {
		err = io.ErrUnexpectedEOF // as the library has it: a message holds one value
	}
	if n.err != nil && n.err != io.EOF {
		failed(s, n.err)
	} else {
		s.Message(socket.Received, kind(typ), n.size)
	}
	return err
}

type counter struct {
	r    io.Reader
	size int64
	err  error
}

// Read implements io.Reader.
func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.size += int64(n)
	c.err = err
	return n, err
}

// ConnWriteMessage is (*websocket.Conn).WriteMessage.
func ConnWriteMessage(c *websocket.Conn, typ int, data []byte) error {
	err := c.WriteMessage(typ, data)
	sent(connections.Get(c), typ, data, err)
	return err
}

// ConnWriteControl is (*websocket.Conn).WriteControl.
func ConnWriteControl(c *websocket.Conn, typ int, data []byte, deadline time.Time) error {
	err := c.WriteControl(typ, data, deadline)
	sent(connections.Get(c), typ, data, err)
	return err
}

// ConnNextWriter is (*websocket.Conn).NextWriter.
func ConnNextWriter(c *websocket.Conn, typ int) (io.WriteCloser, error) {
	w, err := c.NextWriter(typ)
	s := connections.Get(c)
	if err != nil || !message(typ) {
		s.Note(err)
		return w, err
	}
	return s.Writer(kind(typ), w), nil
}

// ConnWriteJSON is (*websocket.Conn).WriteJSON.
func ConnWriteJSON(c *websocket.Conn, v any) error {
	s := connections.Get(c)
	if !s.Watched() {
		err := c.WriteJSON(v)
		s.Note(err)
		return err
	}
	w, err := c.NextWriter(websocket.TextMessage)
	if err != nil {
		s.Note(err)
		return err
	}
	w = s.Writer("text", w)
	err = json.NewEncoder(w).Encode(v)
	if closing := w.Close(); err == nil {
		err = closing
	}
	s.Note(err)
	return err
}

// ConnClose is (*websocket.Conn).Close.
func ConnClose(c *websocket.Conn) error {
	defer connections.Get(c).Close()
	return c.Close()
}

// sent tells the span of a message or a control frame.
func sent(s *socket.Conn, typ int, data []byte, err error) {
	switch {
	case err != nil:
		s.Note(err)
	case message(typ):
		s.Message(socket.Sent, kind(typ), int64(len(data)))
	case typ == websocket.CloseMessage && len(data) >= 2:
		s.Closing(int(binary.BigEndian.Uint16(data)))
	case typ == websocket.CloseMessage:
		s.Closing(websocket.CloseNoStatusReceived)
	}
}

// failed ends the span after an error of reading, which no connection survives.
// After a deadline the program may still write, so its Close is waited for.
func failed(s *socket.Conn, err error) {
	var frame *websocket.CloseError
	var network net.Error
	switch {
	case errors.As(err, &frame):
		s.End(frame.Code, err)
	case errors.As(err, &network) && network.Timeout():
		s.Note(err)
	default:
		s.End(0, err)
	}
}

func message(typ int) bool { return typ == websocket.TextMessage || typ == websocket.BinaryMessage }

func kind(typ int) string {
	if typ == websocket.TextMessage {
		return "text"
	}
	return "binary"
}
