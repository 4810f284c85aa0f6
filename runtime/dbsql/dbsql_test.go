package dbsql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"
	"testing"

	"go.opentelemetry.io/otel"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

func TestDSN(t *testing.T) {
	for _, test := range []struct {
		system, dsn string
		want        place
	}{
		{"postgresql", "postgres://app:p%40ss@db.example:5433/shop?sslmode=disable", place{"db.example", 5433, "shop"}},
		{"postgresql", "postgres:///shop?host=/var/run/postgresql&password=secret", place{"/var/run/postgresql", 0, "shop"}},
		{"postgresql", `host=db port=5432 user=app password='se cret\'x' dbname=shop`, place{"db", 5432, "shop"}},
		{"postgresql", "host=a,b dbname = shop", place{"a", 0, "shop"}},
		{"mysql", "app:p@ss/w?rd@tcp(db:3306)/shop?parseTime=true&loc=Europe%2FBerlin", place{"db", 3306, "shop"}},
		{"mysql", "app:secret@unix(/run/mysqld.sock)/shop", place{"/run/mysqld.sock", 0, "shop"}},
		{"mysql", "/shop", place{"", 0, "shop"}},
		{"mysql", "app:secret", place{}},
		{"sqlite", "file:/data/app.db?_auth_pass=secret", place{"", 0, "app.db"}},
		{"sqlite", ":memory:", place{"", 0, ":memory:"}},
		{"sqlite", "libsql://shop.example?authToken=secret", place{"shop.example", 0, ""}},
		{"microsoft.sql_server", "sqlserver://sa:secret@db:1433?database=shop", place{"db", 1433, "shop"}},
		{"microsoft.sql_server", `Server=db\inst,1433;User Id=sa;Password=secret;Database=shop`, place{"db", 1433, "shop"}},
		{"other_sql", "secret", place{}},
		{"other_sql", "x://u:secret@h:1/n", place{"h", 1, "n"}},
		{"postgresql", "postgres://%zz:secret", place{}},
		{"postgresql", "", place{}},
	} {
		got := parseDSN(test.system, test.dsn)
		if got != test.want {
			t.Errorf("%s: %s: got %+v, want %+v", test.system, test.dsn, got, test.want)
		}
		if strings.Contains(fmt.Sprint(got), "secret") {
			t.Errorf("%s shows the password: %+v", test.dsn, got)
		}
	}
}

func FuzzDSN(f *testing.F) {
	f.Add("mysql", "a:b@tcp(c:1)/d?e=f/g")
	f.Add("postgresql", "host='a")
	f.Add("microsoft.sql_server", "Server=;=;")
	f.Fuzz(func(t *testing.T, system, dsn string) {
		if p := parseDSN(system, dsn); p.port < 0 || len(p.host) > 255 || len(p.namespace) > 255 {
			t.Errorf("%+v", p)
		}
	})
}

// A connector that hides its address as drivers do.
type hidden struct {
	idle
	config *struct {
		User, Password, Host, Database string
		Port                           uint16
	}
}

func TestPlaceOfConnector(t *testing.T) {
	h := hidden{config: &struct {
		User, Password, Host, Database string
		Port                           uint16
	}{"app", "secret", "db", "shop", 5432}}
	if got, want := placeOf(h), (place{"db", 5432, "shop"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := placeOf(hidden{}); got != (place{}) {
		t.Errorf("got %+v of nothing", got)
	}
}

func TestWrappedOnce(t *testing.T) {
	c := Connector(idle{})
	if Connector(c) != c || Connector(nil) != nil {
		t.Error("wrapped twice")
	}
	dc, err := c.Connect(context.Background())
	if err != nil || Unwrap(dc) != (idle{}) || Unwrap(idle{}) != (idle{}) {
		t.Errorf("the connection is %v: %v", dc, err)
	}
	if again := newConn(dc, nil); again != dc {
		t.Error("a connection is wrapped twice")
	}
	if got := within("github.com/XSAM/otelsql", byHand[0]) && within("github.com/XSAM/otelsql/x", byHand[0]) && !within("github.com/XSAM/otelsqlx", byHand[0]); !got {
		t.Error("packages are mistaken")
	}
}

func TestOpenFails(t *testing.T) {
	db, err := Open("no such driver", "")
	want, wantErr := sql.Open("no such driver", "")
	if db != want || err.Error() != wantErr.Error() {
		t.Errorf("got %v, %v", db, err)
	}
}

func TestUnsampledAllocatesNoMoreThanBare(t *testing.T) {
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(sdk.NewTracerProvider())
	t.Cleanup(func() { otel.SetTracerProvider(before) })
	ctx := sampled(false)
	measure := func(db *sql.DB) (exec, query float64) {
		defer db.Close()
		exec = testing.AllocsPerRun(100, func() { _, _ = db.ExecContext(ctx, "UPDATE t SET a = 1") })
		query = testing.AllocsPerRun(100, func() {
			rows, err := db.QueryContext(ctx, "SELECT a FROM t")
			if err != nil {
				t.Fatal(err)
			}
			_ = rows.Close()
		})
		return exec, query
	}
	exec, query := measure(sql.OpenDB(idle{}))
	if x, q := measure(OpenDB(idle{})); x != exec || q != query {
		t.Errorf("%v and %v allocations, want %v and %v", x, q, exec, query)
	}
}

func TestSkippedCallsLeaveNothing(t *testing.T) {
	r := tracetest.NewSpanRecorder()
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(sdk.NewTracerProvider(sdk.WithSpanProcessor(r)))
	t.Cleanup(func() { otel.SetTracerProvider(before) })
	db := OpenDB(&fake{bits: hasExec | contexts | skips})
	defer db.Close()
	if _, err := db.Exec("INSERT INTO t VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range r.Ended() {
		if dropped := fmt.Sprint(s.Attributes()); !strings.Contains(dropped, "orchestrall.drop") {
			names = append(names, s.Name())
		}
	}
	if got := strings.Join(names, ", "); got != "CONNECT, PREPARE INSERT t, INSERT t" {
		t.Errorf("spans are %s", got)
	}
}

func TestTwoQueriesOfOneConnection(t *testing.T) {
	db := OpenDB(&fake{bits: hasExec | hasQuery | contexts})
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	var all []*sql.Rows
	for range 3 {
		rows, err := tx.Query("SELECT a FROM t")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rows)
	}
	for range 2 {
		for i, rows := range all {
			if !rows.Next() {
				t.Errorf("query %d has ended early", i)
			}
		}
	}
	for _, rows := range all {
		if rows.Next() || rows.Close() != nil || rows.Close() != nil {
			t.Error("a query does not end")
		}
	}
}

var _ driver.Connector = hidden{}
