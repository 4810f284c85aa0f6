package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"

	community "github.com/mark3labs/mcp-go/client"
	communitymcp "github.com/mark3labs/mcp-go/mcp"
	communityserver "github.com/mark3labs/mcp-go/server"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

type wish struct {
	What string `json:"what"`
}

// official asks by the official SDK.
type official struct{ session *mcp.ClientSession }

// newServer is the server of both transports.
func newServer() *mcp.Server {
	server := mcp.NewServer(&mcp.Implementation{Name: "calls", Version: "1"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "grant"}, func(ctx context.Context, _ *mcp.CallToolRequest, in wish) (*mcp.CallToolResult, any, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: granted(ctx, in.What)}}}, nil, nil
	})
	return server
}

// newLocal talks to another process of this program over its standard input and
// output.
func newLocal(ctx context.Context) (asker, func(), error) {
	cmd := exec.Command(os.Args[0], "serve")
	cmd.Stderr = os.Stderr
	client := mcp.NewClient(&mcp.Implementation{Name: "calls", Version: "1"}, nil)
	session, err := client.Connect(ctx, &mcp.CommandTransport{Command: cmd}, nil)
	if err != nil {
		return nil, nil, err
	}
	return &official{session}, func() { session.Close() }, nil
}

func newOfficial(ctx context.Context) (asker, func(), error) {
	server := newServer()
	web := httptest.NewServer(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil))
	client := mcp.NewClient(&mcp.Implementation{Name: "calls", Version: "1"}, &mcp.ClientOptions{})
	session, err := client.Connect(ctx, &mcp.StreamableClientTransport{Endpoint: web.URL}, nil)
	if err != nil {
		return nil, nil, err
	}
	return &official{session}, func() { session.Close(); web.Close() }, nil
}

func (o *official) ask(ctx context.Context, question string) (string, error) {
	result, err := o.session.CallTool(ctx, &mcp.CallToolParams{Name: "grant", Arguments: wish{question}})
	if err != nil {
		return "", err
	}
	return result.Content[0].(*mcp.TextContent).Text, nil
}

// communities asks by mark3labs/mcp-go, in the process.
type communities struct{ *community.Client }

func newCommunity(ctx context.Context) (asker, func(), error) {
	server := communityserver.NewMCPServer("calls", "1", communityserver.WithToolCapabilities(false))
	server.AddTool(communitymcp.NewTool("grant"), func(ctx context.Context, req communitymcp.CallToolRequest) (*communitymcp.CallToolResult, error) {
		return communitymcp.NewToolResultText(granted(ctx, req.GetString("what", ""))), nil
	})
	client, err := community.NewInProcessClient(server)
	if err != nil {
		return nil, nil, err
	}
	if err := client.Start(ctx); err != nil {
		return nil, nil, err
	}
	if _, err := client.Initialize(ctx, communitymcp.InitializeRequest{}); err != nil {
		return nil, nil, err
	}
	return communities{client}, func() { client.Close() }, nil
}

func (c communities) ask(ctx context.Context, question string) (string, error) {
	req := communitymcp.CallToolRequest{}
	req.Params.Name, req.Params.Arguments = "grant", map[string]any{"what": question}
	result, err := c.CallTool(ctx, req)
	if err != nil {
		return "", err
	}
	return result.Content[0].(communitymcp.TextContent).Text, nil
}

//orchestrall:trace kind=tool
func granted(_ context.Context, what string) string { return "granted: " + what }
