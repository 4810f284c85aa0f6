package orchestrall_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// Every benchmark does the same work in four ways: as generated code does it
// (orchestrall), by hand with the same telemetry (hand), by hand without the
// attributes that say where the function is (lean), and with nothing but the
// SDK's span (bare). All of them run in one process, so that `make bench` can
// print ratios.

type input struct{ UserID, AgentType string }

type result struct{ Steps int }

var (
	errWork = errors.New("no")
	sink    *result
)

//go:noinline
func work(_ context.Context, in input) (*result, error) {
	if in.UserID == "" {
		return nil, errWork
	}
	return sink, nil
}

var (
	opPlain   orchestrall.Operation
	opFields  orchestrall.Operation
	opCarried orchestrall.Operation
	opWatched orchestrall.Operation

	handTracer = otel.Tracer("bench")
	handPlain  = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "hand_duration_seconds", Buckets: []float64{.0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5, 10, 60},
	}, []string{"operation", "status"})
	handFields = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "hand_fields_duration_seconds", Buckets: []float64{.0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5, 10, 60},
	}, []string{"operation", "status", "agent_type"})
)

func init() {
	opPlain.Register(orchestrall.Spec{
		Name: "Bench.Plain", Kind: orchestrall.Internal,
		Function: "bench.Plain", File: "bench/bench.go", Line: 10,
	})
	opFields.Register(orchestrall.Spec{
		Name: "Bench.Fields", Kind: orchestrall.Internal,
		Function: "bench.Fields", File: "bench/bench.go", Line: 20,
		Fields: []orchestrall.Field{
			{Role: orchestrall.Attribute, Key: "user.id"},
			{Role: orchestrall.Attribute, Key: "agent.type"},
			{Role: orchestrall.Label, Key: "agent_type"},
		},
	})
	opCarried.Register(orchestrall.Spec{
		Name: "Bench.Carried", Kind: orchestrall.Internal,
		Function: "bench.Carried", File: "bench/bench.go", Line: 30,
		Fields: []orchestrall.Field{
			{Role: orchestrall.Attribute, Key: "user.id"},
			{Role: orchestrall.Attribute, Key: "agent.type"},
			{Role: orchestrall.Carried, Key: "userId"},
			{Role: orchestrall.Label, Key: "agent_type"},
		},
	})
	opWatched.Register(orchestrall.Spec{
		Name: "Bench.Watched", Kind: orchestrall.Internal,
		Function: "bench.Watched", File: "bench/bench.go", Line: 40,
		Slow: time.Second, Hang: time.Minute,
	})
}

func of[T any](v T) orchestrall.Value { return orchestrall.Of(v) }

//go:noinline
func plainTraced(ctx context.Context, in input) (_ *result, err error) {
	ctx, call := opPlain.Start(ctx)
	defer call.EndErr(&err)
	return work(ctx, in)
}

//go:noinline
func plainHand(ctx context.Context, in input) (_ *result, err error) {
	start := time.Now()
	ctx, span := handTracer.Start(ctx, "Bench.Plain", trace.WithAttributes(
		attribute.String("code.function.name", "bench.Plain"),
		attribute.String("code.file.path", "bench/bench.go"),
		attribute.Int("code.line.number", 10),
		attribute.String("orchestrall.kind", "internal"),
	))
	defer func() {
		status := "success"
		if err != nil {
			status = "failed"
			span.RecordError(err)
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
		elapsed := time.Since(start)
		handPlain.WithLabelValues("Bench.Plain", status).Observe(elapsed.Seconds())
		slog.LogAttrs(ctx, slog.LevelDebug, "Bench.Plain finished",
			slog.String("operation", "Bench.Plain"), slog.String("kind", "internal"),
			slog.String("status", status), slog.Duration("duration", elapsed))
	}()
	return work(ctx, in)
}

//go:noinline
func plainLean(ctx context.Context, in input) (_ *result, err error) {
	start := time.Now()
	ctx, span := handTracer.Start(ctx, "Bench.Plain")
	defer func() {
		status := "success"
		if err != nil {
			status = "failed"
			span.RecordError(err)
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
		elapsed := time.Since(start)
		handPlain.WithLabelValues("Bench.Plain", status).Observe(elapsed.Seconds())
		slog.LogAttrs(ctx, slog.LevelDebug, "Bench.Plain finished",
			slog.String("operation", "Bench.Plain"), slog.String("kind", "internal"),
			slog.String("status", status), slog.Duration("duration", elapsed))
	}()
	return work(ctx, in)
}

//go:noinline
func fieldsHand(ctx context.Context, in input) (_ *result, err error) {
	start := time.Now()
	ctx, span := handTracer.Start(ctx, "Bench.Fields", trace.WithAttributes(
		attribute.String("code.function.name", "bench.Fields"),
		attribute.String("code.file.path", "bench/bench.go"),
		attribute.Int("code.line.number", 10),
		attribute.String("orchestrall.kind", "internal"),
		attribute.String("user.id", in.UserID),
		attribute.String("agent.type", in.AgentType),
	))
	defer func() {
		status := "success"
		if err != nil {
			status = "failed"
			span.RecordError(err)
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
		elapsed := time.Since(start)
		handFields.WithLabelValues("Bench.Fields", status, in.AgentType).Observe(elapsed.Seconds())
		slog.LogAttrs(ctx, slog.LevelDebug, "Bench.Fields finished",
			slog.String("operation", "Bench.Fields"), slog.String("kind", "internal"),
			slog.String("status", status), slog.Duration("duration", elapsed),
			slog.String("user.id", in.UserID), slog.String("agent.type", in.AgentType))
	}()
	return work(ctx, in)
}

//go:noinline
func fieldsLean(ctx context.Context, in input) (_ *result, err error) {
	start := time.Now()
	ctx, span := handTracer.Start(ctx, "Bench.Fields", trace.WithAttributes(
		attribute.String("user.id", in.UserID),
		attribute.String("agent.type", in.AgentType),
	))
	defer func() {
		status := "success"
		if err != nil {
			status = "failed"
			span.RecordError(err)
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
		elapsed := time.Since(start)
		handFields.WithLabelValues("Bench.Fields", status, in.AgentType).Observe(elapsed.Seconds())
		slog.LogAttrs(ctx, slog.LevelDebug, "Bench.Fields finished",
			slog.String("operation", "Bench.Fields"), slog.String("kind", "internal"),
			slog.String("status", status), slog.Duration("duration", elapsed),
			slog.String("user.id", in.UserID), slog.String("agent.type", in.AgentType))
	}()
	return work(ctx, in)
}

//go:noinline
func plainBare(ctx context.Context, in input) (*result, error) {
	ctx, span := handTracer.Start(ctx, "Bench.Plain")
	defer span.End()
	return work(ctx, in)
}

//go:noinline
func fieldsTraced(ctx context.Context, in input) (_ *result, err error) {
	ctx, call := opFields.Start(ctx, func(i int) orchestrall.Value {
		switch i {
		case 0:
			return of(in.UserID)
		case 1:
			return of(in.AgentType)
		default:
			return of(in.AgentType)
		}
	})
	defer call.EndErr(&err)
	return work(ctx, in)
}

type userKey struct{}

//go:noinline
func carriedHand(ctx context.Context, in input) (_ *result, err error) {
	return fieldsHand(context.WithValue(ctx, userKey{}, in.UserID), in)
}

//go:noinline
func carriedLean(ctx context.Context, in input) (_ *result, err error) {
	return fieldsLean(context.WithValue(ctx, userKey{}, in.UserID), in)
}

//go:noinline
func carriedTraced(ctx context.Context, in input) (_ *result, err error) {
	ctx, call := opCarried.Start(ctx, func(i int) orchestrall.Value {
		switch i {
		case 0:
			return of(in.UserID)
		case 1:
			return of(in.AgentType)
		case 2:
			return of(in.UserID)
		default:
			return of(in.AgentType)
		}
	})
	defer call.EndErr(&err)
	return work(ctx, in)
}

//go:noinline
func watchedTraced(ctx context.Context, in input) (_ *result, err error) {
	ctx, call := opWatched.Start(ctx)
	defer call.EndErr(&err)
	return work(ctx, in)
}

//go:noinline
func fieldsBare(ctx context.Context, in input) (*result, error) {
	ctx, span := handTracer.Start(ctx, "Bench.Fields", trace.WithAttributes(
		attribute.String("user.id", in.UserID), attribute.String("agent.type", in.AgentType)))
	defer span.End()
	return work(ctx, in)
}

// discard is a processor that takes spans and forgets them: the price of an
// exporter is the same for everybody.
type discard struct{}

func (discard) OnStart(context.Context, sdk.ReadWriteSpan) {}
func (discard) OnEnd(sdk.ReadOnlySpan)                     {}
func (discard) Shutdown(context.Context) error             { return nil }
func (discard) ForceFlush(context.Context) error           { return nil }

// benchContext is the context below a sampled or an unsampled parent, with a
// provider and a logger as a service has them.
func benchContext(b *testing.B, sampled bool) context.Context {
	b.Helper()
	provider := sdk.NewTracerProvider(sdk.WithSampler(sdk.ParentBased(sdk.AlwaysSample())), sdk.WithSpanProcessor(discard{}))
	otel.SetTracerProvider(provider)
	handTracer = provider.Tracer("bench")
	orchestrall.SetAttributesInScope(true) // as bootstrap has it
	before := slog.Default()
	slog.SetDefault(slog.New(orchestrall.NewHandler(slog.NewJSONHandler(io.Discard, nil))))
	b.Cleanup(func() { slog.SetDefault(before) })
	cfg := trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}}
	if sampled {
		cfg.TraceFlags = trace.FlagsSampled
	}
	return trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(cfg))
}

type way struct {
	name string
	call func(context.Context, input) (*result, error)
}

func BenchmarkCall(b *testing.B) {
	ours := way{"orchestrall", plainTraced}
	for _, c := range []struct {
		name       string
		ways       []way
		goroutines []int
	}{
		{"plain", []way{ours, {"hand", plainHand}, {"lean", plainLean}, {"bare", plainBare}}, []int{1, 2}},
		{"plain", []way{ours, {"bare", plainBare}}, []int{8, 64}},
		{"fields", []way{{ours.name, fieldsTraced}, {"hand", fieldsHand}, {"lean", fieldsLean}, {"bare", fieldsBare}}, []int{1, 2}},
		{"carried", []way{{ours.name, carriedTraced}, {"hand", carriedHand}, {"lean", carriedLean}, {"bare", fieldsBare}}, []int{1, 2}},
		{"carried", []way{{ours.name, carriedTraced}, {"bare", fieldsBare}}, []int{8, 64}},
		{"watched", []way{{ours.name, watchedTraced}, {"bare", plainBare}}, []int{1, 2, 8, 64}},
	} {
		for _, sampled := range []string{"unsampled", "sampled"} {
			for _, n := range c.goroutines {
				for _, w := range c.ways {
					b.Run(fmt.Sprintf("%s/%s/%d/%s", c.name, sampled, n, w.name), func(b *testing.B) {
						w.run(b, benchContext(b, sampled == "sampled"), n)
					})
				}
			}
		}
	}
}

// run calls on so many goroutines, which share the cores that there are.
func (w way) run(b *testing.B, ctx context.Context, goroutines int) {
	in := input{"user_123", "crm"}
	b.ReportAllocs()
	if goroutines == 1 {
		for b.Loop() {
			_, _ = w.call(ctx, in)
		}
		return
	}
	b.SetParallelism(max(1, goroutines/runtime.GOMAXPROCS(0)))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_, _ = w.call(ctx, in)
		}
	})
}

// BenchmarkPanic is a panic that passes so many traced calls before somebody
// recovers.
func BenchmarkPanic(b *testing.B) {
	for _, depth := range []int{1, 10, 100, 1000} {
		b.Run(strconv.Itoa(depth), func(b *testing.B) {
			ctx := benchContext(b, false)
			slog.SetDefault(slog.New(slog.DiscardHandler))
			for b.Loop() {
				thrown(ctx, depth)
			}
		})
	}
}

func thrown(ctx context.Context, depth int) {
	defer func() { _ = recover() }()
	deeper(ctx, depth)
}

//go:noinline
func deeper(ctx context.Context, depth int) {
	ctx, call := opPlain.Start(ctx)
	defer call.End()
	if depth == 1 {
		panic(errWork)
	}
	deeper(ctx, depth-1)
}
