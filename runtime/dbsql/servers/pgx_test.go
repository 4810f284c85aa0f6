//go:build unix

package servers

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"testing"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/jackc/pgx/v5/tracelog"

	"github.com/orchestrall/orchestrall/runtime/dbsql"
	"github.com/orchestrall/orchestrall/runtime/internal/querytest"
	"github.com/orchestrall/orchestrall/runtime/internal/servers"
	hookpgx "github.com/orchestrall/orchestrall/runtime/pgx"
	"github.com/orchestrall/orchestrall/runtime/pgxstdlib"
)

// asking is a tracer of the program's that is told of what pools do.
type asking struct {
	multitracer.Tracer
	acquired, released int
}

func (a *asking) TraceAcquireStart(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	return ctx
}

func (a *asking) TraceAcquireEnd(context.Context, *pgxpool.Pool, pgxpool.TraceAcquireEndData) {
	a.acquired++
}
func (a *asking) TraceRelease(*pgxpool.Pool, pgxpool.TraceReleaseData) { a.released++ }

// pgx without database/sql, in a release that has what older ones have not; see
// the tests of package pgx.
func TestPgx(t *testing.T) {
	port := servers.PostgreSQL(t)
	dsn := "postgres://app:" + password + "@127.0.0.1:" + port + "/postgres?sslmode=disable"
	config := func(t *testing.T, tracer pgx.QueryTracer) *pgxpool.Config {
		c := must[*pgxpool.Config](t)(pgxpool.ParseConfig(dsn))
		c.ConnConfig.Tracer = tracer
		return c
	}
	t.Run("database/sql on top", func(t *testing.T) {
		pool := must[*pgxpool.Pool](t)(hookpgx.NewWithConfig(t.Context(), config(t, nil)))
		defer hookpgx.PoolClose(pool)
		c := must[*pgxpool.Conn](t)(pool.Acquire(t.Context()))
		traced := c.Conn().Config()
		c.Release()
		for name, open := range map[string]func() *sql.DB{
			"OpenDBFromPool":   func() *sql.DB { return pgxstdlib.OpenDBFromPool(pool) },
			"GetPoolConnector": func() *sql.DB { return dbsql.OpenDB(stdlib.GetPoolConnector(pool)) },
			"OpenDB":           func() *sql.DB { return pgxstdlib.OpenDB(*traced) },
		} {
			t.Run(name, func(t *testing.T) {
				db := open()
				defer db.Close()
				if err := db.Ping(); err != nil {
					t.Fatal(err)
				}
				_, spans := querytest.Within(recorder(t), func(ctx context.Context) {
					tx := must[*sql.Tx](t)(db.BeginTx(ctx, nil))
					execute(t, ctx, tx, "SELECT 1")
					if err := tx.Commit(); err != nil {
						t.Error(err)
					}
				})
				if got, want := names(spans), []string{"BEGIN postgres", "SELECT", "COMMIT postgres"}; !slices.Equal(got, want) {
					t.Errorf("spans are %q, want %q", got, want)
				}
				if n, _ := metric(t, "db_client_connection_max", "pool_name=127.0.0.1:"+port+"/postgres"); n != float64(pool.Config().MaxConns) {
					t.Errorf("%v connections may be open, want %d", n, pool.Config().MaxConns)
				}
			})
		}
	})
	t.Run("a tracer of the program's", func(t *testing.T) {
		own := new(asking)
		pool := must[*pgxpool.Pool](t)(hookpgx.NewWithConfig(t.Context(), config(t, own)))
		defer hookpgx.PoolClose(pool)
		spans := below(t, recorder(t), func(ctx context.Context) {
			if _, err := pool.Exec(ctx, "SELECT 1"); err != nil {
				t.Error(err)
			}
		})
		if got := names(spans); !slices.Equal(got, []string{"CONNECT postgres", "SELECT"}) || own.acquired != 1 || own.released != 1 {
			t.Errorf("spans are %q, and %d connections are acquired, %d released", got, own.acquired, own.released)
		}
		if got := pool.Config().ConnConfig.Tracer; got != own {
			t.Errorf("the pool's tracer is a %T", got)
		}
	})
	t.Run("by hand", func(t *testing.T) {
		logger := tracelog.LoggerFunc(func(context.Context, tracelog.LogLevel, string, map[string]any) {})
		r := recorder(t)
		for name, tracer := range map[string]pgx.QueryTracer{
			"alone":       otelpgx.NewTracer(),
			"among other": multitracer.New(&tracelog.TraceLog{Logger: logger, LogLevel: tracelog.LogLevelInfo}, otelpgx.NewTracer()),
		} {
			pool := must[*pgxpool.Pool](t)(hookpgx.NewWithConfig(t.Context(), config(t, tracer)))
			conn := must[*pgx.Conn](t)(hookpgx.ConnectConfig(t.Context(), config(t, tracer).ConnConfig))
			_, spans := querytest.Within(r, func(ctx context.Context) {
				for _, c := range []interface {
					QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
				}{pool, conn} {
					if err := c.QueryRow(ctx, "SELECT 1", pgx.QueryExecModeExec).Scan(new(int)); err != nil {
						t.Error(err)
					}
				}
			})
			n := 0
			for _, s := range spans {
				if strings.Contains(s.Name(), "SELECT") {
					n++
				}
				if attr(s, "orchestrall.kind") != "" {
					t.Errorf("%s: %s is the hook's", name, s.Name())
				}
			}
			if n != 2 {
				t.Errorf("%s: spans are %q, want two queries", name, names(spans))
			}
			hookpgx.PoolClose(pool)
			_ = conn.Close(t.Context())
		}
	})
}
