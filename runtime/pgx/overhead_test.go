package pgx

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// BenchmarkOverhead is what a query costs beside pgx's own work.
func BenchmarkOverhead(b *testing.B) {
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(sdk.NewTracerProvider())
	defer otel.SetTracerProvider(before)
	for name, flags := range map[string]trace.TraceFlags{"unsampled": 0, "sampled": trace.FlagsSampled} {
		parent := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceFlags: flags})
		ctx := trace.ContextWithRemoteSpanContext(context.Background(), parent)
		t := newTracer(new(pgx.ConnConfig), nil)
		tag := pgconn.NewCommandTag("SELECT 20")
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ctx := t.TraceQueryStart(ctx, nil, pgx.TraceQueryStartData{SQL: "SELECT a FROM t WHERE b = $1"})
				t.TraceQueryEnd(ctx, nil, pgx.TraceQueryEndData{CommandTag: tag})
			}
		})
	}
}
