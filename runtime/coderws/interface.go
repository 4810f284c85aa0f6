package coderws

import (
	"context"
	"io"

	"github.com/coder/websocket"
)

// The functions of this file stand in for methods that are called through an
// interface: they are traced where it holds a *websocket.Conn.

// InterfaceRead is c.Read: [ConnRead] where c holds a *websocket.Conn.
func InterfaceRead(c interface {
	Read(ctx context.Context) (websocket.MessageType, []byte, error)
}, ctx context.Context,
) (websocket.MessageType, []byte, error) {
	if own, ok := c.(*websocket.Conn); ok {
		return ConnRead(own, ctx)
	}
	return c.Read(ctx)
}

// InterfaceReader is c.Reader: [ConnReader] where c holds a *websocket.Conn.
func InterfaceReader(c interface {
	Reader(ctx context.Context) (websocket.MessageType, io.Reader, error)
}, ctx context.Context,
) (websocket.MessageType, io.Reader, error) {
	if own, ok := c.(*websocket.Conn); ok {
		return ConnReader(own, ctx)
	}
	return c.Reader(ctx)
}

// InterfaceWrite is c.Write: [ConnWrite] where c holds a *websocket.Conn.
func InterfaceWrite(c interface {
	Write(ctx context.Context, typ websocket.MessageType, p []byte) error
}, ctx context.Context, typ websocket.MessageType, p []byte,
) error {
	if own, ok := c.(*websocket.Conn); ok {
		return ConnWrite(own, ctx, typ, p)
	}
	return c.Write(ctx, typ, p)
}

// InterfaceWriter is c.Writer: [ConnWriter] where c holds a *websocket.Conn.
func InterfaceWriter(c interface {
	Writer(ctx context.Context, typ websocket.MessageType) (io.WriteCloser, error)
}, ctx context.Context, typ websocket.MessageType,
) (io.WriteCloser, error) {
	if own, ok := c.(*websocket.Conn); ok {
		return ConnWriter(own, ctx, typ)
	}
	return c.Writer(ctx, typ)
}

// InterfaceClose is c.Close: [ConnClose] where c holds a *websocket.Conn.
func InterfaceClose(c interface {
	Close(code websocket.StatusCode, reason string) error
}, code websocket.StatusCode, reason string,
) error {
	if own, ok := c.(*websocket.Conn); ok {
		return ConnClose(own, code, reason)
	}
	return c.Close(code, reason)
}

// InterfaceCloseNow is c.CloseNow: [ConnCloseNow] where c holds a *websocket.Conn.
func InterfaceCloseNow(c interface {
	CloseNow() error
}) error {
	if own, ok := c.(*websocket.Conn); ok {
		return ConnCloseNow(own)
	}
	return c.CloseNow()
}

// InterfaceCloseRead is c.CloseRead: [ConnCloseRead] where c holds a *websocket.Conn.
func InterfaceCloseRead(c interface {
	CloseRead(ctx context.Context) context.Context
}, ctx context.Context,
) context.Context {
	if own, ok := c.(*websocket.Conn); ok {
		return ConnCloseRead(own, ctx)
	}
	return c.CloseRead(ctx)
}
