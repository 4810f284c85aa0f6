package api

import (
	"log/slog"
	"net/http"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

// events sends what all executions are doing, one JSON message each, for as long
// as the client listens.
func (s *server) events(w http.ResponseWriter, r *http.Request) {
	// The subscription comes first: a client that is connected misses nothing.
	all, stop := s.agents.Events.Subscribe()
	defer stop()
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // the client has been told
	}
	defer c.CloseNow()
	ctx := c.CloseRead(r.Context())
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-all:
			if !ok {
				c.Close(websocket.StatusGoingAway, "the stream ends here")
				return
			}
			if err := wsjson.Write(ctx, c, e); err != nil {
				slog.WarnContext(ctx, "event not sent", "error", err)
				return
			}
		}
	}
}
