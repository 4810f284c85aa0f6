// Package mcpapi offers the platform's agents to other agents, over the Model
// Context Protocol.
package mcpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"example.com/platform/agent"
)

// Names of what the server has.
const (
	RunAgent  = "run_agent"
	AgentsURI = "platform://agents"
)

// RunInput are the arguments of the tool run_agent.
type RunInput struct {
	AgentType string `json:"agentType" jsonschema:"the agent to run, one of the resource platform://agents"`
	Input     string `json:"input" jsonschema:"what the agent is asked, naming a customer such as cus_acme"`
	UserID    string `json:"userId,omitempty" jsonschema:"on whose behalf"`
}

// RunOutput is what the tool run_agent answers.
type RunOutput struct {
	ExecutionID string   `json:"executionId"`
	Output      string   `json:"output"`
	Tools       []string `json:"tools"`
	Tokens      int      `json:"tokens"`
}

// New returns the handler of the MCP endpoint.
func New(agents *agent.AgentService) http.Handler {
	s := mcp.NewServer(&mcp.Implementation{Name: "platform", Version: "2"}, nil)
	mcp.AddTool(s, &mcp.Tool{Name: RunAgent, Description: "Runs an agent or a workflow for a customer."},
		func(ctx context.Context, _ *mcp.CallToolRequest, in RunInput) (*mcp.CallToolResult, RunOutput, error) {
			r, err := agents.Execute(ctx, agent.Input{AgentType: in.AgentType, Text: in.Input, UserID: in.UserID})
			if err != nil {
				return nil, RunOutput{}, err
			}
			return nil, RunOutput{ExecutionID: r.ExecutionID, Output: r.Output, Tools: r.Tools, Tokens: r.Tokens}, nil
		})
	s.AddResource(&mcp.Resource{Name: "agents", URI: AgentsURI, MIMEType: "application/json"},
		func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
			list, err := json.Marshal(agents.Types())
			if err != nil {
				return nil, fmt.Errorf("list agents: %w", err)
			}
			return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{
				{URI: AgentsURI, MIMEType: "application/json", Text: string(list)},
			}}, nil
		})
	// Each request stands for itself, so that any instance can answer it.
	return mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s },
		&mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: true})
}
