package servers

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orchestrall/orchestrall/runtime/dbsql"
)

// database is what differs between the databases that all run the same tests.
type database struct {
	driver, dsn string
	system      string
	namespace   string
	address     string
	port        string
	mark        string // placeholder
	endless     string // a query that runs until it is cancelled
	missing     string // db.response.status_code of a table that is none
	twoWays     bool   // the driver hands queries with arguments back to be prepared
}

const password = "pw-zq7"

// exercise runs everything that a program does with a database.
func exercise(t *testing.T, d database) {
	r := recorder(t)
	db := must[*sql.DB](t)(dbsql.Open(d.driver, d.dsn))
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(4)

	bare := must[*sql.DB](t)(sql.Open(d.driver, d.dsn))
	defer bare.Close()
	if db.Driver() != bare.Driver() {
		t.Errorf("DB.Driver is a %T, not the driver", db.Driver())
	}

	t.Run("connect", func(t *testing.T) {
		spans := below(t, r, func(ctx context.Context) {
			if err := db.PingContext(ctx); err != nil {
				t.Fatal(err)
			}
		})
		find(t, spans, "CONNECT "+d.namespace)
		s := find(t, spans, "PING "+d.namespace)
		for key, want := range map[string]string{
			"db.system.name": d.system, "db.namespace": d.namespace, "server.address": d.address, "server.port": d.port,
			"db.operation.name": "PING", "db.query.text": "",
		} {
			if got := attr(s, key); got != want {
				t.Errorf("%s is %q, want %q", key, got, want)
			}
		}
		noSecrets(t, spans, password)
	})

	t.Run("exec", func(t *testing.T) {
		spans := below(t, r, func(ctx context.Context) {
			execute(t, ctx, db, "CREATE TABLE orders (id int, note varchar(40))")
			execute(t, ctx, db, "INSERT INTO orders (id, note) VALUES (4711, 'zq''secret'), (4712, 'zqother'), (4713, NULL)")
		})
		if got, want := names(spans), []string{"CREATE orders", "INSERT orders"}; !slices.Equal(got, want) {
			t.Fatalf("spans are %q, want %q", got, want)
		}
		if got, want := attr(spans[1], "db.query.text"), "INSERT INTO orders (id, note) VALUES (?, ?)"; got != want {
			t.Errorf("db.query.text is %q, want %q", got, want)
		}
		if got := attr(spans[1], "db.collection.name"); got != "orders" {
			t.Errorf("db.collection.name is %q", got)
		}
		noSecrets(t, spans, "zq", "471")
	})

	t.Run("query", func(t *testing.T) {
		labels := []string{"operation=sql.query", "db_system=" + d.system, "db_operation=SELECT", "status=success"}
		before, _ := metric(t, "database_query_duration_seconds", labels...)
		spans := below(t, r, func(ctx context.Context) {
			rows := must[*sql.Rows](t)(db.QueryContext(ctx, "SELECT id, note FROM orders WHERE id > "+d.mark+" ORDER BY id", 4711))
			n := 0
			for rows.Next() {
				var id int
				var note sql.NullString
				if err := rows.Scan(&id, &note); err != nil {
					t.Fatal(err)
				}
				n += id
			}
			if err := errors.Join(rows.Err(), rows.Close()); err != nil || n != 4712+4713 {
				t.Errorf("the ids are %d together: %v", n, err)
			}
		})
		want := []string{"SELECT orders"}
		if d.twoWays {
			want = []string{"PREPARE SELECT orders", "SELECT orders"}
		}
		if got := names(spans); !slices.Equal(got, want) {
			t.Fatalf("spans are %q, want %q", got, want)
		}
		s := spans[len(spans)-1]
		if got := attr(s, "db.response.returned_rows"); got != "2" {
			t.Errorf("db.response.returned_rows is %q", got)
		}
		if got, want := attr(s, "db.query.text"), "SELECT id, note FROM orders WHERE id > "+d.mark+" ORDER BY id"; got != want {
			t.Errorf("db.query.text is %q, want %q", got, want)
		}
		if n, _ := metric(t, "database_query_duration_seconds", labels...); n != before+1 {
			t.Errorf("%v queries are counted, want 1", n-before)
		}
	})

	t.Run("no rows", func(t *testing.T) {
		spans := below(t, r, func(ctx context.Context) {
			var id int
			if err := db.QueryRowContext(ctx, "SELECT id FROM orders WHERE id = 1").Scan(&id); err != sql.ErrNoRows {
				t.Errorf("error %v", err)
			}
		})
		if got := names(spans); !slices.Equal(got, []string{"SELECT orders"}) {
			t.Errorf("spans are %q", got)
		}
		if got := attr(spans[0], "db.response.returned_rows"); got != "0" {
			t.Errorf("db.response.returned_rows is %q", got)
		}
	})

	t.Run("transactions", func(t *testing.T) {
		spans := below(t, r, func(ctx context.Context) {
			tx := must[*sql.Tx](t)(db.BeginTx(ctx, nil))
			execute(t, ctx, tx, "UPDATE orders SET note = 'x' WHERE id = 4711")
			if err := tx.Commit(); err != nil {
				t.Error(err)
			}
			tx = must[*sql.Tx](t)(db.BeginTx(ctx, nil))
			execute(t, ctx, tx, "DELETE FROM orders")
			if err := tx.Rollback(); err != nil {
				t.Error(err)
			}
			var n int
			if err := db.QueryRowContext(ctx, "SELECT count(*) FROM orders").Scan(&n); err != nil || n != 3 {
				t.Errorf("%d rows are left: %v", n, err)
			}
		})
		want := []string{
			"BEGIN " + d.namespace, "UPDATE orders", "COMMIT " + d.namespace,
			"BEGIN " + d.namespace, "DELETE orders", "ROLLBACK " + d.namespace, "SELECT orders",
		}
		if got := names(spans); !slices.Equal(got, want) {
			t.Errorf("spans are %q, want %q", got, want)
		}
	})

	t.Run("prepared", func(t *testing.T) {
		spans := below(t, r, func(ctx context.Context) {
			s := must[*sql.Stmt](t)(db.PrepareContext(ctx, "SELECT note FROM orders WHERE id = "+d.mark))
			defer s.Close()
			for range 2 {
				var note string
				if err := s.QueryRowContext(ctx, 4712).Scan(&note); err != nil || note != "zqother" {
					t.Errorf("note %q: %v", note, err)
				}
			}
		})
		if got, want := names(spans), []string{"PREPARE SELECT orders", "SELECT orders", "SELECT orders"}; !slices.Equal(got, want) {
			t.Errorf("spans are %q, want %q", got, want)
		}
	})

	t.Run("failure", func(t *testing.T) {
		var own, theirs error
		spans := below(t, r, func(ctx context.Context) {
			_, own = db.ExecContext(ctx, "DELETE FROM nowhere")
			_, theirs = bare.ExecContext(context.Background(), "DELETE FROM nowhere")
		})
		if own == nil || own.Error() != theirs.Error() {
			t.Errorf("the error is %v, want %v", own, theirs)
		}
		if got := names(spans); !slices.Equal(got, []string{"DELETE nowhere failed"}) {
			t.Fatalf("spans are %q", got)
		}
		if got := attr(spans[0], "db.response.status_code"); got != d.missing {
			t.Errorf("db.response.status_code is %q, want %q", got, d.missing)
		}
	})

	t.Run("deadline", func(t *testing.T) {
		spans := below(t, r, func(ctx context.Context) {
			ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
			defer cancel()
			rows, err := db.QueryContext(ctx, d.endless)
			if err == nil {
				for rows.Next() {
				}
				err = rows.Err()
				_ = rows.Close()
			}
			if err == nil {
				t.Error("the query went through")
			}
		})
		if got := names(spans); !slices.ContainsFunc(got, func(name string) bool { return strings.HasSuffix(name, " failed") }) {
			t.Errorf("no span failed of %q", got)
		}
	})

	t.Run("raw", func(t *testing.T) {
		c := must[*sql.Conn](t)(db.Conn(t.Context()))
		defer c.Close()
		b := must[*sql.Conn](t)(bare.Conn(t.Context()))
		defer b.Close()
		var own, theirs any
		err := errors.Join(
			dbsql.ConnRaw(c, func(c any) error { own = c; return nil }),
			b.Raw(func(c any) error { theirs = c; return nil }))
		if err != nil || typeOf(own) != typeOf(theirs) {
			t.Errorf("the connection is a %T, want %T: %v", own, theirs, err)
		}
		if err := dbsql.ConnRaw(c, func(any) error { return sql.ErrTxDone }); err != sql.ErrTxDone {
			t.Errorf("error %v", err)
		}
	})

	t.Run("column types", func(t *testing.T) {
		const query = "SELECT id, note FROM orders"
		own := must[*sql.Rows](t)(db.Query(query))
		defer own.Close()
		theirs := must[*sql.Rows](t)(bare.Query(query))
		defer theirs.Close()
		a, b := must[[]*sql.ColumnType](t)(own.ColumnTypes()), must[[]*sql.ColumnType](t)(theirs.ColumnTypes())
		for i := range b {
			if *a[i] != *b[i] {
				t.Errorf("column %d is %+v, want %+v", i, a[i], b[i])
			}
		}
	})

	t.Run("pool", func(t *testing.T) {
		pool := "pool_name=" + poolName(d)
		c := must[*sql.Conn](t)(db.Conn(t.Context()))
		if n, _ := metric(t, "db_client_connection_count", pool, "state=used"); n != 1 {
			t.Errorf("%v connections are used, want 1", n)
		}
		_ = c.Close()
		if n, _ := metric(t, "db_client_connection_max", pool); n != 4 {
			t.Errorf("the limit is %v, want 4", n)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		if _, found := metric(t, "db_client_connection_max", pool); found {
			t.Error("a closed database still has figures")
		}
	})
}

func poolName(d database) string {
	switch {
	case d.port != "":
		return d.address + ":" + d.port + "/" + d.namespace
	case d.address != "":
		return d.address + "/" + d.namespace
	}
	return d.namespace
}
