package mcpgo

import (
	"context"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
)

// The functions of this file stand in for methods that are called through an
// interface, such as client.MCPClient: they are traced where it holds a
// *client.Client.

// InterfaceCallTool is c.CallTool: [ClientCallTool] where c holds a *client.Client.
func InterfaceCallTool(c interface {
	CallTool(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error)
}, ctx context.Context, req mcp.CallToolRequest,
) (*mcp.CallToolResult, error) {
	if own, ok := c.(*client.Client); ok {
		return ClientCallTool(own, ctx, req)
	}
	return c.CallTool(ctx, req)
}

// InterfaceReadResource is c.ReadResource: [ClientReadResource] where c holds a *client.Client.
func InterfaceReadResource(c interface {
	ReadResource(ctx context.Context, req mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error)
}, ctx context.Context, req mcp.ReadResourceRequest,
) (*mcp.ReadResourceResult, error) {
	if own, ok := c.(*client.Client); ok {
		return ClientReadResource(own, ctx, req)
	}
	return c.ReadResource(ctx, req)
}

// InterfaceGetPrompt is c.GetPrompt: [ClientGetPrompt] where c holds a *client.Client.
func InterfaceGetPrompt(c interface {
	GetPrompt(ctx context.Context, req mcp.GetPromptRequest) (*mcp.GetPromptResult, error)
}, ctx context.Context, req mcp.GetPromptRequest,
) (*mcp.GetPromptResult, error) {
	if own, ok := c.(*client.Client); ok {
		return ClientGetPrompt(own, ctx, req)
	}
	return c.GetPrompt(ctx, req)
}

// InterfaceListTools is c.ListTools: [ClientListTools] where c holds a *client.Client.
func InterfaceListTools(c interface {
	ListTools(ctx context.Context, req mcp.ListToolsRequest) (*mcp.ListToolsResult, error)
}, ctx context.Context, req mcp.ListToolsRequest,
) (*mcp.ListToolsResult, error) {
	if own, ok := c.(*client.Client); ok {
		return ClientListTools(own, ctx, req)
	}
	return c.ListTools(ctx, req)
}

// InterfaceInitialize is c.Initialize: [ClientInitialize] where c holds a *client.Client.
func InterfaceInitialize(c interface {
	Initialize(ctx context.Context, req mcp.InitializeRequest) (*mcp.InitializeResult, error)
}, ctx context.Context, req mcp.InitializeRequest,
) (*mcp.InitializeResult, error) {
	if own, ok := c.(*client.Client); ok {
		return ClientInitialize(own, ctx, req)
	}
	return c.Initialize(ctx, req)
}
