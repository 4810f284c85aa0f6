package dbsql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"testing"

	"go.opentelemetry.io/otel"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// idle is a driver that answers at once.
type idle struct{}

func (idle) Open(string) (driver.Conn, error)                             { return idle{}, nil }
func (idle) Connect(context.Context) (driver.Conn, error)                 { return idle{}, nil }
func (idle) Driver() driver.Driver                                        { return idle{} }
func (idle) Prepare(string) (driver.Stmt, error)                          { return nil, driver.ErrSkip }
func (idle) Close() error                                                 { return nil }
func (idle) Begin() (driver.Tx, error)                                    { return idle{}, nil }
func (idle) Commit() error                                                { return nil }
func (idle) Rollback() error                                              { return nil }
func (idle) Columns() []string                                            { return nil }
func (idle) Next([]driver.Value) error                                    { return io.EOF }
func (idle) Ping(context.Context) error                                   { return nil }
func (idle) ResetSession(context.Context) error                           { return nil }
func (idle) IsValid() bool                                                { return true }
func (idle) CheckNamedValue(*driver.NamedValue) error                     { return nil }
func (idle) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) { return idle{}, nil }

func (idle) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	return idle{}, nil
}

func (idle) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return driver.RowsAffected(1), nil
}

func sampled(yes bool) context.Context {
	c := trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}}
	if yes {
		c.TraceFlags = trace.FlagsSampled
	}
	return trace.ContextWithRemoteSpanContext(context.Background(), trace.NewSpanContext(c))
}

// BenchmarkOverhead has a driver that answers at once, so that nothing but
// database/sql and the wrapper is measured.
func BenchmarkOverhead(b *testing.B) {
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(sdk.NewTracerProvider())
	defer otel.SetTracerProvider(before)
	for _, way := range []struct {
		name string
		db   *sql.DB
		ctx  context.Context
	}{
		{"bare", sql.OpenDB(idle{}), sampled(false)},
		{"unsampled", OpenDB(idle{}), sampled(false)},
		{"sampled", OpenDB(idle{}), sampled(true)},
	} {
		b.Run("exec/"+way.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := way.db.ExecContext(way.ctx, "UPDATE t SET a = ? WHERE b = 1"); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("query/"+way.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				rows, err := way.db.QueryContext(way.ctx, "SELECT a FROM t WHERE b = 1")
				if err != nil {
					b.Fatal(err)
				}
				rows.Next()
				_ = rows.Close()
			}
		})
	}
}
