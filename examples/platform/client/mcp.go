package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// A Session is a connection to the platform's MCP server.
type Session struct {
	mcp *mcp.ClientSession
}

// Connect opens a session. It must be closed.
func (c *Client) Connect(ctx context.Context) (*Session, error) {
	client := mcp.NewClient(&mcp.Implementation{Name: "platform-client", Version: "2"}, nil)
	s, err := client.Connect(ctx, &mcp.StreamableClientTransport{
		Endpoint: c.url + "/mcp", HTTPClient: c.http, DisableStandaloneSSE: true,
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("connect to MCP server: %w", err)
	}
	return &Session{s}, nil
}

// Run asks as [Client.Execute] does, through the server's tool run_agent.
//
//orchestrall:trace kind=client ctx.requestId=q.RequestID label.agent_type=q.AgentType
func (s *Session) Run(ctx context.Context, q Question) (*Answer, error) {
	result, err := s.mcp.CallTool(ctx, &mcp.CallToolParams{
		Name:      "run_agent",
		Arguments: map[string]string{"agentType": q.AgentType, "input": q.Input, "userId": q.UserID},
	})
	if err != nil {
		return nil, err
	}
	text := ""
	for _, c := range result.Content {
		if t, ok := c.(*mcp.TextContent); ok {
			text += t.Text
		}
	}
	if result.IsError {
		return nil, errors.New(text)
	}
	var answer Answer
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	return &answer, nil
}

// Close ends the session.
func (s *Session) Close() error { return s.mcp.Close() }
