// Package mcpgo instruments github.com/mark3labs/mcp-go: each function stands in
// for the library's function or method of the same name and has its signature,
// the receiver first.
//
// Calls of tools, prompts and resources have a span on both sides, by
// OpenTelemetry's semantic conventions for MCP, and the trace context travels in
// the request's _meta, where the version in use has a place for it.
package mcpgo

import (
	"context"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/orchestrall/orchestrall/runtime/internal/mcpcall"
)

// NewMCPServer makes a server whose tools are traced. The span is around every
// middleware of the program's, so that a panic which one of them turns into an
// error is an error here, too.
func NewMCPServer(name, version string, opts ...server.ServerOption) *server.MCPServer {
	traced := make([]server.ServerOption, 0, len(opts)+1)
	traced = append(append(traced, server.WithToolHandlerMiddleware(tool)), opts...)
	return server.NewMCPServer(name, version, traced...)
}

func tool(next server.ToolHandlerFunc) server.ToolHandlerFunc {
	return func(ctx context.Context, req mcp.CallToolRequest) (res *mcp.CallToolResult, err error) {
		serve(ctx, mcpcall.CallTool, req.Params.Name, req, func(ctx context.Context) error {
			res, err = next(ctx, req)
			return outcome(res, err)
		})
		return res, err
	}
}

// ServerAddResource is (*server.MCPServer).AddResource.
func ServerAddResource(s *server.MCPServer, r mcp.Resource, handler server.ResourceHandlerFunc) {
	s.AddResource(r, resource(handler))
}

// ServerAddResources is (*server.MCPServer).AddResources.
func ServerAddResources(s *server.MCPServer, resources ...server.ServerResource) {
	traced := make([]server.ServerResource, len(resources))
	for i, r := range resources {
		r.Handler = resource(r.Handler)
		traced[i] = r
	}
	s.AddResources(traced...)
}

// ServerAddResourceTemplate is (*server.MCPServer).AddResourceTemplate.
func ServerAddResourceTemplate(s *server.MCPServer, t mcp.ResourceTemplate, handler server.ResourceTemplateHandlerFunc) {
	s.AddResourceTemplate(t, resource(handler))
}

// resource has a type parameter since handlers of resources and of templates
// are two types of the same shape.
func resource[H ~func(context.Context, mcp.ReadResourceRequest) ([]mcp.ResourceContents, error)](next H) H {
	if next == nil {
		return nil
	}
	return func(ctx context.Context, req mcp.ReadResourceRequest) (contents []mcp.ResourceContents, err error) {
		serve(ctx, mcpcall.ReadResource, req.Params.URI, req, func(ctx context.Context) error {
			contents, err = next(ctx, req)
			return err
		})
		return contents, err
	}
}

// ServerAddPrompt is (*server.MCPServer).AddPrompt.
func ServerAddPrompt(s *server.MCPServer, p mcp.Prompt, handler server.PromptHandlerFunc) {
	s.AddPrompt(p, prompt(handler))
}

// ServerAddPrompts is (*server.MCPServer).AddPrompts.
func ServerAddPrompts(s *server.MCPServer, prompts ...server.ServerPrompt) {
	traced := make([]server.ServerPrompt, len(prompts))
	for i, p := range prompts {
		p.Handler = prompt(p.Handler)
		traced[i] = p
	}
	s.AddPrompts(traced...)
}

func prompt(next server.PromptHandlerFunc) server.PromptHandlerFunc {
	if next == nil {
		return nil
	}
	return func(ctx context.Context, req mcp.GetPromptRequest) (res *mcp.GetPromptResult, err error) {
		serve(ctx, mcpcall.GetPrompt, req.Params.Name, req, func(ctx context.Context) error {
			res, err = next(ctx, req)
			return err
		})
		return res, err
	}
}

// ClientCallTool is (*client.Client).CallTool.
func ClientCallTool(c *client.Client, ctx context.Context, req mcp.CallToolRequest) (res *mcp.CallToolResult, err error) {
	ask(ctx, c, mcpcall.CallTool, req.Params.Name, func(ctx context.Context) error {
		inject(ctx, &req.Params)
		res, err = c.CallTool(ctx, req)
		return outcome(res, err)
	})
	return res, err
}

// ClientReadResource is (*client.Client).ReadResource.
func ClientReadResource(c *client.Client, ctx context.Context, req mcp.ReadResourceRequest) (res *mcp.ReadResourceResult, err error) {
	ask(ctx, c, mcpcall.ReadResource, req.Params.URI, func(ctx context.Context) error {
		inject(ctx, &req.Params)
		res, err = c.ReadResource(ctx, req)
		return err
	})
	return res, err
}

// ClientGetPrompt is (*client.Client).GetPrompt.
func ClientGetPrompt(c *client.Client, ctx context.Context, req mcp.GetPromptRequest) (res *mcp.GetPromptResult, err error) {
	ask(ctx, c, mcpcall.GetPrompt, req.Params.Name, func(ctx context.Context) error {
		inject(ctx, &req.Params)
		res, err = c.GetPrompt(ctx, req)
		return err
	})
	return res, err
}

// ClientListTools is (*client.Client).ListTools.
func ClientListTools(c *client.Client, ctx context.Context, req mcp.ListToolsRequest) (res *mcp.ListToolsResult, err error) {
	ask(ctx, c, "tools/list", "", func(ctx context.Context) error {
		res, err = c.ListTools(ctx, req)
		return err
	})
	return res, err
}

// ClientInitialize is (*client.Client).Initialize.
func ClientInitialize(c *client.Client, ctx context.Context, req mcp.InitializeRequest) (res *mcp.InitializeResult, err error) {
	ask(ctx, c, "initialize", "", func(ctx context.Context) error {
		res, err = c.Initialize(ctx, req)
		return err
	})
	return res, err
}
