package deep

import (
	"bytes"
	"errors"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// source reads the files of a standard package.
func source(t *testing.T, pkg string) func(name string) ([]byte, error) {
	t.Helper()
	dir := filepath.Join(build.Default.GOROOT, "src", filepath.FromSlash(pkg))
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no sources of the standard library:", err)
	}
	return func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(dir, name)) }
}

// The packages of the toolchain at hand have every place, and each stays on its
// line.
func TestEditsOfTheToolchain(t *testing.T) {
	want := map[string]string{
		"database/sql": "orchestrall_hooks.go sql.go",
		"log/slog":     "logger.go orchestrall_hooks.go",
		"net/http":     "orchestrall_hooks.go request.go server.go transport.go",
	}
	for _, pkg := range Packages(Names()) {
		read := source(t, pkg)
		files, err := Files(pkg, Names(), read)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, f := range files {
			names = append(names, f.Name)
			if _, err := parser.ParseFile(token.NewFileSet(), f.Name, f.Src, 0); err != nil {
				t.Error(err)
			}
			if own, err := read(f.Name); err == nil && bytes.Count(own, []byte("\n")) != bytes.Count(f.Src, []byte("\n")) {
				t.Errorf("%s of %s has other lines", f.Name, pkg)
			}
		}
		if got := strings.Join(names, " "); got != want[pkg] {
			t.Errorf("%s: %s", pkg, got)
		}
	}
	if files, err := Files("net/http", []string{"net/http-client", "database/sql"}, source(t, "net/http")); len(files) != 2 || err != nil {
		t.Errorf("%d files for the client alone: %v", len(files), err)
	}
	if files, err := Files("net/http", []string{"database/sql"}, source(t, "net/http")); len(files) != 0 || err != nil {
		t.Errorf("%d files for another package: %v", len(files), err)
	}
}

// What is edited in database/sql, and how.
func TestEditsOfDatabases(t *testing.T) {
	src := `package sql

func OpenDB(c driver.Connector) *DB {
	return &DB{connector: c}
}

func Open(driverName, dataSourceName string) (*DB, error) {
	if ctx, ok := d.(driver.DriverContext); ok {
		return OpenDB(connector), nil
	}
	return OpenDB(dsnConnector{driver: d}), nil
}

func (c *Conn) Raw(f func(driverConn any) error) (err error) {
	err = f(dc.ci)
	return
}
`
	files, err := Files("database/sql", []string{"database/sql"}, func(string) ([]byte, error) { return []byte(src), nil })
	if err != nil || len(files) != 2 {
		t.Fatal(files, err)
	}
	want := strings.NewReplacer(
		"*DB {\n", `*DB { if orchestrallHook := orchestrallOpen.Load(); orchestrallHook != nil { if db, done := (*orchestrallHook)(c, "", ""); done { return db } };`+"\n",
		"return OpenDB(", "return orchestrallOpenDB(driverName, dataSourceName, ",
		"f(dc.ci)", "f(orchestrallConn(dc.ci))",
	).Replace(src)
	if got := string(files[1].Src); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// What is edited in log/slog, and how.
func TestEditsOfLoggers(t *testing.T) {
	src := `package slog

func (l *Logger) log(ctx context.Context, level Level, msg string, args ...any) {
	_ = l.Handler().Handle(ctx, r)
}

func (l *Logger) logAttrs(ctx context.Context, level Level, msg string, attrs ...Attr) {
	return l.handler.Handle(ctx, r)
}
`
	files, err := Files("log/slog", []string{"log/slog"}, func(string) ([]byte, error) { return []byte(src), nil })
	if err != nil || len(files) != 2 {
		t.Fatal(files, err)
	}
	want := strings.NewReplacer(
		"l.Handler().Handle(ctx, r)", "orchestrallLog(ctx, l.Handler(), r)", "l.handler.Handle(ctx, r)", "orchestrallLog(ctx, l.handler, r)",
	).Replace(src)
	if got := string(files[0].Src); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAnotherRelease(t *testing.T) {
	for _, test := range []struct{ pkg, name, src, want string }{
		{"net/http", "server.go", "package http\n\nfunc (sh serverHandler) ServeHTTP(rw ResponseWriter, req *Request) { go sh.serve(rw, req) }\n", "serverHandler.ServeHTTP in server.go is not the function that the hooks expect"},
		{"net/http", "request.go", "package http\n\nfunc MaxBytesReader(ResponseWriter, io.ReadCloser, int64) io.ReadCloser { return nil }\n", "MaxBytesReader in request.go is not the function that the hooks expect"},
		{"net/http", "transport.go", "package http\n\nfunc (t *Transport) RoundTrip(req *Request) (*Response, error) { return nil, nil }\n", "transport.go has no Transport.roundTrip"},
		{"database/sql", "sql.go", "package sql\n\nfunc OpenDB(driver.Connector) *DB { return nil }\n\nfunc Open(driverName, dataSourceName string) (*DB, error) { return open(driverName, dataSourceName) }\n\nfunc (c *Conn) Raw(f func(any) error) error { return c.with(f) }\n", "OpenDB in sql.go is not the function that the hooks expect\nOpen in sql.go is not the function that the hooks expect\nConn.Raw in sql.go is not the function that the hooks expect"},
		{"log/slog", "logger.go", "package slog\n\nfunc (l *Logger) log(ctx context.Context) { l.write(ctx) }\n", "Logger.log in logger.go is not the function that the hooks expect\nlogger.go has no Logger.logAttrs"},
		{"database/sql", "sql.go", "package sql\n\nfunc Open(", "expected"},
	} {
		_, err := Files(test.pkg, Names(), func(file string) ([]byte, error) {
			if file == test.name {
				return []byte(test.src), nil
			}
			return nil, errors.New(file + " is not there")
		})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", test.name, err)
		}
		if test.pkg == "net/http" && !strings.Contains(err.Error(), "is not there") {
			t.Error("only one problem is told:", err)
		}
	}
	_, err := Files("database/sql", Names(), func(string) ([]byte, error) { return nil, errors.New("no such file") })
	if err == nil || strings.Count(err.Error(), "no such file") != 1 {
		t.Error("a file that is not there:", err)
	}
}

// A type that is named is not made.
func TestMakes(t *testing.T) {
	for src, want := range map[string]string{
		`import "database/sql"; func f() { sql.Open("", "") }`:                                                                          "sql.Open",
		`import db "database/sql"; var open = db.OpenDB`:                                                                                "sql.OpenDB",
		`import "database/sql"; func f(db *sql.DB) { db.Driver(); sql.Drivers() }`:                                                      "",
		`import _ "database/sql"; var sql struct{ Open func() }; var x = sql.Open`:                                                      "",
		`import "database/sql"; func init() { sql.Register("", nil) }; func f() { sql.Open("", "") }`:                                   "",
		`import "database/sql"; func init() { sql.Register("", nil) }; func f(c *sql.Conn) { c.Raw(func(c any) error { return nil }) }`: "sql.Conn.Raw",
		`func f(c interface{ Raw(func(any) error) error }) { c.Raw(func(any) error { return nil }) }`:                                   "sql.Conn.Raw",
		`func f(c interface{ Raw(func()) }) { c.Raw(func() {}); c.Raw(nil) }`:                                                           "",
		`import "net/http"; var c = &http.Client{}`:                                                                                     "http.Client",
		`import "net/http"; var c = new(http.Client)`:                                                                                   "http.Client",
		`import "net/http"; type T struct{ c *http.Client }; func f(c http.Client) {}`:                                                  "",
		`import "net/http"; func f() *http.Client { return http.DefaultClient }`:                                                        "http.DefaultClient",
		`import "net/http"; func f() { http.DefaultClient.Do(nil) }`:                                                                    "http.DefaultClient",
		`import "net/http"; var t = T{C: http.DefaultClient}`:                                                                           "http.DefaultClient",
		`import "net/http"; func f() { x := http.Get; x("") }`:                                                                          "http.Get",
		`import "net/http"; var s = http.Server{}`:                                                                                      "http.Server",
		`import "net/http"; func f(r *http.Request) { r.Context() }`:                                                                    "",
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "", "package p; "+src, 0)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, name := range Names() {
			got += Makes(name, []*ast.File{f})
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", src, got, want)
		}
	}
}
