package mcp

import (
	"context"
	"net/url"
	"runtime"
	"strconv"
	"sync"
	"weak"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/orchestrall/orchestrall/runtime/internal/mcpcall"
)

const (
	pipe = "pipe"
	tcp  = "tcp"
)

// endpointOf tells what a transport of the SDK's leads to; of others nothing is
// known.
func endpointOf(t mcp.Transport) mcpcall.Endpoint {
	switch t := t.(type) {
	case *mcp.StdioTransport, *mcp.IOTransport, *mcp.InMemoryTransport, *mcp.CommandTransport:
		return mcpcall.Endpoint{Transport: pipe}
	case *mcp.StreamableServerTransport, *mcp.SSEServerTransport:
		return mcpcall.Endpoint{Transport: tcp, HTTP: true}
	case *mcp.StreamableClientTransport:
		if t != nil {
			return remote(t.Endpoint)
		}
	case *mcp.SSEClientTransport:
		if t != nil {
			return remote(t.Endpoint)
		}
	case *mcp.LoggingTransport:
		if t != nil {
			return endpointOf(t.Transport)
		}
	}
	return mcpcall.Endpoint{}
}

func remote(address string) mcpcall.Endpoint {
	e := mcpcall.Endpoint{Transport: tcp, HTTP: true}
	if u, err := url.Parse(address); err == nil {
		e.Host = u.Hostname()
		e.Port, _ = strconv.Atoi(u.Port()) // none: the scheme's
	}
	return e
}

type endpointKey struct{}

func withEndpoint(ctx context.Context, e mcpcall.Endpoint) context.Context {
	if ctx == nil || e == (mcpcall.Endpoint{}) {
		return ctx
	}
	return context.WithValue(ctx, endpointKey{}, e)
}

// endpoints holds where client sessions lead for as long as they are in use.
var endpoints sync.Map // of weak.Pointer[mcp.ClientSession]: mcpcall.Endpoint

func remember(s *mcp.ClientSession, e mcpcall.Endpoint) {
	if s == nil || e == (mcpcall.Endpoint{}) {
		return
	}
	key := weak.Make(s)
	if _, there := endpoints.Swap(key, e); !there {
		runtime.AddCleanup(s, func(key weak.Pointer[mcp.ClientSession]) { endpoints.Delete(key) }, key)
	}
}

// endpointFor is where a request goes to or comes from.
func endpointFor(ctx context.Context, req mcp.Request) mcpcall.Endpoint {
	if s, ok := req.GetSession().(*mcp.ClientSession); ok && s != nil {
		if e, ok := endpoints.Load(weak.Make(s)); ok {
			return e.(mcpcall.Endpoint)
		}
	}
	if e, ok := ctx.Value(endpointKey{}).(mcpcall.Endpoint); ok {
		return e
	}
	if headerOf(req) != nil {
		return mcpcall.Endpoint{Transport: tcp, HTTP: true}
	}
	return mcpcall.Endpoint{}
}
