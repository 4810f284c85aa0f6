// Package grpc stands between woven code and gRPC: a server or a client is made
// as gRPC makes it, with the stats handler of OpenTelemetry's contrib,
// otelgrpc, in front of the program's own. Every call, unary or streaming,
// becomes a span on either side, the trace travels in the metadata, and
// durations are measured by the instruments that otelgrpc brings. Health checks
// are left out: they come every few seconds and tell nothing. A call that nobody
// samples passes contrib's handler by and is only measured, see lean.
//
// Nothing here is meant to be called by hand; a program that wants otelgrpc of
// its own calls it, and then these functions are not woven.
package grpc

import (
	"context"
	"sync"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"
)

// NewServer is [grpc.NewServer].
func NewServer(opt ...grpc.ServerOption) *grpc.Server {
	h := server()
	if h == nil {
		return grpc.NewServer(opt...)
	}
	if l, ok := h.(*lean); ok {
		h = serverSide{l}
	}
	return grpc.NewServer(append([]grpc.ServerOption{grpc.StatsHandler(h)}, opt...)...)
}

// NewClient is [grpc.NewClient].
func NewClient(target string, opts ...grpc.DialOption) (*grpc.ClientConn, error) {
	return grpc.NewClient(target, dialed(opts)...)
}

// Dial is [grpc.Dial].
func Dial(target string, opts ...grpc.DialOption) (*grpc.ClientConn, error) {
	return grpc.Dial(target, dialed(opts)...) //nolint:staticcheck // what the program calls
}

// DialContext is [grpc.DialContext].
func DialContext(ctx context.Context, target string, opts ...grpc.DialOption) (*grpc.ClientConn, error) {
	return grpc.DialContext(ctx, target, dialed(opts)...) //nolint:staticcheck // what the program calls
}

// dialed puts the handler first, so that the program's own see the span.
func dialed(opts []grpc.DialOption) []grpc.DialOption {
	h := client()
	if h == nil {
		return opts
	}
	if l, ok := h.(*lean); ok {
		h = clientSide{l}
	}
	return append([]grpc.DialOption{grpc.WithStatsHandler(h)}, opts...)
}

// Handlers hold no state of a connection, and making one makes instruments; so
// there is one for all servers and one for all clients.
var (
	server = sync.OnceValue(func() stats.Handler { return contained(otelgrpc.NewServerHandler) })
	client = sync.OnceValue(func() stats.Handler { return contained(otelgrpc.NewClientHandler) })
)

// contained never costs the program its server: what fails in there is left out.
func contained(newHandler func(...otelgrpc.Option) stats.Handler) (h stats.Handler) {
	defer func() {
		if recover() != nil {
			h = nil
		}
	}()
	return newLean(newHandler)
}
