//go:build unix

package pgx_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/orchestrall/orchestrall/runtime/internal/querytest"
	"github.com/orchestrall/orchestrall/runtime/internal/servers"
	"github.com/orchestrall/orchestrall/runtime/internal/spantest"
	hook "github.com/orchestrall/orchestrall/runtime/pgx"
)

const password = "pw-zq7"

// tree writes spans below the one that they are children of.
func tree(root trace.SpanID, spans []sdk.ReadOnlySpan) string {
	spans = slices.Clone(spans)
	slices.SortStableFunc(spans, func(a, b sdk.ReadOnlySpan) int { return a.StartTime().Compare(b.StartTime()) })
	var b strings.Builder
	var below func(parent trace.SpanID, indent string)
	below = func(parent trace.SpanID, indent string) {
		for _, s := range spans {
			if s.Parent().SpanID() == parent {
				fmt.Fprintln(&b, indent+querytest.Names([]sdk.ReadOnlySpan{s})[0])
				below(s.SpanContext().SpanID(), indent+"  ")
			}
		}
	}
	below(root, "")
	return b.String()
}

func want(t *testing.T, root trace.SpanID, spans []sdk.ReadOnlySpan, want ...string) {
	t.Helper()
	if got := tree(root, spans); got != strings.Join(want, "\n")+"\n" {
		t.Errorf("spans are\n%swant\n%s", got, strings.Join(want, "\n"))
	}
}

func attributes(t *testing.T, s sdk.ReadOnlySpan, want map[string]string) {
	t.Helper()
	for key, v := range want {
		if got := querytest.Attribute(s, key); got != v {
			t.Errorf("%s of %s is %q, want %q", key, s.Name(), got, v)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func exec(t *testing.T, ctx context.Context, c interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}, sql string, args ...any,
) {
	t.Helper()
	rows, err := c.Query(ctx, sql, args...)
	must(t, err)
	rows.Close()
	must(t, rows.Err())
}

func TestPostgreSQL(t *testing.T) {
	port := servers.PostgreSQL(t)
	dsn := "postgres://app:" + password + "@127.0.0.1:" + port + "/postgres?sslmode=disable"
	conn, err := hook.Connect(t.Context(), dsn)
	must(t, err)
	defer conn.Close(context.Background())
	exec(t, t.Context(), conn, "CREATE TABLE orders (id int PRIMARY KEY, note text)")
	for name, test := range map[string]func(*testing.T, *pgx.Conn){
		"queries": queries, "transactions": transactions, "failures": failures, "batches": batches, "copies": copies,
		"prepared": prepared, "panics": panics, "nested": nested,
	} {
		t.Run(name, func(t *testing.T) {
			exec(t, t.Context(), conn, "DELETE FROM orders")
			c, err := hook.Connect(t.Context(), dsn)
			must(t, err)
			defer c.Close(context.Background())
			test(t, c)
		})
	}
	t.Run("connections", func(t *testing.T) { connections(t, dsn, port) })
	t.Run("pools", func(t *testing.T) { pools(t, dsn, port) })
	t.Run("many at once", func(t *testing.T) { manyAtOnce(t, dsn) })
	t.Run("tracers", func(t *testing.T) { tracers(t, dsn) })
	t.Run("unsampled", func(t *testing.T) { unsampled(t, dsn) })
	t.Run("left open", func(t *testing.T) { leftOpen(t, dsn) })
}

func queries(t *testing.T, c *pgx.Conn) {
	r := spantest.Record(t)
	labels := []string{"operation=sql.query", "db_system=postgresql", "db_operation=SELECT", "status=success"}
	before, _ := querytest.Metric(t, "database_query_duration_seconds", labels...)
	updates, _ := querytest.Metric(t, "database_query_duration_seconds", "operation=sql.query", "db_operation=UPDATE")
	root, spans := querytest.Within(r, func(ctx context.Context) {
		_, err := c.Exec(ctx, "INSERT INTO orders (id, note) VALUES (4711, 'zq''secret'), (4712, 'zqother')")
		must(t, err)
		for range 2 {
			exec(t, ctx, c, "SELECT id, note FROM orders WHERE id >= $1", 4711)
		}
		var id int
		if err := c.QueryRow(ctx, "SELECT id FROM orders WHERE id = $1", 1).Scan(&id); !errors.Is(err, pgx.ErrNoRows) {
			t.Errorf("error %v", err)
		}
		exec(t, ctx, c, "UPDATE orders SET note = @note RETURNING id", pgx.NamedArgs{"note": "zqnew"})
	})
	want(t, root, spans,
		"INSERT orders", "SELECT orders", "  PREPARE SELECT orders", "SELECT orders", "SELECT orders", "  PREPARE SELECT orders",
		"UPDATE orders", "  PREPARE UPDATE orders")
	attributes(t, querytest.Find(t, spans, "INSERT orders"), map[string]string{
		"db.system.name": "postgresql", "db.namespace": "postgres", "server.address": "127.0.0.1", "db.operation.name": "INSERT",
		"db.collection.name": "orders", "db.query.summary": "INSERT orders", "db.query.text": "INSERT INTO orders (id, note) VALUES (?, ?)",
		"server.port": fmt.Sprint(c.Config().Port), "db.response.returned_rows": "", "orchestrall.kind": "db",
	})
	attributes(t, querytest.Find(t, spans, "SELECT orders"), map[string]string{
		"db.query.text": "SELECT id, note FROM orders WHERE id >= $1", "db.response.returned_rows": "2",
	})
	if s := spans[0]; s.SpanKind() != trace.SpanKindClient {
		t.Errorf("%s is of kind %v", s.Name(), s.SpanKind())
	}
	querytest.NoSecrets(t, spans, "zq", "471", password)
	if n, _ := querytest.Metric(t, "database_query_duration_seconds", labels...); n != before+3 {
		t.Errorf("%v queries are counted, want 3", n-before)
	}
	if n, _ := querytest.Metric(t, "database_query_duration_seconds", "operation=sql.query", "db_operation=UPDATE"); n != updates+1 {
		t.Errorf("%v updates that return rows are counted as queries, want 1", n-updates)
	}
}

func transactions(t *testing.T, c *pgx.Conn) {
	root, spans := querytest.Within(spantest.Record(t), func(ctx context.Context) {
		must(t, pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
			exec(t, ctx, tx, "DELETE FROM orders")
			return pgx.BeginFunc(ctx, tx, func(pgx.Tx) error { return nil })
		}))
		tx, err := c.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.Serializable})
		must(t, err)
		must(t, tx.Rollback(ctx))
		tx, err = c.Begin(ctx)
		must(t, err)
		_, _ = tx.Exec(ctx, "SELECT 1/0")
		if err := tx.Commit(ctx); !errors.Is(err, pgx.ErrTxCommitRollback) {
			t.Errorf("error %v", err)
		}
		_, err = c.Exec(ctx, "BEGIN; DELETE FROM orders; COMMIT")
		must(t, err)
	})
	want(t, root, spans,
		"BEGIN postgres", "DELETE orders", "  PREPARE DELETE orders", "SAVEPOINT", "RELEASE", "COMMIT postgres",
		"BEGIN postgres", "ROLLBACK postgres", "BEGIN postgres", "SELECT failed", "COMMIT postgres failed",
		"BEGIN DELETE orders COMMIT")
}

func failures(t *testing.T, c *pgx.Conn) {
	root, spans := querytest.Within(spantest.Record(t), func(ctx context.Context) {
		if _, err := c.Exec(ctx, "DELETE FROM nowhere"); err == nil {
			t.Error("there is a table called nowhere")
		}
		if err := c.QueryRow(ctx, "SELECT note FROM orders WHERE id = $1", "no number").Scan(new(string)); err == nil {
			t.Error("a text is a number")
		}
		ctx, cancel := context.WithCancel(ctx)
		rows, err := c.Query(ctx, "SELECT generate_series(1, 1000000)", pgx.QueryExecModeExec)
		must(t, err)
		rows.Next()
		if _, err := c.Exec(ctx, "DELETE FROM orders"); err == nil {
			t.Error("a connection runs two queries at once")
		}
		rows.Close()
		cancel()
	})
	want(t, root, spans, "DELETE nowhere failed", "SELECT orders failed", "  PREPARE SELECT orders", "SELECT", "DELETE orders failed")
	attributes(t, querytest.Find(t, spans, "DELETE nowhere"), map[string]string{"db.response.status_code": "42P01"})
}

func batches(t *testing.T, c *pgx.Conn) {
	const insert, count = "INSERT INTO orders (id, note) VALUES ($1, $2)", "SELECT count(*) FROM orders WHERE note <> 'zq'"
	send := func(ctx context.Context, all ...string) error {
		b := new(pgx.Batch)
		for i, sql := range all {
			if sql == insert {
				b.Queue(sql, i, "zqnote")
			} else {
				b.Queue(sql)
			}
		}
		return c.SendBatch(ctx, b).Close()
	}
	_, spans := querytest.Within(spantest.Record(t), func(ctx context.Context) {
		must(t, send(ctx, insert, insert, count))
		exec(t, ctx, c, "DELETE FROM orders")
		must(t, send(ctx, insert, insert))
		must(t, send(ctx, count))
		if err := send(ctx, insert, count); err == nil {
			t.Error("a key is there twice")
		}
		if err := send(ctx, "SELECT FROM nowhere", count); err == nil {
			t.Error("there is a table called nowhere")
		}
	})
	var found []sdk.ReadOnlySpan
	for _, s := range spans {
		if !strings.Contains(s.Name(), "PREPARE") && !strings.HasPrefix(s.Name(), "DELETE") {
			found = append(found, s)
		}
	}
	got := querytest.Names(found)
	if want := []string{
		"BATCH INSERT orders INSERT orders SELECT orders", "BATCH INSERT orders", "SELECT orders",
		"BATCH INSERT orders SELECT orders failed", "BATCH SELECT nowhere SELECT orders failed",
	}; !slices.Equal(got, want) {
		t.Errorf("spans are %q, want %q", got, want)
	}
	attributes(t, found[0], map[string]string{
		"db.operation.name": "BATCH", "db.operation.batch.size": "3", "db.query.summary": "BATCH INSERT orders INSERT orders SELECT orders",
		"db.query.text": insert + "; " + insert + "; SELECT count(*) FROM orders WHERE note <> ?", "db.collection.name": "orders",
	})
	attributes(t, found[1], map[string]string{"db.operation.name": "BATCH INSERT", "db.operation.batch.size": "2", "db.query.text": insert})
	attributes(t, found[2], map[string]string{"db.operation.name": "SELECT", "db.operation.batch.size": "", "db.query.summary": "SELECT orders"})
	attributes(t, found[3], map[string]string{"db.operation.batch.size": "2", "db.response.status_code": "23505"})
	attributes(t, found[4], map[string]string{"db.operation.batch.size": "2", "db.response.status_code": "42P01"})
	querytest.NoSecrets(t, spans, "zq")
}

func copies(t *testing.T, c *pgx.Conn) {
	copyTo := func(ctx context.Context, table string, rows ...[]any) error {
		_, err := c.CopyFrom(ctx, pgx.Identifier{"public", table}, []string{"id", "note"}, pgx.CopyFromRows(rows))
		return err
	}
	root, spans := querytest.Within(spantest.Record(t), func(ctx context.Context) {
		must(t, copyTo(ctx, "orders", []any{1, "zq"}, []any{2, "zq"}))
		if err := copyTo(ctx, "orders", []any{1, "zq"}); err == nil {
			t.Error("a key is there twice")
		}
		if err := copyTo(ctx, "nowhere"); err == nil {
			t.Error("there is a table called nowhere")
		}
		exec(t, ctx, c, "SELECT 1")
	})
	if got := tree(root, spans); strings.Count(got, "\nCOPY") != 2 || !strings.HasPrefix(got, `COPY "public"."orders"`+"\n") ||
		!strings.Contains(got, "\n"+`COPY "public"."orders" failed`+"\n") || !strings.Contains(got, "\n"+`COPY "public"."nowhere" failed`+"\n") ||
		!strings.Contains(got, "\nSELECT\n") {
		t.Errorf("spans are\n%s", got)
	}
	attributes(t, querytest.Find(t, spans, `COPY "public"."orders"`), map[string]string{
		"db.operation.name": "COPY", "db.collection.name": `"public"."orders"`, "db.query.text": `COPY "public"."orders" ("id", "note") FROM STDIN`,
	})
	attributes(t, querytest.Find(t, spans, `COPY "public"."nowhere"`), map[string]string{"db.response.status_code": "42P01"})
	querytest.NoSecrets(t, spans, "zq")
}

func prepared(t *testing.T, c *pgx.Conn) {
	root, spans := querytest.Within(spantest.Record(t), func(ctx context.Context) {
		for range 2 {
			_, err := c.Prepare(ctx, "by id", "SELECT note FROM orders WHERE id = $1")
			must(t, err)
		}
		exec(t, ctx, c, "by id", 1)
	})
	want(t, root, spans, "PREPARE SELECT orders", "SELECT orders")
	attributes(t, spans[1], map[string]string{"db.query.text": "SELECT note FROM orders WHERE id = $1"})
}

type exploding struct{}

func (exploding) RewriteQuery(context.Context, *pgx.Conn, string, []any) (string, []any, error) {
	panic("zq")
}

// Calls of which pgx does not say that they have ended leave room for others.
func panics(t *testing.T, c *pgx.Conn) {
	root, spans := querytest.Within(spantest.Record(t), func(ctx context.Context) {
		for range 20 {
			func() {
				defer func() {
					if recover() != "zq" {
						t.Error("the panic is lost")
					}
				}()
				_, _ = c.Exec(ctx, "DELETE FROM orders WHERE id = $1", exploding{})
			}()
		}
		exec(t, ctx, c, "SELECT 2", pgx.QueryExecModeExec)
	})
	if got := tree(root, spans); !strings.HasSuffix(got, "SELECT\n") {
		t.Errorf("spans are\n%s", got)
	}
}

// What a connection was doing when it was closed runs no more. pgx does not tell.
func leftOpen(t *testing.T, dsn string) {
	r := spantest.Record(t)
	func() {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		c, err := hook.Connect(ctx, dsn)
		must(t, err)
		defer c.Close(ctx)
		_, err = c.Query(ctx, "SELECT generate_series(1, 10)")
		must(t, err)
	}()
	r.Reset()
	for range 1000 {
		runtime.GC()
		if n, _ := querytest.Metric(t, "operations_in_flight", "operation=sql.query"); n == 0 && len(r.Ended()) == 1 {
			return
		}
		runtime.Gosched()
	}
	n, _ := querytest.Metric(t, "operations_in_flight", "operation=sql.query")
	t.Errorf("%v queries run on a connection that is closed, and %d spans have ended", n, len(r.Ended()))
}

type rewriter string

func (r rewriter) RewriteQuery(ctx context.Context, c *pgx.Conn, sql string, _ []any) (string, []any, error) {
	rows, err := c.Query(ctx, string(r), pgx.QueryExecModeExec)
	if err == nil {
		rows.Close()
	}
	return sql, []any{1}, err
}

// A query that another one has sent before itself is below that.
func nested(t *testing.T, c *pgx.Conn) {
	root, spans := querytest.Within(spantest.Record(t), func(ctx context.Context) {
		_, err := c.Exec(ctx, "DELETE FROM orders WHERE id < $1", pgx.QueryExecModeExec, rewriter("SELECT max(id) FROM orders"))
		must(t, err)
	})
	want(t, root, spans, "DELETE orders", "  SELECT orders")
}

func connections(t *testing.T, dsn, port string) {
	r := spantest.Record(t)
	config, err := pgx.ParseConfig(dsn)
	must(t, err)
	before := *config
	for name, connect := range map[string]func(ctx context.Context) (*pgx.Conn, error){
		"Connect":       func(ctx context.Context) (*pgx.Conn, error) { return hook.Connect(ctx, dsn) },
		"ConnectConfig": func(ctx context.Context) (*pgx.Conn, error) { return hook.ConnectConfig(ctx, config) },
		"ConnectWithOptions": func(ctx context.Context) (*pgx.Conn, error) {
			return hook.ConnectWithOptions(ctx, dsn, pgx.ParseConfigOptions{})
		},
	} {
		root, spans := querytest.Within(r, func(ctx context.Context) {
			c, err := connect(ctx)
			must(t, err)
			defer c.Close(context.Background())
			again, err := hook.ConnectConfig(ctx, c.Config())
			must(t, err)
			defer again.Close(context.Background())
			for _, c := range []*pgx.Conn{c, again} {
				_, err := c.Exec(ctx, "SELECT 1")
				must(t, err)
			}
		})
		if got := tree(root, spans); got != "CONNECT postgres\nCONNECT postgres\nSELECT\nSELECT\n" {
			t.Errorf("%s: spans are\n%s", name, got)
		}
		attributes(t, spans[0], map[string]string{"server.address": "127.0.0.1", "server.port": port, "db.operation.name": "CONNECT"})
		querytest.NoSecrets(t, spans, password)
	}
	if config.Tracer != before.Tracer {
		t.Error("the program's configuration has been changed")
	}

	root, spans := querytest.Within(r, func(ctx context.Context) {
		for _, dsn := range []string{"postgres://app@127.0.0.1:1/postgres?sslmode=disable", "port=x"} {
			own, err := hook.Connect(ctx, dsn)
			bare, wantErr := pgx.Connect(context.Background(), dsn)
			if own != nil || bare != nil || err == nil || err.Error() != wantErr.Error() {
				t.Errorf("got %v, want %v", err, wantErr)
			}
		}
	})
	want(t, root, spans, "CONNECT postgres failed")
	for _, c := range []*pgx.ConnConfig{nil, {}} {
		if got, want := recovered(func() { _, _ = hook.ConnectConfig(t.Context(), c) }), recovered(func() { _, _ = pgx.ConnectConfig(t.Context(), c) }); fmt.Sprint(got) != fmt.Sprint(want) || got == nil {
			t.Errorf("got the panic %v, want %v", got, want)
		}
	}
}

func recovered(f func()) (p any) {
	defer func() { p = recover() }()
	f()
	return nil
}

func pools(t *testing.T, dsn, port string) {
	r := spantest.Record(t)
	name := "pool_name=127.0.0.1:" + port + "/postgres"
	config, err := pgxpool.ParseConfig(dsn)
	must(t, err)
	config.MaxConns = 4
	asked := 0
	config.BeforeConnect = func(context.Context, *pgx.ConnConfig) error { asked++; return nil }
	pool, err := hook.NewWithConfig(t.Context(), config)
	must(t, err)
	root, spans := querytest.Within(r, func(ctx context.Context) {
		exec(t, ctx, pool, "SELECT 1", pgx.QueryExecModeExec)
		exec(t, ctx, pool, "SELECT 2", pgx.QueryExecModeExec)
	})
	want(t, root, spans, "CONNECT postgres", "SELECT", "SELECT")
	if asked != 1 || config.ConnConfig.Tracer != nil {
		t.Errorf("the program's function has been asked %d times, and its tracer is %v", asked, config.ConnConfig.Tracer)
	}
	c, err := pool.Acquire(t.Context())
	must(t, err)
	for _, m := range []struct {
		name, state string
		want        float64
	}{{"count", "used", 1}, {"count", "idle", 0}, {"max", "", 4}, {"waits_total", "", 1}} {
		labels := []string{name}
		if m.state != "" {
			labels = append(labels, "state="+m.state)
		}
		if n, known := querytest.Metric(t, "db_client_connection_"+m.name, labels...); !known || n != m.want {
			t.Errorf("db_client_connection_%s %s is %v, want %v", m.name, m.state, n, m.want)
		}
	}
	c.Release()

	// What a pool says of its configuration makes another one, traced once.
	second, err := hook.NewWithConfig(t.Context(), pool.Config())
	must(t, err)
	root, spans = querytest.Within(r, func(ctx context.Context) { exec(t, ctx, second, "SELECT 1", pgx.QueryExecModeExec) })
	want(t, root, spans, "CONNECT postgres", "SELECT")
	hook.PoolClose(second)
	hook.PoolClose(pool)
	if _, known := querytest.Metric(t, "db_client_connection_max", name); known {
		t.Error("a closed pool still has figures")
	}

	short, err := hook.New(t.Context(), dsn)
	must(t, err)
	_, spans = querytest.Within(r, func(ctx context.Context) { exec(t, ctx, short, "SELECT 1", pgx.QueryExecModeExec) })
	querytest.Find(t, spans, "SELECT")
	hook.PoolClose(short)
	if _, err := hook.New(t.Context(), "port=x"); err == nil {
		t.Error("a port is x")
	}
	if got, want := recovered(func() { _, _ = hook.NewWithConfig(t.Context(), nil) }), recovered(func() { _, _ = pgxpool.NewWithConfig(t.Context(), nil) }); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got the panic %v, want %v", got, want)
	}
}

// A program may change a configuration for its next pool.
func TestPoolKeepsItsConfiguration(t *testing.T) {
	config, err := pgxpool.ParseConfig("postgres://app@127.0.0.1:1/nobody")
	must(t, err)
	var pools []*pgxpool.Pool
	var refusals []error
	for i := range 2 {
		refusal := fmt.Errorf("refusal %d", i)
		config.BeforeConnect = func(context.Context, *pgx.ConnConfig) error { return refusal }
		pool, err := hook.NewWithConfig(t.Context(), config)
		must(t, err)
		defer hook.PoolClose(pool)
		pools, refusals = append(pools, pool), append(refusals, refusal)
	}
	for i, pool := range pools {
		if _, err := pool.Exec(t.Context(), "SELECT 1"); !errors.Is(err, refusals[i]) {
			t.Errorf("pool %d: %v, want %v", i, err, refusals[i])
		}
	}
}

// Each query of many goroutines is told with its own statement and its own outcome.
func manyAtOnce(t *testing.T, dsn string) {
	pool, err := hook.New(t.Context(), dsn+"&pool_max_conns=3")
	must(t, err)
	defer hook.PoolClose(pool)
	_, spans := querytest.Within(spantest.Record(t), func(ctx context.Context) {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 20 {
					if _, err := pool.Exec(ctx, "SELECT id FROM orders"); err != nil {
						t.Error(err)
					}
					if _, err := pool.Exec(ctx, "DELETE FROM nowhere"); err == nil {
						t.Error("there is a table called nowhere")
					}
				}
			})
		}
		all.Wait()
	})
	counts := make(map[string]int)
	for _, name := range querytest.Names(spans) {
		counts[name]++
	}
	if counts["SELECT orders"] != 160 || counts["DELETE nowhere failed"] != 160 {
		t.Errorf("spans are %v", counts)
	}
}

// full is a tracer of the program's, which notes what it is told, and whether
// there was a span and what it had put into the context.
type full struct {
	told  []string
	spans int
}

type key struct{}

func (f *full) start(ctx context.Context, what string) context.Context {
	f.told = append(f.told, what)
	if trace.SpanFromContext(ctx).IsRecording() {
		f.spans++
	}
	return context.WithValue(ctx, key{}, what)
}

func (f *full) end(ctx context.Context, what string) {
	f.told = append(f.told, "/"+what)
	if ctx.Value(key{}) != what {
		f.told = append(f.told, "in another context")
	}
}

func (f *full) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return f.start(ctx, "query")
}
func (f *full) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) {
	f.end(ctx, "query")
}

func (f *full) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return f.start(ctx, "batch")
}

func (f *full) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {
	f.told = append(f.told, "one")
}
func (f *full) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchEndData) {
	f.end(ctx, "batch")
}

func (f *full) TraceCopyFromStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceCopyFromStartData) context.Context {
	return f.start(ctx, "copy")
}

func (f *full) TraceCopyFromEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceCopyFromEndData) {
	f.end(ctx, "copy")
}

func (f *full) TracePrepareStart(ctx context.Context, _ *pgx.Conn, _ pgx.TracePrepareStartData) context.Context {
	return f.start(ctx, "prepare")
}

func (f *full) TracePrepareEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TracePrepareEndData) {
	f.end(ctx, "prepare")
}

func (f *full) TraceConnectStart(ctx context.Context, _ pgx.TraceConnectStartData) context.Context {
	return f.start(ctx, "connect")
}
func (f *full) TraceConnectEnd(ctx context.Context, _ pgx.TraceConnectEndData) { f.end(ctx, "connect") }

// queriesOnly is a tracer with nothing but what it must have.
type queriesOnly struct{ told []string }

func (q *queriesOnly) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	q.told = append(q.told, d.SQL)
	return ctx
}
func (*queriesOnly) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func use(t *testing.T, ctx context.Context, config *pgx.ConnConfig) {
	c, err := hook.ConnectConfig(ctx, config)
	must(t, err)
	defer c.Close(context.Background())
	_, err = c.Exec(ctx, "SELECT 1")
	must(t, err)
	b := new(pgx.Batch)
	b.Queue("SELECT 2")
	must(t, c.SendBatch(ctx, b).Close())
	_, err = c.Prepare(ctx, "x", "SELECT 3")
	must(t, err)
	_, err = c.CopyFrom(ctx, pgx.Identifier{"orders"}, []string{"id"}, pgx.CopyFromRows(nil))
	must(t, err)
}

func tracers(t *testing.T, dsn string) {
	r := spantest.Record(t)
	config, err := pgx.ParseConfig(dsn)
	must(t, err)
	alone, beside := new(full), new(full)
	config.Tracer = alone
	bare, err := pgx.ConnectConfig(t.Context(), config)
	must(t, err)
	bare.Close(t.Context())
	config.Tracer = beside
	_, spans := querytest.Within(r, func(ctx context.Context) { use(t, ctx, config) })
	for _, name := range []string{"CONNECT postgres", "SELECT", "PREPARE SELECT", `COPY "orders"`} {
		querytest.Find(t, spans, name)
	}
	told := strings.Join(beside.told, " ")
	for _, all := range []string{strings.Join(alone.told, " "), "connect /connect query /query batch", "one /batch prepare /prepare copy"} {
		if !strings.Contains(told, all) {
			t.Errorf("the program's tracer is told %s, not %s", told, all)
		}
	}
	if !strings.HasSuffix(told, "/copy") || strings.Contains(told, "another") || beside.spans == 0 {
		t.Errorf("the program's tracer is told %s, with %d spans", told, beside.spans)
	}

	few := new(queriesOnly)
	config.Tracer = few
	_, spans = querytest.Within(r, func(ctx context.Context) { use(t, ctx, config) })
	querytest.Find(t, spans, `COPY "orders"`)
	if !reflect.DeepEqual(few.told, []string{"SELECT 1"}) {
		t.Errorf("the program's tracer is told %q", few.told)
	}
}

// What nobody samples allocates nothing.
func unsampled(t *testing.T, dsn string) {
	spantest.Record(t, sdk.WithSampler(sdk.NeverSample()))
	bare, err := pgx.Connect(t.Context(), dsn)
	must(t, err)
	defer bare.Close(context.Background())
	traced, err := hook.Connect(t.Context(), dsn)
	must(t, err)
	defer traced.Close(context.Background())
	ctx := trace.ContextWithRemoteSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}}))
	allocated := func(c *pgx.Conn) float64 {
		return testing.AllocsPerRun(50, func() {
			var n int
			if err := c.QueryRow(ctx, "SELECT 1 WHERE $1 = 1", 1).Scan(&n); err != nil {
				t.Error(err)
			}
			if _, err := c.Exec(ctx, "SELECT 2"); err != nil {
				t.Error(err)
			}
			b := new(pgx.Batch)
			b.Queue("SELECT 3")
			if err := c.SendBatch(ctx, b).Close(); err != nil {
				t.Error(err)
			}
		})
	}
	if a, b := allocated(traced), allocated(bare); a > b {
		t.Errorf("%v allocations, and %v without the hook", a, b)
	}
}
