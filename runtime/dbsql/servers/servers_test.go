//go:build unix

package servers

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	_ "github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/orchestrall/orchestrall/runtime/dbsql"
)

// program finds a server's binary. Where it is not installed the test is
// skipped, unless the machine is meant to have it.
func program(t testing.TB, name string, folders ...string) string {
	t.Helper()
	for _, pattern := range folders {
		found, _ := filepath.Glob(filepath.Join(pattern, name))
		if len(found) > 0 {
			return found[len(found)-1]
		}
	}
	if found, err := exec.LookPath(name); err == nil {
		return found
	}
	if os.Getenv("ORCHESTRALL_REQUIRE_SERVERS") == "1" {
		t.Fatalf("%s is not installed, and ORCHESTRALL_REQUIRE_SERVERS=1 asks for it; apt-get install postgresql mariadb-server", name)
	}
	t.Skipf("%s is not installed; apt-get install postgresql mariadb-server", name)
	return ""
}

// nobody is whom the servers run as when the test runs as root, which they
// refuse.
const nobody = 65534

// command prepares a program that runs below dir as somebody who is not root.
func command(dir, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = []string{"HOME=" + dir, "LC_ALL=C", "PATH=" + os.Getenv("PATH"), "TMPDIR=" + dir}
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	return cmd
}

// folder is short, since the path of a socket must be, and open to the servers.
func folder(t testing.TB) string {
	t.Helper()
	dir := must[string](t)(os.MkdirTemp("", "sql"))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if os.Getuid() == 0 {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func run(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", filepath.Base(cmd.Path), err, out)
	}
}

// serve starts a server and returns when it says that it is ready.
func serve(t testing.TB, cmd *exec.Cmd, ready string) {
	t.Helper()
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	lines := bufio.NewScanner(out)
	up := false
	for !up && lines.Scan() {
		fmt.Fprintln(&log, lines.Text())
		up = strings.Contains(lines.Text(), ready)
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for lines.Scan() {
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-drained
		_ = cmd.Wait()
	})
	if !up {
		t.Fatalf("%s did not start:\n%s", filepath.Base(cmd.Path), log.String())
	}
}

func freePort(t testing.TB) string {
	t.Helper()
	l := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// postgreSQL starts a server and returns its port.
func postgreSQL(t testing.TB) (port string) {
	t.Helper()
	const installed = "/usr/lib/postgresql/*/bin"
	initdb, server := program(t, "initdb", installed), program(t, "postgres", installed)
	dir, port := folder(t), freePort(t)
	run(t, command(dir, initdb, "-D", dir+"/data", "-U", "app", "--auth=trust", "--no-sync", "-E", "UTF8"))
	serve(t, command(dir, server, "-D", dir+"/data", "-k", dir, "-p", port, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"),
		"database system is ready to accept connections")
	return port
}

func TestPostgreSQL(t *testing.T) {
	port := postgreSQL(t)
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
	install := program(t, "mariadb-install-db", "/usr/bin")
	server := program(t, "mariadbd", "/usr/sbin")
	dir := folder(t)
	port = freePort(t)
	run(t, command(dir, install, "--no-defaults", "--datadir="+dir+"/data", "--auth-root-authentication-method=normal", "--skip-test-db"))
	serve(t, command(dir, server, "--no-defaults", "--datadir="+dir+"/data", "--socket="+dir+"/s", "--port="+port,
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
