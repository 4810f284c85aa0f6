// Package mcpcall is what the hooks of the MCP libraries share: the span of a
// request by OpenTelemetry's semantic conventions for MCP, and the trace
// context that travels in the request's _meta.
package mcpcall

import (
	"context"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// Side says which end of a request the span stands for.
type Side uint8

// The two ends of a request. A server that asks its client something, as it
// does for sampling, is the Client of that request.
const (
	Client Side = iota
	Server
)

// Methods whose spans have a target of their own.
const (
	CallTool     = "tools/call"
	GetPrompt    = "prompts/get"
	ReadResource = "resources/read"
)

// Request is what a span tells about one request. Only Method is required.
type Request struct {
	Method   string
	Target   string // tool or prompt by name, resource by URI
	Session  string
	Protocol string // version, such as "2025-06-18"
	Endpoint Endpoint
	Link     trace.SpanContext // of the transport, where something else is the parent
}

// Endpoint is what is known about the way to the other end.
type Endpoint struct {
	Transport string // "pipe" or "tcp"
	HTTP      bool
	Host      string
	Port      int // 0 when not known
}

// Do runs call in the span of r, below the span in ctx, and gives it the context
// for what it calls. The error that call returns is for the span alone, see
// [Failed]; a panic of call passes.
func Do(ctx context.Context, side Side, r Request, call func(context.Context) error) {
	s := shapeOf(side, r.Method)
	r.Target = plain(r)
	inner, c := s.operation.Start(ctx, func(field int) orchestrall.Value {
		switch s.sources[field] {
		case target:
			return orchestrall.Of(r.Target)
		case operation:
			return orchestrall.Of("execute_tool")
		default:
			return orchestrall.Of(r.Method)
		}
	})
	var err error
	defer c.EndErr(&err)
	span := own(ctx, inner)
	describe(span, r)
	err = call(inner)
	f, ok := err.(*failure) //nolint:errorlint // Failed has made it; the program's own As is not to run here
	if ok && f.code != "" && span != nil {
		span.SetAttributes(attribute.String("rpc.response.status_code", f.code))
	}
}

// own returns the span that was started between two contexts, or nil: a call
// that is not recorded must not write on the span around it.
func own(before, after context.Context) trace.Span {
	span := trace.SpanFromContext(after)
	if !span.IsRecording() || span == trace.SpanFromContext(before) {
		return nil
	}
	return span
}

// describe adds what is not known of every request.
func describe(span trace.Span, r Request) {
	if span == nil {
		return
	}
	kvs := make([]attribute.KeyValue, 0, 6)
	add := func(key, value string) {
		if value != "" {
			kvs = append(kvs, attribute.String(key, value))
		}
	}
	add("mcp.session.id", r.Session)
	add("mcp.protocol.version", r.Protocol)
	add("network.transport", r.Endpoint.Transport)
	if r.Endpoint.HTTP {
		add("network.protocol.name", "http")
	}
	add("server.address", r.Endpoint.Host)
	if r.Endpoint.Port > 0 {
		kvs = append(kvs, attribute.Int("server.port", r.Endpoint.Port))
	}
	span.SetAttributes(kvs...)
	if r.Link.IsValid() {
		span.AddLink(trace.Link{SpanContext: r.Link})
	}
}

// plain is the target without the query of a URI: what a program asks for with
// it is an argument, and arguments are not recorded.
func plain(r Request) string {
	if strings.HasPrefix(r.Method, "resources/") {
		uri, _, _ := strings.Cut(r.Target, "?")
		return uri
	}
	return r.Target
}
