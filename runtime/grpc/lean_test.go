package grpc

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"testing"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/protobuf/types/known/wrapperspb"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

func below(ctx context.Context, sampled bool) (context.Context, trace.SpanContext) {
	sc := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.TraceFlags(0).WithSampled(sampled), Remote: true})
	return trace.ContextWithRemoteSpanContext(ctx, sc), sc
}

// counted is how many calls each series has, but for the port, which differs.
func counted(t *testing.T, reader *sdkmetric.ManualReader) map[string]uint64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	counts := map[string]uint64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			h, ok := m.Data.(metricdata.Histogram[float64])
			if !ok {
				continue
			}
			for _, p := range h.DataPoints {
				set, _ := p.Attributes.Filter(func(kv attribute.KeyValue) bool { return kv.Key != "server.port" })
				series := fmt.Sprint(scope.Scope, m.Name, m.Unit, m.Description, p.Bounds, set.Encoded(attribute.DefaultEncoder()))
				counts[series] += p.Count
			}
		}
	}
	return counts
}

// waitFor waits until so many calls are counted: a server's ends after its answer.
func waitFor(t *testing.T, reader *sdkmetric.ManualReader, calls uint64) map[string]uint64 {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		counts, n := counted(t, reader), uint64(0)
		for _, count := range counts {
			n += count
		}
		if n >= calls {
			return counts
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d calls are counted", n, calls)
		}
	}
}

func exercise(t *testing.T, ctx context.Context, c *grpc.ClientConn) {
	t.Helper()
	for range 3 {
		if _, err := say(ctx, c, "x"); err != nil {
			t.Fatal(err)
		}
		if _, err := say(ctx, c, "fail"); err == nil {
			t.Fatal("no error")
		}
	}
	// Nothing is sent to the unknown method: gRPC tells handlers of a call that ends
	// while it is being sent to that it went well.
	s, err := c.NewStream(ctx, &desc.Streams[0], "/test.Echo/None")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RecvMsg(new(wrapperspb.Int64Value)); err == nil {
		t.Fatal("no error")
	}
	s, err = c.NewStream(ctx, &desc.Streams[0], "/test.Echo/Count")
	if err != nil {
		t.Fatal(err)
	}
	_ = s.CloseSend()
	if err := s.RecvMsg(new(wrapperspb.Int64Value)); err == nil {
		t.Fatal("no end")
	}
}

// exercised is how many calls are counted: those of both sides, but gRPC tells no
// server handler that a call of an unknown method is over.
const exercised = 15

func TestUnsampledCallsAreMeasuredAsByHand(t *testing.T) {
	for _, mode := range []string{"", "rpc/old", "rpc/dup"} {
		t.Run("mode "+mode, func(t *testing.T) {
			t.Setenv("OTEL_SEMCONV_STABILITY_OPT_IN", mode)
			times := uint64(1)
			if mode == "rpc/dup" {
				times = 2
			}
			_, reader := provide(t)
			ctx, _ := below(t.Context(), false)
			exercise(t, ctx, connect(t, byHandServer, byHandClient))
			want := waitFor(t, reader, exercised*times)

			r, reader := provide(t)
			exercise(t, ctx, connect(t, NewServer, NewClient))
			if got := waitFor(t, reader, exercised*times); !maps.Equal(got, want) {
				t.Errorf("measured\n%v\nby hand\n%v", got, want)
			}
			if n := len(r.Ended()); n != 0 {
				t.Errorf("%d spans", n)
			}
		})
	}
}

func TestUnsampledCallsTakeTheTraceAlong(t *testing.T) {
	provide(t)
	w := watcher{make(chan trace.SpanContext, 1)}
	ctx, sc := below(t.Context(), false)
	ctx = metadata.AppendToOutgoingContext(ctx, "own", "kept", "traceparent", "old")
	c := connect(t, func(o ...grpc.ServerOption) *grpc.Server { return NewServer(append(o, grpc.StatsHandler(w))...) }, NewClient)
	got, err := say(ctx, c, "trace")
	if err != nil || got != sc.TraceID().String() {
		t.Errorf("the handler runs in trace %s: %v", got, err)
	}
	if seen := <-w.seen; !seen.Equal(sc) {
		t.Errorf("the server sees %v", seen)
	}
	if md, _ := metadata.FromOutgoingContext(ctx); md.Get("traceparent")[0] != "old" {
		t.Error("the caller's metadata was written to")
	}
}

func TestRootsThatAreNotSampledHaveATrace(t *testing.T) {
	r, reader := provide(t)
	orchestrall.SetRootsSampled(false)
	t.Cleanup(func() { orchestrall.SetRootsSampled(true) })
	c := connect(t, NewServer, NewClient)
	got, err := say(t.Context(), c, "trace")
	if id, bad := trace.TraceIDFromHex(got); err != nil || bad != nil || !id.IsValid() {
		t.Errorf("the handler runs in trace %s: %v", got, err)
	}
	waitFor(t, reader, 2)
	if n := len(r.Ended()); n != 0 {
		t.Errorf("%d spans", n)
	}
}

// keeper samples what the runtime rescues, as the bootstrap's sampler does.
type keeper struct{ sdk.Sampler }

func (k keeper) ShouldSample(p sdk.SamplingParameters) sdk.SamplingResult {
	if _, _, rescued := orchestrall.Rescued(p.ParentContext); rescued {
		return sdk.SamplingResult{Decision: sdk.RecordAndSample}
	}
	return k.Sampler.ShouldSample(p)
}

func TestUnsampledCallsThatFailKeepASpan(t *testing.T) {
	r, reader := provide(t)
	otel.SetTracerProvider(sdk.NewTracerProvider(sdk.WithSpanProcessor(r), sdk.WithSampler(keeper{sdk.ParentBased(sdk.NeverSample())})))
	orchestrall.SetKeepErrors(true)
	t.Cleanup(func() { orchestrall.SetKeepErrors(false) })
	c := connect(t, NewServer, NewClient)
	ctx, sc := below(t.Context(), false)
	before := time.Now()
	for range 2 { // the second is known
		if _, err := say(ctx, c, "x"); err != nil {
			t.Fatal(err)
		}
		if _, err := say(ctx, c, "fail"); err == nil {
			t.Fatal("no error")
		}
	}
	waitFor(t, reader, 8)
	if n := len(r.Ended()); n != 4 {
		t.Fatalf("%d spans", n)
	}
	for _, s := range r.Ended() {
		if s.Name() != "test.Echo/Say" || s.Status().Code != codes.Error || s.Parent().SpanID() != sc.SpanID() || s.SpanContext().TraceID() != sc.TraceID() {
			t.Errorf("%s %v below %v in %v", s.Name(), s.Status(), s.Parent().SpanID(), s.SpanContext().TraceID())
		}
		if !s.StartTime().After(before) || !s.EndTime().After(s.StartTime()) {
			t.Errorf("from %v to %v", s.StartTime(), s.EndTime())
		}
		known := attribute.NewSet(s.Attributes()...)
		for _, key := range []attribute.Key{"rpc.system.name", "rpc.method", "rpc.response.status_code", "server.address"} {
			if !known.HasValue(key) {
				t.Errorf("no %s among %v", key, s.Attributes())
			}
		}
	}
}

// A call below another of the same side is not taken for it, such as the one
// that fetches credentials.
func TestCallsWithinCalls(t *testing.T) {
	provide(t)
	h := clientSide{newLean(otelgrpc.NewClientHandler)}
	info := &stats.RPCTagInfo{FullMethodName: "/test.Echo/Say"}
	outer, _ := below(t.Context(), false)
	outer = h.TagRPC(outer, info)
	inner, _ := below(outer, true)
	inner = h.TagRPC(inner, info)
	if h.callOf(outer) == nil || h.callOf(inner) != nil || !trace.SpanFromContext(inner).IsRecording() {
		t.Error("the sampled call is taken for the one around it")
	}
	again, _ := below(inner, false)
	if c := h.callOf(h.TagRPC(again, info)); c == nil || c == h.callOf(outer) {
		t.Error("the call that is not sampled is not seen below the one that is")
	}
}

// A server's clients choose the method, so that what is learned has a bound;
// past it calls are measured all the same.
func TestWhatIsLearnedHasABound(t *testing.T) {
	_, reader := provide(t)
	h := serverSide{newLean(otelgrpc.NewServerHandler)}
	ctx, _ := below(t.Context(), false)
	const calls = maxEndings + 50
	for i := range calls {
		c := h.TagRPC(ctx, &stats.RPCTagInfo{FullMethodName: "/any/" + strconv.Itoa(i)})
		h.HandleRPC(c, &stats.End{BeginTime: time.Now(), EndTime: time.Now()})
	}
	if n := len(*h.durations.ends.Load()); n != maxEndings {
		t.Errorf("%d endings are known", n)
	}
	waitFor(t, reader, calls)
}
