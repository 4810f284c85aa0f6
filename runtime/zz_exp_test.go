package orchestrall_test

import (
	"context"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"testing"
)

func BenchmarkExp(b *testing.B) {
	kv := []attribute.KeyValue{attribute.String("code.function.name", "bench.Plain"), attribute.String("code.file.path", "bench/bench.go"), attribute.Int("code.line.number", 10), attribute.String("orchestrall.kind", "internal")}
	ctx := benchContext(b, true)
	run := func(name string, f func(ctx context.Context)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f(ctx)
			}
		})
	}
	for i := 0; i <= 4; i++ {
		opts := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindInternal), trace.WithAttributes(kv[:i]...)}
		if i == 0 {
			opts = opts[:1]
		}
		run("opts"+string(rune('0'+i)), func(ctx context.Context) { _, s := handTracer.Start(ctx, "x", opts...); s.End() })
		run("set"+string(rune('0'+i)), func(ctx context.Context) {
			_, s := handTracer.Start(ctx, "x", opts[:1]...)
			s.SetAttributes(kv[:i]...)
			s.End()
		})
	}
	run("noopts", func(ctx context.Context) { _, s := handTracer.Start(ctx, "x"); s.End() })
	run("noopts+rec", func(ctx context.Context) { _, s := handTracer.Start(ctx, "x"); s.IsRecording(); s.End() })
}
