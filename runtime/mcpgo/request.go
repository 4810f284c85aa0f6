package mcpgo

import (
	"context"
	"net/http"
	"reflect"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/orchestrall/orchestrall/runtime/internal/mcpcall"
)

// serve runs a handler in the span of its request.
func serve(ctx context.Context, method, target string, req any, call func(context.Context) error) {
	r := mcpcall.Request{Method: method, Target: target}
	if s := server.ClientSessionFromContext(ctx); s != nil {
		r.Session = s.SessionID()
	}
	header := headerOf(req)
	switch {
	case header != nil:
		r.Endpoint = mcpcall.Endpoint{Transport: "tcp", HTTP: true}
		r.Protocol = header.Get("Mcp-Protocol-Version")
	case r.Session == "stdio": // what the library calls the one session that it has there
		r.Endpoint, r.Session = mcpcall.Endpoint{Transport: "pipe"}, ""
	}
	ctx, r.Link = mcpcall.Parent(ctx, metaOf(req), header)
	mcpcall.Do(ctx, mcpcall.Server, r, call)
}

// ask runs a client's request in its span.
func ask(ctx context.Context, c *client.Client, method, target string, call func(context.Context) error) {
	r := mcpcall.Request{Method: method, Target: target}
	if c != nil {
		describe(&r, c)
	}
	mcpcall.Do(ctx, mcpcall.Client, r, call)
}

func describe(r *mcpcall.Request, c *client.Client) {
	switch c.GetTransport().(type) {
	case *transport.Stdio, *transport.InProcessTransport:
		r.Endpoint.Transport = "pipe"
	case *transport.SSE, *transport.StreamableHTTP:
		r.Endpoint = mcpcall.Endpoint{Transport: "tcp", HTTP: true}
	}
	if t, ok := c.GetTransport().(interface{ GetSessionId() string }); ok {
		r.Session = t.GetSessionId()
	}
}

// Where requests keep their metadata has changed between versions: the fields
// are looked for by name, and a version without one does without.

// headerOf is the header of the HTTP request that req came with.
func headerOf(req any) http.Header {
	h, _ := field(reflect.ValueOf(req), "Header").(http.Header)
	return h
}

func metaOf(req any) map[string]any {
	params := reflect.ValueOf(req).FieldByName("Params")
	if !params.IsValid() {
		return nil
	}
	if meta, ok := field(params, "Meta").(*mcp.Meta); ok && meta != nil {
		return meta.AdditionalFields
	}
	return nil
}

func field(of reflect.Value, name string) any {
	if of.Kind() != reflect.Struct {
		return nil
	}
	if f := of.FieldByName(name); f.IsValid() && f.CanInterface() {
		return f.Interface()
	}
	return nil
}

// inject puts the trace context of ctx into params, which is the hook's own
// copy; the _meta that it points to is the caller's and is copied.
func inject(ctx context.Context, params any) {
	place := reflect.ValueOf(params).Elem().FieldByName("Meta")
	if !place.IsValid() || !place.CanSet() || place.Type() != reflect.TypeFor[*mcp.Meta]() {
		return
	}
	meta, _ := place.Interface().(*mcp.Meta)
	if meta == nil {
		meta = new(mcp.Meta)
	}
	fields, ok := mcpcall.Inject(ctx, meta.AdditionalFields)
	if !ok {
		return
	}
	copied := *meta
	copied.AdditionalFields = fields
	place.Set(reflect.ValueOf(&copied))
}

// outcome is what the span says of a tool's answer.
func outcome(res *mcp.CallToolResult, err error) error {
	if err != nil || res == nil || !res.IsError {
		return err
	}
	for _, c := range res.Content {
		if t, ok := c.(mcp.TextContent); ok {
			return mcpcall.ToolFailed(t.Text)
		}
	}
	return mcpcall.ToolFailed("")
}
