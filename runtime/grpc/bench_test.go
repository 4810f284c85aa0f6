package grpc

import (
	"context"
	"os"
	"testing"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"

	"github.com/orchestrall/orchestrall/runtime/internal/turns"
	"github.com/orchestrall/orchestrall/runtime/internal/w3c"
)

// way is one way to have a server and a client on loopback.
type way struct {
	name    string
	server  func(...grpc.ServerOption) *grpc.Server
	dial    func(string, ...grpc.DialOption) (*grpc.ClientConn, error)
	sampled bool
}

// servers are ways to have a server, with the same client, which always sends a
// trace along.
var servers = []way{
	{"bare", grpc.NewServer, grpc.NewClient, false},
	{"contrib-by-hand", byHandServer, grpc.NewClient, true},
	{"contrib-by-hand-unsampled", byHandServer, grpc.NewClient, false},
	{"unsampled", NewServer, grpc.NewClient, false},
	{"sampled", NewServer, grpc.NewClient, true},
	{"empty-handler", emptyServer, grpc.NewClient, false},
}

// ways have both sides instrumented.
var ways = []way{
	{"bare", grpc.NewServer, grpc.NewClient, false},
	{"contrib-by-hand", byHandServer, byHandClient, true},
	{"contrib-by-hand-unsampled", byHandServer, byHandClient, false},
	{"unsampled", NewServer, NewClient, false},
	{"sampled", NewServer, NewClient, true},
	{"empty-handler", emptyServer, emptyClient, false},
	{"floor", emptyServer, headerClient, false},
}

// empty is the least that a stats handler can do. What gRPC does for it, no
// instrumentation by a stats handler can save; with the header that takes the
// trace along it is the floor.
type empty struct{}

func (empty) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (empty) HandleRPC(context.Context, stats.RPCStats)                         {}
func (empty) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (empty) HandleConn(context.Context, stats.ConnStats)                       {}

func emptyServer(options ...grpc.ServerOption) *grpc.Server {
	return grpc.NewServer(append(options, grpc.StatsHandler(empty{}))...)
}

func emptyClient(target string, options ...grpc.DialOption) (*grpc.ClientConn, error) {
	return grpc.NewClient(target, append(options, grpc.WithStatsHandler(empty{}))...)
}

// headerClient makes calls that carry a trace, and is otherwise an empty client.
func headerClient(target string, options ...grpc.DialOption) (*grpc.ClientConn, error) {
	header := func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		parent, _ := w3c.Format(trace.SpanContextFromContext(ctx))
		return invoke(metadata.AppendToOutgoingContext(ctx, "traceparent", parent), method, req, reply, cc, opts...)
	}
	return emptyClient(target, append(options, grpc.WithChainUnaryInterceptor(header))...)
}

func byHandServer(options ...grpc.ServerOption) *grpc.Server {
	return grpc.NewServer(append(options, grpc.StatsHandler(otelgrpc.NewServerHandler()))...)
}

func byHandClient(target string, options ...grpc.DialOption) (*grpc.ClientConn, error) {
	return grpc.NewClient(target, append(options, grpc.WithStatsHandler(otelgrpc.NewClientHandler()))...)
}

// call returns a function that makes one call, which is traced by the program
// itself if so said.
func call(b testing.TB, w way, traced bool) func() {
	flags := trace.TraceFlags(0)
	if w.sampled {
		flags = trace.FlagsSampled
	}
	ctx := trace.ContextWithRemoteSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceFlags: flags,
	}))
	if parent, ok := w3c.Format(trace.SpanContextFromContext(ctx)); ok && traced {
		ctx = metadata.AppendToOutgoingContext(ctx, "traceparent", parent)
	}
	c := connect(b, w.server, w.dial)
	return func() {
		if _, err := say(ctx, c, "hello"); err != nil {
			b.Fatal(err)
		}
	}
}

func trained(b testing.TB) {
	tracers, meters, propagator := otel.GetTracerProvider(), otel.GetMeterProvider(), otel.GetTextMapPropagator()
	otel.SetTracerProvider(sdk.NewTracerProvider())
	otel.SetMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())))
	otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}))
	b.Cleanup(func() {
		otel.SetTracerProvider(tracers)
		otel.SetMeterProvider(meters)
		otel.SetTextMapPropagator(propagator)
	})
}

func BenchmarkGRPC(b *testing.B) {
	trained(b)
	for _, w := range ways {
		b.Run(w.name, func(b *testing.B) {
			do := call(b, w, false)
			b.ReportAllocs()
			for b.Loop() {
				do()
			}
		})
	}
}

// TestRatios prints the shares of the throughput that are left, and what they
// have to be: of a server alone, and of a server and its client.
func TestRatios(t *testing.T) {
	trained(t)
	bare := turns.Base{Name: "bare"}
	of := map[string][]turns.Base{
		"contrib-by-hand":           {bare},
		"contrib-by-hand-unsampled": {bare},
		"empty-handler":             {bare},
		"floor":                     {bare},
		"unsampled":                 {{Name: "bare", Limit: 0.97}, {Name: "contrib-by-hand-unsampled", Limit: 0.95}},
		"sampled":                   {{Name: "contrib-by-hand", Limit: 0.95}},
	}
	compare := func(title string, ways []way, traced bool, floor string) {
		var all []turns.Way
		for _, w := range ways {
			do := call(t, w, traced)
			bases := of[w.name]
			if w.name == "unsampled" {
				bases = append(bases[:len(bases):len(bases)], turns.Base{Name: floor})
			}
			all = append(all, turns.Way{Name: w.name, Of: bases, Run: func() {
				for range 50 {
					do()
				}
			}})
		}
		turns.Compare(t, os.Stdout, title, all, 50)
	}
	compare("gRPC server, unary", servers, true, "empty-handler")
	compare("gRPC server and client", ways, false, "floor")
}
