package mcpgo_test

import (
	"context"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/orchestrall/orchestrall/runtime/internal/spantest"
	"github.com/orchestrall/orchestrall/runtime/mcpgo"
)

// The test binary is also the MCP server that a test talks to over stdio.
func TestMain(m *testing.M) {
	if os.Getenv("BE_AN_MCP_SERVER") != "" {
		otel.SetTracerProvider(sdk.NewTracerProvider())
		_ = server.ServeStdio(newServer()) // it ends when the parent closes the pipe
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// where says which span a handler runs in, and which one that is below.
func where(ctx context.Context) string {
	parent := "none"
	if s, ok := trace.SpanFromContext(ctx).(sdk.ReadOnlySpan); ok {
		parent = s.Parent().SpanID().String()
	}
	return trace.SpanContextFromContext(ctx).TraceID().String() + " " + parent
}

func newServer() *server.MCPServer {
	s := mcpgo.NewMCPServer("test", "1", server.WithRecovery())
	s.AddTool(mcp.NewTool("get_weather"), func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		switch req.GetString("city", "") {
		case "Atlantis":
			return mcp.NewToolResultError("under water"), nil
		case "Babel":
			panic("nobody understands")
		}
		return mcp.NewToolResultText(where(ctx)), nil
	})
	mcpgo.ServerAddPrompt(s, mcp.NewPrompt("greet"), func(ctx context.Context, _ mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		return mcp.NewGetPromptResult(where(ctx), []mcp.PromptMessage{}), nil
	})
	mcpgo.ServerAddResource(s, mcp.NewResource("file:///notes", "notes"), func(ctx context.Context, _ mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
		return []mcp.ResourceContents{mcp.TextResourceContents{URI: "file:///notes", Text: where(ctx)}}, nil
	})
	return s
}

func find(t *testing.T, r *tracetest.SpanRecorder, name string, kind trace.SpanKind) sdk.ReadOnlySpan {
	t.Helper()
	var names []string
	for _, s := range r.Ended() {
		if s.Name() == name && s.SpanKind() == kind {
			return s
		}
		names = append(names, s.Name()+" "+s.SpanKind().String())
	}
	t.Fatalf("no span %q of kind %v among %q", name, kind, names)
	return nil
}

func attribute(s sdk.ReadOnlySpan, key string) string {
	for _, kv := range s.Attributes() {
		if string(kv.Key) == key {
			return kv.Value.Emit()
		}
	}
	return ""
}

func begin(t *testing.T, c *client.Client, err error) *client.Client {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	req := mcp.InitializeRequest{}
	req.Params.ProtocolVersion = "2025-06-18"
	req.Params.ClientInfo = mcp.Implementation{Name: "client", Version: "1"}
	if _, err := mcpgo.ClientInitialize(c, t.Context(), req); err != nil {
		t.Fatal(err)
	}
	return c
}

func weather(city string) mcp.CallToolRequest {
	req := mcp.CallToolRequest{}
	req.Params.Name = "get_weather"
	req.Params.Arguments = map[string]any{"city": city}
	return req
}

func text(t *testing.T, res *mcp.CallToolResult, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return res.Content[0].(mcp.TextContent).Text
}

func TestStdioCarriesTheTraceToAnotherProcess(t *testing.T) {
	recorder := spantest.Record(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.NewStdioMCPClient(exe, append(os.Environ(), "BE_AN_MCP_SERVER=1"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	req := mcp.InitializeRequest{}
	req.Params.ProtocolVersion = "2025-06-18"
	if _, err := c.Initialize(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	res, err := mcpgo.ClientCallTool(c, t.Context(), weather("Rome"))
	got := text(t, res, err)
	span := find(t, recorder, "tools/call get_weather", trace.SpanKindClient)
	if want := span.SpanContext().TraceID().String() + " " + span.SpanContext().SpanID().String(); got != want {
		t.Errorf("the handler in the other process ran below %q, want %q", got, want)
	}
	if got := attribute(span, "network.transport"); got != "pipe" {
		t.Errorf("network.transport = %q", got)
	}
}

func TestStreamableHTTP(t *testing.T) {
	recorder := spantest.Record(t)
	http := httptest.NewServer(server.NewStreamableHTTPServer(newServer()))
	defer http.Close()
	c, err := client.NewStreamableHttpClient(http.URL)
	c = begin(t, c, err)
	res, err := mcpgo.ClientCallTool(c, t.Context(), weather("Rome"))
	got := text(t, res, err)
	asks, served := find(t, recorder, "tools/call get_weather", trace.SpanKindClient), find(t, recorder, "tools/call get_weather", trace.SpanKindServer)
	if served.Parent().SpanID() != asks.SpanContext().SpanID() || !served.Parent().IsRemote() {
		t.Error("the server's span is not below the client's")
	}
	if !strings.HasSuffix(got, asks.SpanContext().SpanID().String()) {
		t.Errorf("the handler ran in %q", got)
	}
	for key, want := range map[string]string{"mcp.method.name": "tools/call", "gen_ai.tool.name": "get_weather", "gen_ai.operation.name": "execute_tool"} {
		if attribute(asks, key) != want || attribute(served, key) != want {
			t.Errorf("%s = %q and %q, want %q", key, attribute(asks, key), attribute(served, key), want)
		}
	}
	if got := attribute(asks, "network.transport"); got != "tcp" {
		t.Errorf("network.transport = %q", got)
	}
	find(t, recorder, "initialize", trace.SpanKindClient)
	if _, err := mcpgo.ClientListTools(c, t.Context(), mcp.ListToolsRequest{}); err != nil {
		t.Fatal(err)
	}
	find(t, recorder, "tools/list", trace.SpanKindClient)
}

func TestPromptsAndResources(t *testing.T) {
	recorder := spantest.Record(t)
	c, err := client.NewInProcessClient(newServer())
	c = begin(t, c, err)
	prompt := mcp.GetPromptRequest{}
	prompt.Params.Name = "greet"
	if _, err := mcpgo.ClientGetPrompt(c, t.Context(), prompt); err != nil {
		t.Fatal(err)
	}
	read := mcp.ReadResourceRequest{}
	read.Params.URI = "file:///notes"
	if _, err := mcpgo.ClientReadResource(c, t.Context(), read); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"prompts/get greet", "resources/read"} {
		asks, served := find(t, recorder, name, trace.SpanKindClient), find(t, recorder, name, trace.SpanKindServer)
		if served.Parent().SpanID() != asks.SpanContext().SpanID() {
			t.Errorf("%s: the server's span is not below the client's", name)
		}
	}
}

func TestFailures(t *testing.T) {
	recorder := spantest.Record(t)
	c, err := client.NewInProcessClient(newServer())
	c = begin(t, c, err)
	res, err := mcpgo.ClientCallTool(c, t.Context(), weather("Atlantis"))
	if text(t, res, err) != "under water" || !res.IsError {
		t.Fatalf("result %+v", res)
	}
	for _, kind := range []trace.SpanKind{trace.SpanKindClient, trace.SpanKindServer} {
		s := find(t, recorder, "tools/call get_weather", kind)
		if attribute(s, "error.type") != "tool_error" || s.Status().Code != codes.Error || s.Status().Description != "under water" {
			t.Errorf("%v: error.type %q, status %v", kind, attribute(s, "error.type"), s.Status())
		}
	}
	recorder.Reset()
	if _, err := mcpgo.ClientCallTool(c, t.Context(), weather("Babel")); err == nil || !strings.Contains(err.Error(), "nobody understands") {
		t.Errorf("error %v: the program's own recovery did not see the panic", err)
	}
	if s := find(t, recorder, "tools/call get_weather", trace.SpanKindServer); s.Status().Code != codes.Error {
		t.Errorf("status %v", s.Status())
	}
}

func TestTheCallersRequestStaysAsItIs(t *testing.T) {
	spantest.Record(t)
	c, err := client.NewInProcessClient(newServer())
	c = begin(t, c, err)
	req := weather("Rome")
	req.Params.Meta = &mcp.Meta{AdditionalFields: map[string]any{"mine": "yes"}}
	if _, err := mcpgo.ClientCallTool(c, t.Context(), req); err != nil {
		t.Fatal(err)
	}
	if fields := req.Params.Meta.AdditionalFields; len(fields) != 1 {
		t.Errorf("the caller's _meta became %v", fields)
	}
	const mine = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	req.Params.Meta.AdditionalFields["traceparent"] = mine
	res, err := mcpgo.ClientCallTool(c, t.Context(), req)
	if got := text(t, res, err); got != "0af7651916cd43dd8448eb211c80319c b7ad6b7169203331" {
		t.Errorf("the handler ran below %q, want the program's own %s", got, mine)
	}
}

// logging is a client of the program's own, around another; its calls are woven.
type logging struct{ client.MCPClient }

func (l logging) CallTool(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	return mcpgo.InterfaceCallTool(l.MCPClient, ctx, req)
}

// A client that is held as an interface leaves the same spans, one for a call.
func TestThroughAnInterface(t *testing.T) {
	recorder := spantest.Record(t)
	http := httptest.NewServer(server.NewStreamableHTTPServer(newServer()))
	defer http.Close()
	c, err := client.NewStreamableHttpClient(http.URL)
	var held client.MCPClient = begin(t, c, err)
	res, err := mcpgo.InterfaceCallTool(logging{held}, t.Context(), weather("Rome"))
	got := text(t, res, err)
	asks := find(t, recorder, "tools/call get_weather", trace.SpanKindClient)
	if !strings.HasSuffix(got, asks.SpanContext().SpanID().String()) {
		t.Errorf("the handler ran in %q", got)
	}
	for name, call := range map[string]func() error{
		"tools/list": func() error {
			_, err := mcpgo.InterfaceListTools(held, t.Context(), mcp.ListToolsRequest{})
			return err
		},
		"initialize": func() error {
			_, err := mcpgo.InterfaceInitialize(held, t.Context(), mcp.InitializeRequest{})
			return err
		},
		"prompts/get none": func() error {
			req := mcp.GetPromptRequest{}
			req.Params.Name = "none"
			if _, err := mcpgo.InterfaceGetPrompt(held, t.Context(), req); err == nil {
				t.Error("there is a prompt")
			}
			return nil
		},
		"resources/read": func() error {
			req := mcp.ReadResourceRequest{}
			req.Params.URI = "none://"
			if _, err := mcpgo.InterfaceReadResource(held, t.Context(), req); err == nil {
				t.Error("there is a resource")
			}
			return nil
		},
	} {
		before := len(recorder.Ended())
		if err := call(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		spans := recorder.Ended()[before:]
		if n := len(slices.DeleteFunc(spans, func(s sdk.ReadOnlySpan) bool { return s.SpanKind() != trace.SpanKindClient || s.Name() != name })); n != 1 {
			t.Errorf("%d spans of %s", n, name)
		}
	}
}
