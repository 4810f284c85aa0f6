package mcp_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	sdkmcp "github.com/modelcontextprotocol/go-sdk/mcp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/orchestrall/orchestrall/runtime/internal/spantest"
	"github.com/orchestrall/orchestrall/runtime/mcp"
)

// The test binary is also the MCP server that a test talks to over stdio.
func TestMain(m *testing.M) {
	if os.Getenv("BE_AN_MCP_SERVER") != "" {
		otel.SetTracerProvider(sdk.NewTracerProvider())
		if err := mcp.ServerRun(newServer(), context.Background(), &sdkmcp.StdioTransport{}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

type weather struct {
	City string `json:"city"`
}

// where says which span a handler runs in, and which one that is below.
func where(ctx context.Context) string {
	sc := trace.SpanContextFromContext(ctx)
	parent := "none"
	if s, ok := trace.SpanFromContext(ctx).(sdk.ReadOnlySpan); ok {
		parent = s.Parent().SpanID().String()
	}
	return sc.TraceID().String() + " " + parent
}

func newServer() *sdkmcp.Server {
	s := mcp.NewServer(&sdkmcp.Implementation{Name: "test", Version: "1"}, nil)
	sdkmcp.AddTool(s, &sdkmcp.Tool{Name: "get_weather"}, func(ctx context.Context, _ *sdkmcp.CallToolRequest, in weather) (*sdkmcp.CallToolResult, any, error) {
		if in.City == "Atlantis" {
			return nil, nil, errors.New("under water")
		}
		return &sdkmcp.CallToolResult{Content: []sdkmcp.Content{&sdkmcp.TextContent{Text: where(ctx)}}}, nil, nil
	})
	s.AddPrompt(&sdkmcp.Prompt{Name: "greet"}, func(ctx context.Context, _ *sdkmcp.GetPromptRequest) (*sdkmcp.GetPromptResult, error) {
		return &sdkmcp.GetPromptResult{Description: where(ctx)}, nil
	})
	s.AddResource(&sdkmcp.Resource{Name: "notes", URI: "file:///notes"}, func(ctx context.Context, _ *sdkmcp.ReadResourceRequest) (*sdkmcp.ReadResourceResult, error) {
		return &sdkmcp.ReadResourceResult{Contents: []*sdkmcp.ResourceContents{{URI: "file:///notes", Text: where(ctx)}}}, nil
	})
	return s
}

// find returns the one span of that name and kind that has ended.
func find(t *testing.T, r *tracetest.SpanRecorder, name string, kind trace.SpanKind) sdk.ReadOnlySpan {
	t.Helper()
	var found []sdk.ReadOnlySpan
	var names []string
	for _, s := range r.Ended() {
		names = append(names, s.Name()+" "+s.SpanKind().String())
		if s.Name() == name && s.SpanKind() == kind {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d spans %q of kind %v among %q", len(found), name, kind, names)
	}
	return found[0]
}

func attributes(s sdk.ReadOnlySpan) map[string]string {
	m := map[string]string{}
	for _, kv := range s.Attributes() {
		m[string(kv.Key)] = kv.Value.Emit()
	}
	return m
}

func wantAttributes(t *testing.T, s sdk.ReadOnlySpan, want map[string]string) {
	t.Helper()
	got := attributes(s)
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s %s: %s = %q, want %q", s.SpanKind(), s.Name(), k, got[k], v)
		}
	}
}

func connect(t *testing.T, transport sdkmcp.Transport) *sdkmcp.ClientSession {
	t.Helper()
	client := mcp.NewClient(&sdkmcp.Implementation{Name: "client", Version: "1"}, nil)
	session, err := mcp.ClientConnect(client, t.Context(), transport, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.Close() })
	return session
}

// inMemory connects to a server in the same process.
func inMemory(t *testing.T) *sdkmcp.ClientSession {
	t.Helper()
	near, far := sdkmcp.NewInMemoryTransports()
	if _, err := mcp.ServerConnect(newServer(), t.Context(), far, nil); err != nil {
		t.Fatal(err)
	}
	return connect(t, near)
}

func call(t *testing.T, ctx context.Context, s *sdkmcp.ClientSession, city string) *sdkmcp.CallToolResult {
	t.Helper()
	res, err := s.CallTool(ctx, &sdkmcp.CallToolParams{Name: "get_weather", Arguments: weather{city}})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func text(res *sdkmcp.CallToolResult) string { return res.Content[0].(*sdkmcp.TextContent).Text }

func TestStdioCarriesTheTraceToAnotherProcess(t *testing.T) {
	recorder := spantest.Record(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "BE_AN_MCP_SERVER=1")
	cmd.Stderr = os.Stderr
	session := connect(t, &sdkmcp.CommandTransport{Command: cmd})

	got := text(call(t, t.Context(), session, "Rome"))
	span := find(t, recorder, "tools/call get_weather", trace.SpanKindClient)
	want := span.SpanContext().TraceID().String() + " " + span.SpanContext().SpanID().String()
	if got != want {
		t.Errorf("the handler in the other process ran below %q, want %q", got, want)
	}
	wantAttributes(t, span, map[string]string{
		"mcp.method.name": "tools/call", "gen_ai.tool.name": "get_weather", "gen_ai.operation.name": "execute_tool",
		"network.transport": "pipe", "mcp.protocol.version": session.InitializeResult().ProtocolVersion,
	})
}

func TestEveryRequestHasASpanOnBothSides(t *testing.T) {
	recorder := spantest.Record(t)
	session := inMemory(t)
	call(t, t.Context(), session, "Rome")
	prompt, err := session.GetPrompt(t.Context(), &sdkmcp.GetPromptParams{Name: "greet"})
	if err != nil {
		t.Fatal(err)
	}
	resource, err := session.ReadResource(t.Context(), &sdkmcp.ReadResourceParams{URI: "file:///notes"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := session.ListTools(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := session.Ping(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, seen string
		attributes map[string]string
	}{
		{"tools/call get_weather", "", map[string]string{"gen_ai.tool.name": "get_weather", "mcp.method.name": "tools/call"}},
		{"prompts/get greet", prompt.Description, map[string]string{"gen_ai.prompt.name": "greet"}},
		{"resources/read", resource.Contents[0].Text, map[string]string{"mcp.resource.uri": "file:///notes"}},
		{"tools/list", "", map[string]string{"mcp.method.name": "tools/list"}},
	} {
		client := find(t, recorder, test.name, trace.SpanKindClient)
		server := find(t, recorder, test.name, trace.SpanKindServer)
		if server.Parent().SpanID() != client.SpanContext().SpanID() || !server.Parent().IsRemote() {
			t.Errorf("%s: the server's span is not below the client's", test.name)
		}
		if want := client.SpanContext().SpanID().String(); test.seen != "" && !strings.HasSuffix(test.seen, want) {
			t.Errorf("%s: the handler saw %q, want a span below %s", test.name, test.seen, want)
		}
		for _, s := range []sdk.ReadOnlySpan{client, server} {
			wantAttributes(t, s, test.attributes)
			wantAttributes(t, s, map[string]string{"network.transport": "pipe"})
			for k, v := range attributes(s) {
				if v == "" {
					t.Errorf("%s: attribute %s is empty", test.name, k)
				}
			}
		}
	}
	if slices.ContainsFunc(recorder.Ended(), func(s sdk.ReadOnlySpan) bool { return strings.HasPrefix(s.Name(), "ping") }) {
		t.Error("a ping has a span")
	}
}

func TestStreamableHTTP(t *testing.T) {
	for _, stateless := range []bool{false, true} {
		t.Run(fmt.Sprintf("stateless=%v", stateless), func(t *testing.T) {
			recorder := spantest.Record(t)
			server := newServer()
			http := httptest.NewServer(sdkmcp.NewStreamableHTTPHandler(
				func(*requestHTTP) *sdkmcp.Server { return server }, &sdkmcp.StreamableHTTPOptions{Stateless: stateless}))
			defer http.Close()
			session := connect(t, &sdkmcp.StreamableClientTransport{Endpoint: http.URL})
			defer session.Close()
			ctx, root := otel.Tracer("test").Start(t.Context(), "root")
			got := text(call(t, ctx, session, "Rome"))
			root.End()

			client := find(t, recorder, "tools/call get_weather", trace.SpanKindClient)
			served := find(t, recorder, "tools/call get_weather", trace.SpanKindServer)
			if client.Parent().SpanID() != root.SpanContext().SpanID() || served.Parent().SpanID() != client.SpanContext().SpanID() {
				t.Errorf("root %v, client below %v, server below %v", root.SpanContext().SpanID(), client.Parent().SpanID(), served.Parent().SpanID())
			}
			if want := root.SpanContext().TraceID().String() + " " + client.SpanContext().SpanID().String(); got != want {
				t.Errorf("the handler ran in %q, want %q", got, want)
			}
			for _, s := range []sdk.ReadOnlySpan{client, served} {
				wantAttributes(t, s, map[string]string{
					"network.transport": "tcp", "network.protocol.name": "http",
					"mcp.protocol.version": session.InitializeResult().ProtocolVersion,
				})
			}
			wantAttributes(t, client, map[string]string{"server.address": "127.0.0.1"})
			if !stateless {
				wantAttributes(t, served, map[string]string{"mcp.session.id": session.ID()})
			}
		})
	}
}

func TestTheTransportIsLinked(t *testing.T) {
	recorder := spantest.Record(t)
	server := newServer()
	handler := sdkmcp.NewStreamableHTTPHandler(func(*requestHTTP) *sdkmcp.Server { return server }, &sdkmcp.StreamableHTTPOptions{Stateless: true})
	var around trace.SpanContext
	http := httptest.NewServer(httpFunc(func(w responseWriter, r *requestHTTP) {
		ctx, span := otel.Tracer("http").Start(r.Context(), "POST /mcp", trace.WithSpanKind(trace.SpanKindServer))
		defer span.End()
		around = span.SpanContext()
		handler.ServeHTTP(w, r.WithContext(ctx))
	}))
	defer http.Close()
	session := connect(t, &sdkmcp.StreamableClientTransport{Endpoint: http.URL})
	call(t, t.Context(), session, "Rome")
	served := find(t, recorder, "tools/call get_weather", trace.SpanKindServer)
	if links := served.Links(); len(links) != 1 || links[0].SpanContext.SpanID() != around.SpanID() {
		t.Errorf("links = %v, want one to %v", links, around.SpanID())
	}
}

func TestFailuresAreToldApart(t *testing.T) {
	recorder := spantest.Record(t)
	session := inMemory(t)
	if res := call(t, t.Context(), session, "Atlantis"); !res.IsError {
		t.Fatal("the tool did not fail")
	}
	for _, kind := range []trace.SpanKind{trace.SpanKindClient, trace.SpanKindServer} {
		s := find(t, recorder, "tools/call get_weather", kind)
		wantAttributes(t, s, map[string]string{"error.type": "tool_error", "rpc.response.status_code": ""})
		if st := s.Status(); st.Code != codes.Error || st.Description != "under water" {
			t.Errorf("%v: status %v", kind, st)
		}
	}
	_, err := session.ReadResource(t.Context(), &sdkmcp.ReadResourceParams{URI: "file:///gone?key=s3cret"})
	if err == nil {
		t.Fatal("a missing resource was read")
	}
	for _, kind := range []trace.SpanKind{trace.SpanKindClient, trace.SpanKindServer} {
		s := find(t, recorder, "resources/read", kind)
		wantAttributes(t, s, map[string]string{"mcp.resource.uri": "file:///gone"})
		// Which code it is has changed between versions of the protocol.
		if got := attributes(s); !strings.HasPrefix(got["error.type"], "-32") || got["rpc.response.status_code"] != got["error.type"] {
			t.Errorf("error.type %q, status code %q", got["error.type"], got["rpc.response.status_code"])
		}
		if s.Status().Code != codes.Error {
			t.Errorf("%v: status %v", kind, s.Status())
		}
	}
}

func TestTheCallersParametersStayAsTheyAre(t *testing.T) {
	recorder := spantest.Record(t)
	session := inMemory(t)
	meta := sdkmcp.Meta{"mine": "yes"}
	params := &sdkmcp.CallToolParams{Name: "get_weather", Arguments: weather{"Rome"}, Meta: meta}
	if _, err := session.CallTool(t.Context(), params); err != nil {
		t.Fatal(err)
	}
	if meta["mine"] != "yes" || meta["traceparent"] != nil || params.Meta["traceparent"] != nil {
		t.Errorf("the caller's _meta became %v", meta)
	}
	find(t, recorder, "tools/call get_weather", trace.SpanKindServer)
}

func TestATraceThatTheProgramSendsStays(t *testing.T) {
	spantest.Record(t)
	session := inMemory(t)
	const mine = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	res, err := session.CallTool(t.Context(), &sdkmcp.CallToolParams{
		Name: "get_weather", Arguments: weather{"Rome"}, Meta: sdkmcp.Meta{"traceparent": mine},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := text(res); got != "0af7651916cd43dd8448eb211c80319c b7ad6b7169203331" {
		t.Errorf("the handler ran below %q, want the program's own %s", got, mine)
	}
}

func TestBaggageTravels(t *testing.T) {
	spantest.Record(t)
	near, far := sdkmcp.NewInMemoryTransports()
	server := mcp.NewServer(&sdkmcp.Implementation{Name: "test", Version: "1"}, nil)
	sdkmcp.AddTool(server, &sdkmcp.Tool{Name: "get_weather"}, func(ctx context.Context, _ *sdkmcp.CallToolRequest, _ weather) (*sdkmcp.CallToolResult, any, error) {
		carrier := propagation.MapCarrier{}
		propagation.Baggage{}.Inject(ctx, carrier)
		return &sdkmcp.CallToolResult{Content: []sdkmcp.Content{&sdkmcp.TextContent{Text: carrier["baggage"]}}}, nil, nil
	})
	if _, err := mcp.ServerConnect(server, t.Context(), far, nil); err != nil {
		t.Fatal(err)
	}
	session := connect(t, near)
	ctx := propagation.Baggage{}.Extract(t.Context(), propagation.MapCarrier{"baggage": "tenant=blue"})
	if got := text(call(t, ctx, session, "Rome")); got != "tenant=blue" {
		t.Errorf("baggage %q arrived", got)
	}
}

func TestUnsampledCallsStayUnsampled(t *testing.T) {
	recorder := spantest.Record(t, sdk.WithSampler(sdk.NeverSample()))
	session := inMemory(t)
	ctx, root := otel.Tracer("test").Start(t.Context(), "root")
	defer root.End()
	if got, want := text(call(t, ctx, session, "Rome")), root.SpanContext().TraceID().String(); !strings.HasPrefix(got, want) {
		t.Errorf("the handler ran in %q, want trace %s", got, want)
	}
	if n := len(recorder.Ended()); n != 0 {
		t.Errorf("%d spans were recorded", n)
	}
}

func TestServersAskClients(t *testing.T) {
	recorder := spantest.Record(t)
	near, far := sdkmcp.NewInMemoryTransports()
	server := newServer()
	back, err := mcp.ServerConnect(server, t.Context(), far, nil)
	if err != nil {
		t.Fatal(err)
	}
	connect(t, near)
	if _, err := back.ListRoots(t.Context(), nil); err != nil && strings.Contains(err.Error(), "cannot be sent") {
		t.Skip("this version's protocol has no such requests: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
	asks, answers := find(t, recorder, "roots/list", trace.SpanKindClient), find(t, recorder, "roots/list", trace.SpanKindServer)
	if answers.Parent().SpanID() != asks.SpanContext().SpanID() {
		t.Error("the client's answer is not below the server's question")
	}
}
