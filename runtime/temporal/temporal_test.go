package temporal_test

import (
	"context"
	"net"
	"strings"
	"testing"

	"go.opentelemetry.io/otel"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"google.golang.org/grpc"

	"github.com/orchestrall/orchestrall/runtime/internal/spantest"
	"github.com/orchestrall/orchestrall/runtime/temporal"
)

// frontend is as much of a Temporal server as a client needs to start a
// workflow.
type frontend struct {
	workflowservice.UnimplementedWorkflowServiceServer
	started chan *workflowservice.StartWorkflowExecutionRequest
}

func (f *frontend) GetSystemInfo(context.Context, *workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{Capabilities: &workflowservice.GetSystemInfoResponse_Capabilities{}}, nil
}

func (f *frontend) StartWorkflowExecution(_ context.Context, req *workflowservice.StartWorkflowExecutionRequest) (*workflowservice.StartWorkflowExecutionResponse, error) {
	f.started <- req
	return &workflowservice.StartWorkflowExecutionResponse{RunId: "run"}, nil
}

func serve(t *testing.T) (*frontend, string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f, server := &frontend{started: make(chan *workflowservice.StartWorkflowExecutionRequest, 1)}, grpc.NewServer()
	workflowservice.RegisterWorkflowServiceServer(server, f)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return f, listener.Addr().String()
}

func TestWorkflowsCarryTheTraceOfTheirStart(t *testing.T) {
	rec := spantest.Record(t)

	for name, dial := range map[string]func(client.Options) (client.Client, error){
		"dial":    temporal.Dial,
		"context": func(o client.Options) (client.Client, error) { return temporal.DialContext(t.Context(), o) },
		"lazy":    temporal.NewLazyClient,
	} {
		t.Run(name, func(t *testing.T) {
			rec.Reset()
			f, address := serve(t)
			c, err := dial(client.Options{HostPort: address})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			ctx, parent := otel.Tracer("test").Start(t.Context(), "request")
			if _, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "1", TaskQueue: "q"}, "onboard"); err != nil {
				t.Fatal(err)
			}
			parent.End()
			ended := rec.Ended()
			if len(ended) != 2 || ended[0].Name() != "StartWorkflow:onboard" || ended[0].Parent().SpanID() != parent.SpanContext().SpanID() {
				t.Fatalf("got %v", ended)
			}
			header := (<-f.started).GetHeader().GetFields()["_tracer-data"]
			if want := ended[0].SpanContext().SpanID().String(); !strings.Contains(string(header.GetData()), want) {
				t.Errorf("the header over the wire is %s, want the span %s in it", header.GetData(), want)
			}
		})
	}
}

func TestOptionsStayTheCallers(t *testing.T) {
	_, address := serve(t)
	mine := make([]interceptor.ClientInterceptor, 0, 4)
	options := client.Options{HostPort: address, Interceptors: mine}
	c, err := temporal.NewLazyClient(options)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if first := mine[:1][0]; len(options.Interceptors) != 0 || first != nil {
		t.Error("the caller's list of interceptors has changed")
	}
}
