// Package client is the platform's SDK: it runs agents over REST and over MCP,
// and follows their executions over a WebSocket.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// A Client talks to one platform. It may be used by several goroutines at once.
type Client struct {
	url, key string
	http     *http.Client
}

// New returns a client of the platform at url, such as http://127.0.0.1:8080.
func New(url, key string) *Client {
	return &Client{url: strings.TrimSuffix(url, "/"), key: key, http: &http.Client{Transport: keyed(key)}}
}

// keyed sends the API key with every request.
type keyed string

// RoundTrip implements http.RoundTripper.
func (key keyed) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-API-Key", string(key))
	return http.DefaultTransport.RoundTrip(r)
}

// A Question is what an agent is asked.
type Question struct {
	AgentType string
	Input     string
	UserID    string
	RequestID string // "" lets the platform choose one
}

// An Answer is what the agent answered.
type Answer struct {
	ExecutionID string   `json:"executionId"`
	Output      string   `json:"output"`
	Tools       []string `json:"tools"`
	Tokens      int      `json:"tokens"`
}

// Execute asks over REST.
//
//orchestrall:trace kind=client ctx.requestId=q.RequestID label.agent_type=q.AgentType
func (c *Client) Execute(ctx context.Context, q Question) (*Answer, error) {
	return c.execute(ctx, q)
}

func (c *Client) execute(ctx context.Context, q Question) (*Answer, error) {
	body, err := json.Marshal(map[string]any{
		"agentType": q.AgentType, "input": q.Input, "context": map[string]string{"userId": q.UserID},
	})
	if err != nil {
		return nil, fmt.Errorf("write question: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/api/v2/agents/execute", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if q.RequestID != "" {
		req.Header.Set("X-Request-ID", q.RequestID)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var answer struct {
		Answer
		Error string `json:"error"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil, fmt.Errorf("read answer (%s): %w", resp.Status, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, errors.New(resp.Status + ": " + answer.Error)
	}
	return &answer.Answer, nil
}
