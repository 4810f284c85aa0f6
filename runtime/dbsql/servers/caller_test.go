package servers

import (
	"context"
	"database/sql"
	"slices"
	"testing"

	"github.com/orchestrall/orchestrall/runtime/dbsql"
)

// What takes no context is in the trace of who calls it, and neither ends with
// the caller's context nor minds that there is none.
func TestCallersWithoutContext(t *testing.T) {
	r := recorder(t)
	db, err := dbsql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // each connection would have a database of its own
	all := func(ctx context.Context) {
		t.Helper()
		var n int
		var errs []error
		keep := func(err error) { errs = append(errs, err) }
		exec := func(_ sql.Result, err error) { keep(err) }
		closed := func(rows *sql.Rows, err error) {
			if keep(err); err == nil {
				keep(rows.Close())
			}
		}
		keep(dbsql.Ping(ctx, db))
		exec(dbsql.Exec(ctx, db, "CREATE TABLE IF NOT EXISTS a (n INTEGER)"))
		closed(dbsql.Query(ctx, db, "SELECT n FROM a"))
		keep(dbsql.QueryRow(ctx, db, "SELECT count(*) FROM a").Scan(&n))
		s, err := dbsql.Prepare(ctx, db, "INSERT INTO a VALUES (?)")
		if err != nil {
			t.Fatal(err)
		}
		exec(dbsql.StmtExec(ctx, s, 1))
		q, err := dbsql.Prepare(ctx, db, "SELECT n FROM a LIMIT 1")
		if err != nil {
			t.Fatal(err)
		}
		closed(dbsql.StmtQuery(ctx, q))
		keep(dbsql.StmtQueryRow(ctx, q).Scan(&n))
		tx, err := dbsql.Begin(ctx, db)
		if err != nil {
			t.Fatal(err)
		}
		exec(dbsql.TxExec(ctx, tx, "UPDATE a SET n = 2"))
		closed(dbsql.TxQuery(ctx, tx, "SELECT n FROM a"))
		keep(dbsql.TxQueryRow(ctx, tx, "SELECT n FROM a LIMIT 1").Scan(&n))
		exec(dbsql.TxStmt(ctx, tx, s).Exec(3))
		d, err := dbsql.TxPrepare(ctx, tx, "DELETE FROM a")
		if err != nil {
			t.Fatal(err)
		}
		exec(dbsql.StmtExec(ctx, d))
		keep(tx.Commit())
		keep(s.Close())
		keep(q.Close())
		for i, err := range errs {
			if err != nil {
				t.Errorf("call %d: %v", i, err)
			}
		}
		if n != 2 {
			t.Errorf("read %d", n)
		}
	}
	all(nil) //nolint:staticcheck // programs have such contexts, too
	spans := below(t, r, func(ctx context.Context) {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		all(ctx)
	})
	want := []string{
		"PING :memory:", "CREATE a", "SELECT a", "SELECT a", "PREPARE INSERT a", "INSERT a", "PREPARE SELECT a", "SELECT a", "SELECT a",
		"BEGIN :memory:", "UPDATE a", "SELECT a", "SELECT a", "PREPARE DELETE a", "DELETE a", "COMMIT :memory:",
	}
	if got := names(spans); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
