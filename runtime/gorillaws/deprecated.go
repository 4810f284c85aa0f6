package gorillaws

import (
	"net/http"

	"github.com/gorilla/websocket"

	"github.com/orchestrall/orchestrall/runtime/internal/socket"
)

// Upgrade is [websocket.Upgrade], which the library has deprecated.
func Upgrade(w http.ResponseWriter, r *http.Request, header http.Header, readBufSize, writeBufSize int) (*websocket.Conn, error) {
	s := socket.Accepted(r)
	c, err := websocket.Upgrade(w, r, header, readBufSize, writeBufSize) //nolint:staticcheck // it is what the program calls
	if err != nil {
		s.Refuse(err, false)
		return c, err
	}
	enter(c, s)
	return c, nil
}

// ReadJSON is [websocket.ReadJSON], which the library has deprecated.
func ReadJSON(c *websocket.Conn, v any) error { return ConnReadJSON(c, v) }

// WriteJSON is [websocket.WriteJSON], which the library has deprecated.
func WriteJSON(c *websocket.Conn, v any) error { return ConnWriteJSON(c, v) }
