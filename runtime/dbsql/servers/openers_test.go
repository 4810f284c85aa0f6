//go:build unix

package servers

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	entdialect "entgo.io/ent/dialect/sql"
	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/jmoiron/sqlx"
	gormmysql "gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/orchestrall/orchestrall/runtime/dbsql"
	"github.com/orchestrall/orchestrall/runtime/ent"
	hookgorm "github.com/orchestrall/orchestrall/runtime/gorm"
	"github.com/orchestrall/orchestrall/runtime/internal/servers"
	"github.com/orchestrall/orchestrall/runtime/pgxstdlib"
	hooksqlx "github.com/orchestrall/orchestrall/runtime/sqlx"
)

// An order is a row.
type Order struct {
	ID   int
	Name string
}

func TestSqlx(t *testing.T) {
	dsn := "file:" + filepath.Join(t.TempDir(), "app.db")
	for name, open := range map[string]func() (*sqlx.DB, error){
		"Open":           func() (*sqlx.DB, error) { return hooksqlx.Open("sqlite", dsn) },
		"MustOpen":       func() (*sqlx.DB, error) { return hooksqlx.MustOpen("sqlite", dsn), nil },
		"Connect":        func() (*sqlx.DB, error) { return hooksqlx.Connect("sqlite", dsn) },
		"ConnectContext": func() (*sqlx.DB, error) { return hooksqlx.ConnectContext(t.Context(), "sqlite", dsn) },
		"MustConnect":    func() (*sqlx.DB, error) { return hooksqlx.MustConnect("sqlite", dsn), nil },
	} {
		t.Run(name, func(t *testing.T) {
			r := recorder(t)
			db := must[*sqlx.DB](t)(open())
			defer db.Close()
			db.MustExec("CREATE TABLE IF NOT EXISTS orders (id INTEGER, name TEXT)")
			bare := sqlx.MustOpen("sqlite", dsn)
			defer bare.Close()
			if db.DriverName() != bare.DriverName() || typeOf(db.Driver()) != typeOf(bare.Driver()) || !reflect.DeepEqual(db.Mapper, bare.Mapper) {
				t.Errorf("the database is %v of %T", db.DriverName(), db.Driver())
			}
			spans := below(t, r, func(ctx context.Context) {
				var all []Order
				if err := db.SelectContext(ctx, &all, "SELECT id, name FROM orders WHERE name = ?", "x"); err != nil {
					t.Error(err)
				}
			})
			if s := find(t, spans, "SELECT orders"); attr(s, "db.namespace") != "app.db" || len(spans) > 2 {
				t.Errorf("%q: %v", names(spans), s.Attributes())
			}
		})
	}
}

// What cannot be opened fails as it does in sqlx.
func TestSqlxFails(t *testing.T) {
	missing := "file:" + filepath.Join(t.TempDir(), "missing", "app.db")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, pair := range map[string][2]func(driver, dsn string) (*sqlx.DB, error){
		"Open":    {hooksqlx.Open, sqlx.Open},
		"Connect": {hooksqlx.Connect, sqlx.Connect},
		"ConnectContext": {
			func(driver, dsn string) (*sqlx.DB, error) { return hooksqlx.ConnectContext(ended, driver, dsn) },
			func(driver, dsn string) (*sqlx.DB, error) { return sqlx.ConnectContext(ended, driver, dsn) },
		},
		"MustOpen":    {panics(hooksqlx.MustOpen), panics(sqlx.MustOpen)},
		"MustConnect": {panics(hooksqlx.MustConnect), panics(sqlx.MustConnect)},
	} {
		for _, driver := range []string{"no such driver", "sqlite"} {
			db, err := pair[0](driver, missing)
			want, wantErr := pair[1](driver, missing)
			if (db == nil) != (want == nil) || (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
				t.Errorf("%s of %s: got %v, %v, want %v, %v", name, driver, db, err, want, wantErr)
			}
			for _, open := range []*sqlx.DB{db, want} {
				if open != nil {
					_ = open.Close()
				}
			}
		}
	}
}

func panics(open func(driver, dsn string) *sqlx.DB) func(driver, dsn string) (*sqlx.DB, error) {
	return func(driver, dsn string) (db *sqlx.DB, err error) {
		defer func() {
			if p := recover(); p != nil {
				err = p.(error)
			}
		}()
		return open(driver, dsn), nil
	}
}

func TestEnt(t *testing.T) {
	r := recorder(t)
	if d, err := ent.Open("no such driver", ""); d != nil || err == nil {

		t.Error("a driver that is not there")
	}
	d := must[*entdialect.Driver](t)(ent.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "app.db")))
	defer d.Close()
	spans := below(t, r, func(ctx context.Context) {
		var rows entdialect.Rows
		if err := d.Query(ctx, "SELECT 1", []any{}, &rows); err != nil {
			t.Error(err)
			return
		}
		_ = rows.Close()
	})
	find(t, spans, "SELECT")
}

func TestOpenersOfPostgreSQL(t *testing.T) {
	port := servers.PostgreSQL(t)
	dsn := "host=127.0.0.1 port=" + port + " user=app password='" + password + "' dbname=postgres sslmode=disable"
	t.Run("gorm", func(t *testing.T) {
		exerciseGorm(t, postgres.Open(dsn), "postgres", port, `"orders"`)
	})
	t.Run("gorm with its options", func(t *testing.T) {
		d := postgres.New(postgres.Config{DSN: dsn, PreferSimpleProtocol: true})
		exerciseGorm(t, d, "postgres", port, `"orders"`, &gorm.Config{PrepareStmt: true, SkipDefaultTransaction: true})
	})
	t.Run("gorm with a database that is somebody's", func(t *testing.T) {
		bare := must[*sql.DB](t)(sql.Open("pgx", dsn))
		defer bare.Close()
		must[*gorm.DB](t)(hookgorm.Open(postgres.New(postgres.Config{Conn: bare})))
		r := recorder(t)
		if spans := below(t, r, func(ctx context.Context) { execute(t, ctx, bare, "SELECT 1") }); len(spans) != 0 {
			t.Errorf("a database that was in use is instrumented: %q", names(spans))
		}
		own := must[*sql.DB](t)(dbsql.Open("pgx", dsn))
		defer own.Close()
		must[*gorm.DB](t)(hookgorm.Open(postgres.New(postgres.Config{Conn: own})))
		if spans := below(t, r, func(ctx context.Context) { execute(t, ctx, own, "SELECT 1") }); !slices.Equal(names(spans), []string{"SELECT"}) {
			t.Errorf("spans are %q", names(spans))
		}
	})
	t.Run("gorm that fails", func(t *testing.T) {
		for _, d := range []gorm.Dialector{nil, postgres.Open("host=127.0.0.1 port=1 user=app sslmode=disable"), postgres.Open("port=x")} {
			var said, wantSaid strings.Builder
			config := func(w *strings.Builder) *gorm.Config {
				return &gorm.Config{Logger: logger.New(log.New(w, "", 0), logger.Config{LogLevel: logger.Error})}
			}
			var opened [2]*gorm.DB
			var errs [2]error
			for i, open := range []func(gorm.Dialector, ...gorm.Option) (*gorm.DB, error){hookgorm.Open, gorm.Open} {
				opened[i], errs[i] = open(d, config([]*strings.Builder{&said, &wantSaid}[i])) // on one line, which both name
			}
			if fmt.Sprint(errs[0]) != fmt.Sprint(errs[1]) || (opened[0] == nil) != (opened[1] == nil) {
				t.Errorf("got %v, want %v", errs[0], errs[1])
			}
			if said.String() != wantSaid.String() {
				t.Errorf("got %s, want %s", &said, &wantSaid)
			}
		}
	})
	config := must[*pgx.ConnConfig](t)(pgx.ParseConfig(dsn))
	t.Run("stdlib.OpenDB", func(t *testing.T) {
		exerciseStdlib(t, pgxstdlib.OpenDB(*config), port)
	})
	t.Run("stdlib.OpenDBFromPool", func(t *testing.T) {
		pool := must[*pgxpool.Pool](t)(pgxpool.New(t.Context(), dsn))
		defer pool.Close()
		db := pgxstdlib.OpenDBFromPool(pool)
		exerciseStdlib(t, db, port)
		if idle := db.Stats().Idle; idle != 0 {
			t.Errorf("%d connections are idle, which the pool is to keep", idle)
		}
	})
}

func exerciseStdlib(t *testing.T, db *sql.DB, port string) {
	t.Helper()
	t.Cleanup(func() { _ = db.Close() })
	r := recorder(t)
	spans := below(t, r, func(ctx context.Context) { quick(t, ctx, db, "SELECT 1") })
	s := find(t, spans, "SELECT")
	if attr(s, "server.port") != port {
		t.Errorf("attributes are %v", s.Attributes())
	}
	if _, own := db.Driver().(*stdlib.Driver); !own {
		t.Errorf("the driver is %T", db.Driver())
	}
	c := must[*sql.Conn](t)(db.Conn(t.Context()))
	defer c.Close()
	if err := dbsql.ConnRaw(c, func(c any) error { return c.(*stdlib.Conn).Conn().Ping(t.Context()) }); err != nil {
		t.Error(err)
	}
}

func TestOpenersOfMariaDB(t *testing.T) {
	port := mariaDB(t)
	exerciseGorm(t, gormmysql.Open("app:"+password+"@tcp(127.0.0.1:"+port+")/shop"), "shop", port, "`orders`")
	t.Run("raw", func(t *testing.T) {
		db := must[*sql.DB](t)(dbsql.Open("mysql", "app:"+password+"@tcp(127.0.0.1:"+port+")/shop"))
		defer db.Close()
		if _, own := db.Driver().(*mysql.MySQLDriver); !own {
			t.Errorf("the driver is %T", db.Driver())
		}
		bare := must[*sql.DB](t)(sql.Open("mysql", "app:"+password+"@tcp(127.0.0.1:"+port+")/shop"))
		defer bare.Close()
		var types []reflect.Type
		for _, of := range []*sql.DB{db, bare} {
			c := must[*sql.Conn](t)(of.Conn(t.Context()))
			if err := dbsql.ConnRaw(c, func(c any) error { types = append(types, typeOf(c)); return nil }); err != nil {
				t.Error(err)
			}
			_ = c.Close()
		}
		if types[0] != types[1] {
			t.Errorf("connections are %v", types)
		}
	})
}

// exerciseGorm opens a database whose dialect nobody can tell from one that was
// not hooked, and uses it.
func exerciseGorm(t *testing.T, d gorm.Dialector, namespace, port, table string, opts ...gorm.Option) {
	t.Helper()
	r := recorder(t)
	db := must[*gorm.DB](t)(hookgorm.Open(d, opts...))
	own := must[*sql.DB](t)(db.DB())
	defer own.Close()
	if db.Dialector != d {
		t.Errorf("the dialect is %T", db.Dialector)
	}
	if err := db.AutoMigrate(&Order{}); err != nil {
		t.Fatal(err)
	}
	spans := below(t, r, func(ctx context.Context) {
		if err := db.WithContext(ctx).Create(&Order{Name: "first"}).Error; err != nil {
			t.Error(err)
		}
		var all []Order
		if err := db.WithContext(ctx).Where("name = ?", "first").Find(&all).Error; err != nil || len(all) == 0 {
			t.Error(all, err)
		}
	})
	s := find(t, spans, "SELECT "+table)
	if attr(s, "db.namespace") != namespace || attr(s, "server.port") != port || attr(s, "server.address") != "127.0.0.1" {
		t.Errorf("attributes are %v", s.Attributes())
	}
	find(t, spans, "INSERT "+table)
	noSecrets(t, spans, password)
	if _, known := metric(t, "db_client_connection_count", "pool_name=127.0.0.1:"+port+"/"+namespace); !known {
		t.Error("no figures of the database's connections")
	}
}
