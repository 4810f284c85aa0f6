package grpc

import (
	"context"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"
)

// way is one way to have a server and a client on loopback.
type way struct {
	name    string
	server  func(...grpc.ServerOption) *grpc.Server
	dial    func(string, ...grpc.DialOption) (*grpc.ClientConn, error)
	sampled bool
}

var ways = []way{
	{"bare", grpc.NewServer, grpc.NewClient, false},
	{"contrib-by-hand", byHandServer, byHandClient, true},
	{"unsampled", NewServer, NewClient, false},
	{"sampled", NewServer, NewClient, true},
	{"empty-handler", emptyServer, emptyClient, false},
}

// empty is the least that a stats handler can do. What gRPC does for it, no
// instrumentation by a stats handler can save.
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

func byHandServer(options ...grpc.ServerOption) *grpc.Server {
	return grpc.NewServer(append(options, grpc.StatsHandler(otelgrpc.NewServerHandler()))...)
}

func byHandClient(target string, options ...grpc.DialOption) (*grpc.ClientConn, error) {
	return grpc.NewClient(target, append(options, grpc.WithStatsHandler(otelgrpc.NewClientHandler()))...)
}

// call returns a function that makes one call.
func call(b *testing.B, w way) func() {
	flags := trace.TraceFlags(0)
	if w.sampled {
		flags = trace.FlagsSampled
	}
	ctx := trace.ContextWithRemoteSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceFlags: flags,
	}))
	c := connect(b, w.server, w.dial)
	return func() {
		if _, err := say(ctx, c, "hello"); err != nil {
			b.Fatal(err)
		}
	}
}

func trained(b *testing.B) {
	tracers, propagator := otel.GetTracerProvider(), otel.GetTextMapPropagator()
	otel.SetTracerProvider(sdk.NewTracerProvider())
	otel.SetTextMapPropagator(propagation.TraceContext{})
	b.Cleanup(func() {
		otel.SetTracerProvider(tracers)
		otel.SetTextMapPropagator(propagator)
	})
}

func BenchmarkGRPC(b *testing.B) {
	trained(b)
	for _, w := range ways {
		b.Run(w.name, func(b *testing.B) {
			do := call(b, w)
			b.ReportAllocs()
			for b.Loop() {
				do()
			}
		})
	}
}

// BenchmarkGRPCThroughput compares in turns, so that what else the machine does
// falls on both sides alike. throughput is the share that is left.
func BenchmarkGRPCThroughput(b *testing.B) {
	trained(b)
	for name, pair := range map[string][2]way{
		"unsampled-of-bare": {ways[0], ways[2]},
		"sampled-of-byhand": {ways[1], ways[3]},
		"empty-of-bare":     {ways[0], ways[4]},
	} {
		b.Run(name, func(b *testing.B) {
			base, own := call(b, pair[0]), call(b, pair[1])
			var shares []float64
			for b.Loop() {
				shares = append(shares, float64(batch(base))/float64(batch(own)))
			}
			slices.Sort(shares)
			b.ReportMetric(shares[len(shares)/2], "throughput")
		})
	}
}

func batch(do func()) time.Duration {
	start := time.Now()
	for range 10 {
		do()
	}
	return time.Since(start)
}
