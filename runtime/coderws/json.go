package coderws

import (
	"context"
	"encoding/json"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"github.com/orchestrall/orchestrall/runtime/internal/socket"
)

// JSONRead is [wsjson.Read].
func JSONRead(ctx context.Context, c *websocket.Conn, v any) error {
	s := connections.Get(c)
	if !s.Watched() {
		err := wsjson.Read(ctx, c, v)
		if err != nil {
			failed(s, ctx, err)
		}
		return err
	}
	m := measured{into: v}
	err := wsjson.Read(ctx, c, &m)
	if m.read {
		s.Message(socket.Received, "text", int64(m.size))
	}
	switch {
	case err != nil && m.read: // the library has closed the connection, as it does with what is not JSON
		s.Closing(int(websocket.StatusInvalidFramePayloadData))
		s.Close()
	case err != nil:
		failed(s, ctx, err)
	}
	return err
}

// measured is a value that knows how much JSON it was made from.
type measured struct {
	into any
	size int
	read bool
}

// UnmarshalJSON implements json.Unmarshaler.
func (m *measured) UnmarshalJSON(data []byte) error {
	m.read, m.size = true, len(data)
	return json.Unmarshal(data, m.into)
}

// JSONWrite is [wsjson.Write].
func JSONWrite(ctx context.Context, c *websocket.Conn, v any) error {
	s := connections.Get(c)
	if !s.Watched() {
		err := wsjson.Write(ctx, c, v)
		s.Note(err)
		return err
	}
	// JSON of JSON is the same JSON; what cannot be JSON is the library's to tell.
	size := 0
	if data, err := json.Marshal(v); err == nil {
		v, size = json.RawMessage(data), len(data)+1 // and the line's end
	}
	err := wsjson.Write(ctx, c, v)
	if err != nil {
		s.Note(err)
	} else {
		s.Message(socket.Sent, "text", int64(size))
	}
	return err
}
