package grpc

import (
	"context"
	"net"
	"strings"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc/filters"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
	"github.com/orchestrall/orchestrall/runtime/internal/remote"
)

// lean stands in front of contrib's handler, which does nearly as much for a call
// that is not sampled as for one that is. Such a call is measured at its end and
// left alone before; contrib's handler has it again when it fails and errors
// are kept, and once for each way in which it can end, to say how it is measured.
type lean struct {
	stats.Handler               // contrib's
	replays       stats.Handler // contrib's, for calls that are over
	durations     durations
}

func newLean(newHandler func(...otelgrpc.Option) stats.Handler) *lean {
	l := new(lean)
	l.Handler = newHandler(otelgrpc.WithFilter(wanted), otelgrpc.WithPropagators(injecting{}))
	l.replays = newHandler(
		otelgrpc.WithPropagators(silent{}),
		otelgrpc.WithTracerProvider(rescuers{}),
		otelgrpc.WithMeterProvider(meters{durations: &l.durations}),
	)
	return l
}

// wanted leaves health checks out. Of a method that is none the filter would
// first make a clean path.
func wanted(info *stats.RPCTagInfo) bool {
	return !strings.Contains(info.FullMethodName, "grpc.health.v1.Health") || !healthCheck(info)
}

var healthCheck = filters.HealthCheck()

// serverSide and clientSide differ in how the trace travels.
type (
	serverSide struct{ *lean }
	clientSide struct{ *lean }
)

// quiet is a call that nobody samples, as the context in which it runs.
type quiet struct {
	context.Context
	remote remote.Span // the caller's, or that of a trace that begins here
	by     *lean       // nil: contrib's handler has it
	method string
	server net.Addr // once it is known
}

// Value implements context.Context.
func (c *quiet) Value(key any) any {
	if l, ok := key.(*lean); ok && (l == c.by || c.by == nil) {
		return c
	}
	if c.remote.Context.IsValid() && key == remote.Key {
		return &c.remote
	}
	return c.Context.Value(key)
}

// callOf returns the call that ctx belongs to, nil where contrib's handler has it.
func (l *lean) callOf(ctx context.Context) *quiet {
	c, ok := ctx.(*quiet)
	if !ok || c.by != l {
		c, ok = ctx.Value(l).(*quiet)
	}
	if !ok || c.by == nil {
		return nil
	}
	return c
}

// TagRPC implements stats.Handler.
func (s serverSide) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	c := &quiet{Context: ctx, method: info.FullMethodName}
	c.extract()
	if !s.unsampled(c, info) {
		return s.full(c, info)
	}
	c.by = s.lean
	return c
}

// TagRPC implements stats.Handler.
func (s clientSide) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	c := &quiet{Context: ctx, method: info.FullMethodName}
	if !s.unsampled(c, info) {
		return s.full(ctx, info)
	}
	c.by, c.Context = s.lean, c.inject()
	return c
}

// unsampled reports whether nobody samples the call. One with which a trace
// begins has ids then.
func (l *lean) unsampled(c *quiet, info *stats.RPCTagInfo) bool {
	if !wanted(info) {
		return false
	}
	if !trace.SpanContextFromContext(c).IsValid() {
		if sc, ok := orchestrall.UnsampledRoot(); ok {
			c.below(sc)
			return true
		}
	}
	_, ok := orchestrall.Unsampled(c)
	return ok
}

// below makes sc the span in c.
func (c *quiet) below(sc trace.SpanContext) {
	if remote.Key != nil {
		c.remote.Context = sc
		return
	}
	c.Context = trace.ContextWithSpanContext(c.Context, sc)
}

// full hands the call to contrib's handler. A call of the same side around it,
// such as the one for which credentials are fetched, must not be taken for it.
func (l *lean) full(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	if l.callOf(ctx) != nil {
		ctx = &quiet{Context: ctx}
	}
	return l.TagRPC(ctx, info)
}

// HandleRPC implements stats.Handler.
func (l *lean) HandleRPC(ctx context.Context, rs stats.RPCStats) {
	c := l.callOf(ctx)
	if c == nil {
		l.Handler.HandleRPC(ctx, rs)
		return
	}
	switch rs := rs.(type) {
	case *stats.InHeader:
		if !rs.Client {
			c.server = rs.LocalAddr
		}
	case *stats.OutHeader:
		if rs.Client {
			c.server = rs.RemoteAddr
		}
	case *stats.End:
		l.end(c, rs)
	}
}

// end measures the call.
func (l *lean) end(c *quiet, rs *stats.End) {
	code := codes.OK
	if rs.Error != nil {
		code = status.Code(rs.Error)
	}
	seconds := rs.EndTime.Sub(rs.BeginTime).Seconds()
	if !failed(code, rs.Client) || !orchestrall.KeepsErrors() {
		if !l.durations.enabled(c) {
			return
		}
		if m := l.durations.known(endingOf(c, code, rs.Client)); m != nil {
			m.record(c, seconds)
			return
		}
	}
	l.replay(c, code, rs)
}

// replay tells contrib's handler of a call that is over.
func (l *lean) replay(c *quiet, code codes.Code, rs *stats.End) {
	defer contain()
	p := &past{Context: c, begin: rs.BeginTime, failed: failed(code, rs.Client)}
	method := strings.Clone(c.method) // what is learned is kept
	ctx := l.replays.TagRPC(p, &stats.RPCTagInfo{FullMethodName: method})
	l.replays.HandleRPC(ctx, &stats.Begin{Client: rs.Client, BeginTime: rs.BeginTime})
	if rs.Client && c.server != nil {
		l.replays.HandleRPC(ctx, &stats.OutHeader{Client: true, FullMethod: method, RemoteAddr: c.server})
	} else if c.server != nil {
		l.replays.HandleRPC(ctx, &stats.InHeader{FullMethod: method, LocalAddr: c.server})
	}
	l.replays.HandleRPC(ctx, rs)
	if len(p.measured) > 0 {
		l.durations.learn(endingOf(c, code, rs.Client), p.measured)
	}
}

// failed is what the conventions call an error: on a server those codes are none
// that a caller can provoke.
func failed(code codes.Code, client bool) bool {
	switch code {
	case codes.OK:
		return false
	case codes.Unknown, codes.DeadlineExceeded, codes.Unimplemented, codes.Internal, codes.Unavailable, codes.DataLoss:
		return true
	}
	return client
}

func contain() { _ = recover() }
