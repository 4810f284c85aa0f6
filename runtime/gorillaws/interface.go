package gorillaws

import (
	"io"
	"time"

	"github.com/gorilla/websocket"
)

// The functions of this file stand in for methods that are called through an
// interface: they are traced where it holds a *websocket.Conn. Close has
// none of them: it is every io.Closer's, and the span ends with the reads.

// InterfaceReadMessage is c.ReadMessage: [ConnReadMessage] where c holds a *websocket.Conn.
func InterfaceReadMessage(c interface {
	ReadMessage() (int, []byte, error)
}) (int, []byte, error) {
	if own, ok := c.(*websocket.Conn); ok {
		return ConnReadMessage(own)
	}
	return c.ReadMessage()
}

// InterfaceNextReader is c.NextReader: [ConnNextReader] where c holds a *websocket.Conn.
func InterfaceNextReader(c interface {
	NextReader() (int, io.Reader, error)
}) (int, io.Reader, error) {
	if own, ok := c.(*websocket.Conn); ok {
		return ConnNextReader(own)
	}
	return c.NextReader()
}

// InterfaceReadJSON is c.ReadJSON: [ConnReadJSON] where c holds a *websocket.Conn.
func InterfaceReadJSON(c interface {
	ReadJSON(v any) error
}, v any,
) error {
	if own, ok := c.(*websocket.Conn); ok {
		return ConnReadJSON(own, v)
	}
	return c.ReadJSON(v)
}

// InterfaceWriteMessage is c.WriteMessage: [ConnWriteMessage] where c holds a *websocket.Conn.
func InterfaceWriteMessage(c interface {
	WriteMessage(typ int, data []byte) error
}, typ int, data []byte,
) error {
	if own, ok := c.(*websocket.Conn); ok {
		return ConnWriteMessage(own, typ, data)
	}
	return c.WriteMessage(typ, data)
}

// InterfaceWriteControl is c.WriteControl: [ConnWriteControl] where c holds a *websocket.Conn.
func InterfaceWriteControl(c interface {
	WriteControl(typ int, data []byte, deadline time.Time) error
}, typ int, data []byte, deadline time.Time,
) error {
	if own, ok := c.(*websocket.Conn); ok {
		return ConnWriteControl(own, typ, data, deadline)
	}
	return c.WriteControl(typ, data, deadline)
}

// InterfaceNextWriter is c.NextWriter: [ConnNextWriter] where c holds a *websocket.Conn.
func InterfaceNextWriter(c interface {
	NextWriter(typ int) (io.WriteCloser, error)
}, typ int,
) (io.WriteCloser, error) {
	if own, ok := c.(*websocket.Conn); ok {
		return ConnNextWriter(own, typ)
	}
	return c.NextWriter(typ)
}

// InterfaceWriteJSON is c.WriteJSON: [ConnWriteJSON] where c holds a *websocket.Conn.
func InterfaceWriteJSON(c interface {
	WriteJSON(v any) error
}, v any,
) error {
	if own, ok := c.(*websocket.Conn); ok {
		return ConnWriteJSON(own, v)
	}
	return c.WriteJSON(v)
}
