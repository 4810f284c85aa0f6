// Package mcp instruments github.com/modelcontextprotocol/go-sdk: each function
// stands in for the SDK's of the same name and has its signature.
//
// Clients and servers made here give every request a span, by OpenTelemetry's
// semantic conventions for MCP, and carry the trace context in the request's
// _meta, over every transport. Pings and notifications have no span; the
// handlers of notifications get the sender's trace context all the same.
package mcp

import (
	"context"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/orchestrall/orchestrall/runtime/internal/mcpcall"
)

// NewClient makes a client whose requests, and those of servers to it, are
// traced.
func NewClient(impl *mcp.Implementation, opts *mcp.ClientOptions) *mcp.Client {
	c := mcp.NewClient(impl, opts)
	c.AddSendingMiddleware(sending)
	c.AddReceivingMiddleware(receiving)
	return c
}

// NewServer makes a server whose requests, and those of clients to it, are
// traced.
func NewServer(impl *mcp.Implementation, opts *mcp.ServerOptions) *mcp.Server {
	s := mcp.NewServer(impl, opts)
	s.AddSendingMiddleware(sending)
	s.AddReceivingMiddleware(receiving)
	return s
}

// ClientConnect is (*mcp.Client).Connect. It remembers where the session leads.
func ClientConnect(c *mcp.Client, ctx context.Context, t mcp.Transport, opts *mcp.ClientSessionOptions) (*mcp.ClientSession, error) {
	e := endpointOf(t)
	session, err := c.Connect(withEndpoint(ctx, e), t, opts)
	remember(session, e)
	return session, err
}

// ServerConnect is (*mcp.Server).Connect.
func ServerConnect(s *mcp.Server, ctx context.Context, t mcp.Transport, opts *mcp.ServerSessionOptions) (*mcp.ServerSession, error) {
	return s.Connect(withEndpoint(ctx, endpointOf(t)), t, opts)
}

// ServerRun is (*mcp.Server).Run.
func ServerRun(s *mcp.Server, ctx context.Context, t mcp.Transport) error {
	return s.Run(withEndpoint(ctx, endpointOf(t)), t)
}

// sending is the middleware of requests that leave.
func sending(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (res mcp.Result, err error) {
		if silent(method) {
			return next(ctx, method, outgoing(ctx, method, req))
		}
		r := newRequest(method, req)
		r.Endpoint = endpointFor(ctx, req)
		mcpcall.Do(ctx, mcpcall.Client, r, func(ctx context.Context) error {
			res, err = next(ctx, method, outgoing(ctx, method, req))
			return outcome(res, err)
		})
		return res, err
	}
}

// receiving is the middleware of requests that arrive.
func receiving(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (res mcp.Result, err error) {
		r := newRequest(method, req)
		r.Endpoint = endpointFor(ctx, req)
		ctx, r.Link = mcpcall.Parent(ctx, metaOf(req), headerOf(req))
		if silent(method) {
			return next(ctx, method, req)
		}
		mcpcall.Do(ctx, mcpcall.Server, r, func(ctx context.Context) error {
			res, err = next(ctx, method, req)
			return outcome(res, err)
		})
		return res, err
	}
}
