package grpc

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// desc is a service without generated code: Say answers with what it got, Count
// streams as many numbers as it is asked for.
var desc = grpc.ServiceDesc{
	ServiceName: "test.Echo",
	HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{{MethodName: "Say", Handler: func(_ any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
		in := new(wrapperspb.StringValue)
		if err := decode(in); err != nil {
			return nil, err
		}
		if in.Value == "fail" {
			return nil, status.Error(grpccodes.Internal, "as asked")
		}
		if in.Value == "trace" {
			return wrapperspb.String(trace.SpanContextFromContext(ctx).TraceID().String()), nil
		}
		return in, nil
	}}},
	Streams: []grpc.StreamDesc{{StreamName: "Count", ServerStreams: true, ClientStreams: true, Handler: func(_ any, s grpc.ServerStream) error {
		for {
			in := new(wrapperspb.Int64Value)
			switch err := s.RecvMsg(in); err {
			case nil:
			case io.EOF:
				return nil
			default:
				return err
			}
			if err := s.SendMsg(in); err != nil {
				return err
			}
		}
	}}},
}

// connect starts a server and a client of it.
func connect(t testing.TB, newServer func(...grpc.ServerOption) *grpc.Server, dial func(string, ...grpc.DialOption) (*grpc.ClientConn, error), options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newServer()
	s.RegisterService(&desc, nil)
	healthpb.RegisterHealthServer(s, health.NewServer())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l)
	}()
	c, err := dial(l.Addr().String(), append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Close()
		s.GracefulStop()
		<-done
	})
	return c
}

func provide(t testing.TB) (*tracetest.SpanRecorder, *sdkmetric.ManualReader) {
	t.Helper()
	r, reader := tracetest.NewSpanRecorder(), sdkmetric.NewManualReader()
	tracers, meters, propagator := otel.GetTracerProvider(), otel.GetMeterProvider(), otel.GetTextMapPropagator()
	otel.SetTracerProvider(sdk.NewTracerProvider(sdk.WithSpanProcessor(r)))
	otel.SetMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	otel.SetTextMapPropagator(propagation.TraceContext{})
	// The handlers of another test hold on to its providers.
	h, c := server, client
	server = func() stats.Handler { return contained(otelgrpc.NewServerHandler) }
	client = func() stats.Handler { return contained(otelgrpc.NewClientHandler) }
	t.Cleanup(func() {
		server, client = h, c
		otel.SetTracerProvider(tracers)
		otel.SetMeterProvider(meters)
		otel.SetTextMapPropagator(propagator)
	})
	return r, reader
}

func say(ctx context.Context, c *grpc.ClientConn, text string) (string, error) {
	out := new(wrapperspb.StringValue)
	err := c.Invoke(ctx, "/test.Echo/Say", wrapperspb.String(text), out)
	return out.Value, err
}

// pair waits for the two spans of a call and returns them.
func pair(t *testing.T, r *tracetest.SpanRecorder, name string) (client, server sdk.ReadOnlySpan) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		for _, s := range r.Ended() {
			switch {
			case s.Name() == name && s.SpanKind() == trace.SpanKindClient:
				client = s
			case s.Name() == name && s.SpanKind() == trace.SpanKindServer:
				server = s
			}
		}
		if client != nil && server != nil {
			if server.Parent().SpanID() != client.SpanContext().SpanID() || server.SpanContext().TraceID() != client.SpanContext().TraceID() {
				t.Errorf("the server's span is no child of the client's")
			}
			return client, server
		}
	}
	t.Fatalf("no two spans of %s", name)
	return nil, nil
}

func dialContext(target string, options ...grpc.DialOption) (*grpc.ClientConn, error) {
	return DialContext(context.Background(), target, options...)
}

func TestUnary(t *testing.T) {
	for name, dial := range map[string]func(string, ...grpc.DialOption) (*grpc.ClientConn, error){
		"NewClient": NewClient, "Dial": Dial, "DialContext": dialContext,
	} {
		t.Run(name, func(t *testing.T) {
			r, reader := provide(t)
			c := connect(t, NewServer, dial)
			ctx, root := otel.Tracer("test").Start(t.Context(), "root")
			got, err := say(ctx, c, "trace")
			root.End()
			if err != nil || got != root.SpanContext().TraceID().String() {
				t.Errorf("the handler runs in trace %s: %v", got, err)
			}
			own, _ := pair(t, r, "test.Echo/Say")
			if own.Parent().SpanID() != root.SpanContext().SpanID() {
				t.Error("the client's span is no child of the caller's")
			}
			names := fmt.Sprint(waitFor(t, reader, 2))
			for _, want := range []string{"rpc.client.call.duration", "rpc.server.call.duration"} {
				if !strings.Contains(names, want) {
					t.Errorf("no %s among %s", want, names)
				}
			}
		})
	}
}

func TestErrors(t *testing.T) {
	r, _ := provide(t)
	c := connect(t, NewServer, NewClient)
	_, err := say(t.Context(), c, "fail")
	if s, _ := status.FromError(err); s.Code() != grpccodes.Internal || s.Message() != "as asked" {
		t.Errorf("error %v", err)
	}
	own, theirs := pair(t, r, "test.Echo/Say")
	if own.Status().Code != codes.Error || theirs.Status().Code != codes.Error {
		t.Errorf("the states are %v and %v", own.Status(), theirs.Status())
	}
}

func TestStream(t *testing.T) {
	r, _ := provide(t)
	c := connect(t, NewServer, NewClient)
	s, err := c.NewStream(t.Context(), &desc.Streams[0], "/test.Echo/Count")
	if err != nil {
		t.Fatal(err)
	}
	for i := range int64(3) {
		out := new(wrapperspb.Int64Value)
		if err := s.SendMsg(wrapperspb.Int64(i)); err != nil {
			t.Fatal(err)
		}
		if err := s.RecvMsg(out); err != nil || out.Value != i {
			t.Fatalf("got %d, want %d: %v", out.Value, i, err)
		}
	}
	_ = s.CloseSend()
	if err := s.RecvMsg(new(wrapperspb.Int64Value)); err != io.EOF {
		t.Errorf("error %v", err)
	}
	if own, theirs := pair(t, r, "test.Echo/Count"); own.Status().Code == codes.Error || theirs.Status().Code == codes.Error {
		t.Errorf("the states are %v and %v", own.Status(), theirs.Status())
	}
}

func TestHealthChecksLeaveNoSpan(t *testing.T) {
	r, _ := provide(t)
	c := connect(t, NewServer, NewClient)
	if _, err := healthpb.NewHealthClient(c).Check(t.Context(), new(healthpb.HealthCheckRequest)); err != nil {
		t.Fatal(err)
	}
	if _, err := say(t.Context(), c, "after"); err != nil {
		t.Fatal(err)
	}
	pair(t, r, "test.Echo/Say")
	if n := len(r.Ended()); n != 2 {
		t.Errorf("%d spans", n)
	}
}

// watcher is a stats handler of the program's own.
type watcher struct{ seen chan trace.SpanContext }

func (w watcher) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	w.seen <- trace.SpanContextFromContext(ctx)
	return ctx
}
func (watcher) HandleRPC(context.Context, stats.RPCStats)                         {}
func (watcher) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (watcher) HandleConn(context.Context, stats.ConnStats)                       {}

func TestOwnHandlersStayAndSeeTheSpan(t *testing.T) {
	r, _ := provide(t)
	w := watcher{make(chan trace.SpanContext, 1)}
	c := connect(t, NewServer, NewClient, grpc.WithStatsHandler(w))
	if _, err := say(t.Context(), c, "x"); err != nil {
		t.Fatal(err)
	}
	own, _ := pair(t, r, "test.Echo/Say")
	if seen := <-w.seen; seen.SpanID() != own.SpanContext().SpanID() {
		t.Errorf("it saw %v", seen)
	}
}
