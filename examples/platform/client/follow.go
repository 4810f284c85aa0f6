package client

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"example.com/platform/events"
)

// Follow asks over REST and calls seen with the events of the execution, in
// order, before it returns.
//
//orchestrall:trace kind=client ctx.requestId=q.RequestID label.agent_type=q.AgentType
func (c *Client) Follow(ctx context.Context, q Question, seen func(events.Event)) (*Answer, error) {
	stream, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(c.url, "http")+"/api/v2/events",
		&websocket.DialOptions{HTTPHeader: http.Header{"X-API-Key": {c.key}}})
	if err != nil {
		return nil, fmt.Errorf("listen to events: %w", err)
	}
	defer stream.CloseNow()
	answer, err := c.execute(ctx, q)
	if err != nil {
		return nil, err
	}
	for {
		var e events.Event
		if err := wsjson.Read(ctx, stream, &e); err != nil {
			return nil, fmt.Errorf("read event: %w", err)
		}
		if e.ExecutionID != answer.ExecutionID {
			continue // somebody else's
		}
		seen(e)
		if e.Type == events.Finished {
			return answer, stream.Close(websocket.StatusNormalClosure, "")
		}
	}
}
