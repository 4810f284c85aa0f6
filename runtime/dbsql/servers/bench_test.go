package servers

import (
	"context"
	"database/sql"
	"os"
	"strings"
	"testing"

	"github.com/XSAM/otelsql"
	"go.opentelemetry.io/otel"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/orchestrall/orchestrall/runtime/dbsql"
	"github.com/orchestrall/orchestrall/runtime/internal/servers"
	"github.com/orchestrall/orchestrall/runtime/internal/turns"
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
func bench(b testing.TB, w way, query string) func() {
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

func provide(b testing.TB) {
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

// TestRatios prints the shares of the throughput that are left, and what they
// have to be.
func TestRatios(t *testing.T) {
	provide(t)
	for _, work := range works {
		compare(t, "SQLite, "+work.name, work.query, 200, func(w way) way { return w })
	}
}

// TestRatiosPostgreSQL is TestRatios with a server at the other end of the
// connection, whose own processor time does not count.
func TestRatiosPostgreSQL(t *testing.T) {
	if !testing.Verbose() {
		t.Skip("prints a table; run it with -v")
	}
	provide(t)
	dsn := "postgres://app@127.0.0.1:" + servers.PostgreSQL(t) + "/postgres?sslmode=disable"
	compare(t, "PostgreSQL, page", "SELECT i, 'name' FROM generate_series(1, 20) i WHERE i > $1::int", 20, func(w way) way {
		open := w.open
		w.open = func(string, string) (*sql.DB, error) { return open("pgx", dsn) }
		return w
	})
}

func compare(t *testing.T, title, query string, calls int, opened func(way) way) {
	bare := turns.Base{Name: "bare"}
	of := map[string][]turns.Base{
		"unsampled":        {{Name: "bare", Limit: 0.97}, {Name: "byhand-unsampled", Limit: 0.95}},
		"byhand-unsampled": {bare},
		"sampled":          {{Name: "byhand", Limit: 0.95}},
		"byhand":           {bare},
	}
	var all []turns.Way
	for _, w := range ways {
		do := bench(t, opened(w), query)
		all = append(all, turns.Way{Name: w.name, Of: of[w.name], Run: func() {
			for range calls {
				do()
			}
		}})
	}
	turns.Compare(t, os.Stdout, title, all, calls)
}
