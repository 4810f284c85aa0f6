package servers

import (
	"context"
	"database/sql"
	"testing"

	"go.opentelemetry.io/otel"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/orchestrall/orchestrall/runtime/internal/querytest"
)

// recorder installs an SDK that samples everything, and leaves out the spans
// that a program's exporter would.
func recorder(t testing.TB) *tracetest.SpanRecorder {
	t.Helper()
	r := tracetest.NewSpanRecorder()
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(sdk.NewTracerProvider(sdk.WithSpanProcessor(r)))
	t.Cleanup(func() { otel.SetTracerProvider(before) })
	return r
}

var (
	below     = querytest.Below
	attr      = querytest.Attribute
	names     = querytest.Names
	find      = querytest.Find
	metric    = querytest.Metric
	noSecrets = querytest.NoSecrets
)

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func execute(t testing.TB, ctx context.Context, db interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}, query string, args ...any,
) {
	t.Helper()
	if _, err := db.ExecContext(ctx, query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}
