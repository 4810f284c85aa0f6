package servers

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/XSAM/otelsql"
	"go.opentelemetry.io/otel"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/orchestrall/orchestrall/runtime/dbsql"
)

// way is one way to open a database in memory, which is the hardest to keep up
// with: every other takes longer to answer.
type way struct {
	name    string
	open    func(driver, dsn string) (*sql.DB, error)
	sampled bool
}

var ways = []way{
	{"bare", sql.Open, false},
	{"unsampled", dbsql.Open, false},
	{"byhand-unsampled", byHand, false},
	{"sampled", dbsql.Open, true},
	{"byhand", byHand, true},
}

func byHand(driver, dsn string) (*sql.DB, error) {
	return otelsql.Open(driver, dsn, otelsql.WithAttributes(semconv.DBSystemNameSQLite))
}

// works are what is measured: a look-up of one row, which is all overhead, and
// the page of 20 rows that a service lists.
var works = []struct{ name, query string }{
	{"row", "SELECT id, name FROM t WHERE id = ?"},
	{"page", "SELECT id, name FROM t WHERE id <= ? + 15"},
}

// bench returns a function that does the work once.
func bench(b *testing.B, w way, query string) func() {
	flags := trace.TraceFlags(0)
	if w.sampled {
		flags = trace.FlagsSampled
	}
	ctx := trace.ContextWithRemoteSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceFlags: flags,
	}))
	db := must[*sql.DB](b)(w.open("sqlite", "file::memory:"))
	b.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	if strings.Contains(query, "FROM t ") {
		execute(b, context.Background(), db, "CREATE TABLE t (id integer primary key, name text)")
		for i := range 40 {
			execute(b, context.Background(), db, "INSERT INTO t VALUES (?, 'name')", i)
		}
	}
	return func() {
		rows, err := db.QueryContext(ctx, query, 4)
		if err != nil {
			b.Fatal(err)
		}
		for rows.Next() {
			var id int
			var name string
			if err := rows.Scan(&id, &name); err != nil {
				b.Fatal(err)
			}
		}
		if err := rows.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func provide(b *testing.B) {
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(sdk.NewTracerProvider())
	b.Cleanup(func() { otel.SetTracerProvider(before) })
}

func BenchmarkSQL(b *testing.B) {
	provide(b)
	for _, work := range works {
		for _, w := range ways {
			b.Run(work.name+"/"+w.name, func(b *testing.B) {
				do := bench(b, w, work.query)
				b.ReportAllocs()
				for b.Loop() {
					do()
				}
			})
		}
	}
}

// BenchmarkSQLThroughput compares in turns, so that what else the machine does
// falls on both sides alike. throughput is the share that is left.
func BenchmarkSQLThroughput(b *testing.B) {
	provide(b)
	for _, work := range works {
		b.Run(work.name, func(b *testing.B) { compare(b, work.query, func(w way) way { return w }) })
	}
}

func compare(b *testing.B, query string, opened func(way) way) {
	for name, pair := range map[string][2]way{
		"unsampled-of-bare": {ways[0], ways[1]},
		"sampled-of-byhand": {ways[4], ways[3]},
	} {
		b.Run(name, func(b *testing.B) {
			base, own := bench(b, opened(pair[0]), query), bench(b, opened(pair[1]), query)
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
	for range 20 {
		do()
	}
	return time.Since(start)
}
