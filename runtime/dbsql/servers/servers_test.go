//go:build unix

package servers

import (
	"context"
	"database/sql"
	"slices"
	"testing"

	_ "github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/orchestrall/orchestrall/runtime/dbsql"
	"github.com/orchestrall/orchestrall/runtime/internal/servers"
)

func TestPostgreSQL(t *testing.T) {
	port := servers.PostgreSQL(t)
	exercise(t, database{
		driver: "pgx", dsn: "postgres://app:" + password + "@127.0.0.1:" + port + "/postgres?sslmode=disable",
		system: "postgresql", namespace: "postgres", address: "127.0.0.1", port: port, mark: "$1",
		endless: "SELECT pg_sleep(60)", missing: "42P01",
	})
	t.Run("own connector", func(t *testing.T) {
		r := recorder(t)
		config, err := pgx.ParseConfig("host=127.0.0.1 port=" + port + " user=app password='" + password + "' dbname=postgres sslmode=disable")
		if err != nil {
			t.Fatal(err)
		}
		db := dbsql.OpenDB(stdlib.GetConnector(*config))
		defer db.Close()
		spans := below(t, r, func(ctx context.Context) {
			quick(t, ctx, db, "SELECT 1")
			conn := must[*sql.Conn](t)(db.Conn(ctx))
			defer conn.Close()
			if err := dbsql.ConnRaw(conn, func(c any) error { return c.(*stdlib.Conn).Conn().Ping(ctx) }); err != nil {
				t.Error(err)
			}
		})
		s := find(t, spans, "SELECT")
		if attr(s, "server.address") != "127.0.0.1" || attr(s, "server.port") != port || attr(s, "db.namespace") != "postgres" {
			t.Errorf("attributes are %v", s.Attributes())
		}
		noSecrets(t, spans, password)
	})
	t.Run("cancelled", func(t *testing.T) {
		r := recorder(t)
		db := must[*sql.DB](t)(dbsql.Open("pgx", "postgres://app@127.0.0.1:"+port+"/postgres?sslmode=disable"))
		defer db.Close()
		spans := below(t, r, func(ctx context.Context) {
			ctx, cancel := context.WithCancel(ctx)
			rows := must[*sql.Rows](t)(db.QueryContext(ctx, "SELECT i FROM generate_series(1, 1000000) i"))
			rows.Next()
			cancel()
			_ = rows.Close()
		})
		if got := names(spans); !slices.Contains(got, "SELECT generate_series") {
			t.Errorf("spans are %q", got)
		}
	})
	t.Run("lost connection", func(t *testing.T) {
		r := recorder(t)
		db := must[*sql.DB](t)(dbsql.Open("pgx", "postgres://app@127.0.0.1:"+port+"/postgres?sslmode=disable"))
		defer db.Close()
		spans := below(t, r, func(ctx context.Context) {
			_, err := db.ExecContext(ctx, "SELECT pg_terminate_backend(pg_backend_pid())")
			if err == nil {
				t.Error("the connection is still there")
			}
			quick(t, ctx, db, "SELECT 2")
		})
		if got := names(spans); got[len(got)-1] != "SELECT" || !slices.Contains(got, "SELECT failed") {
			t.Errorf("spans are %q", got)
		}
	})
}

func quick(t *testing.T, ctx context.Context, db *sql.DB, query string) {
	t.Helper()
	if _, err := db.ExecContext(ctx, query); err != nil {
		t.Error(err)
	}
}

// mariaDB starts a server with a database called shop, and returns its port.
func mariaDB(t testing.TB) (port string) {
	t.Helper()
	install := servers.Program(t, "mariadb-install-db", "/usr/bin")
	server := servers.Program(t, "mariadbd", "/usr/sbin")
	dir := servers.Folder(t)
	port = servers.FreePort(t)
	servers.Run(t, servers.Command(dir, install, "--no-defaults", "--datadir="+dir+"/data", "--auth-root-authentication-method=normal", "--skip-test-db"))
	servers.Serve(t, servers.Command(dir, server, "--no-defaults", "--datadir="+dir+"/data", "--socket="+dir+"/s", "--port="+port,
		"--bind-address=127.0.0.1", "--pid-file="+dir+"/pid"), "ready for connections")
	setup := must[*sql.DB](t)(sql.Open("mysql", "root@unix("+dir+"/s)/"))
	for _, q := range []string{
		"CREATE DATABASE shop", "CREATE USER app@'127.0.0.1' IDENTIFIED BY '" + password + "'", "GRANT ALL ON shop.* TO app@'127.0.0.1'",
	} {
		execute(t, t.Context(), setup, q)
	}
	_ = setup.Close()
	return port
}

func TestMariaDB(t *testing.T) {
	port := mariaDB(t)
	exercise(t, database{
		driver: "mysql", dsn: "app:" + password + "@tcp(127.0.0.1:" + port + ")/shop",
		system: "mysql", namespace: "shop", address: "127.0.0.1", port: port, mark: "?",
		endless: "SELECT SLEEP(60)", missing: "1146", twoWays: true,
	})
}
