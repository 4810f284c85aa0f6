package pgx

import (
	"context"
	"database/sql"
	"sync"
	"time"
	"weak"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orchestrall/orchestrall/runtime/internal/database"
)

// New is [pgxpool.New].
func New(ctx context.Context, connString string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(connString)
	if err != nil {
		return nil, err
	}
	return NewWithConfig(ctx, config)
}

// NewWithConfig is [pgxpool.NewWithConfig]. The tracer is given to each
// connection before it is made, so that the pool finds the interfaces of its own
// (pgxpool.AcquireTracer) in the tracer of the program.
func NewWithConfig(ctx context.Context, config *pgxpool.Config) (*pgxpool.Pool, error) {
	if config == nil || config.ConnConfig == nil || byHand(config.ConnConfig.Tracer) {
		return pgxpool.NewWithConfig(ctx, config)
	}
	own := *config
	before := config.BeforeConnect // as it is now: the program may use config for another pool
	own.BeforeConnect = func(ctx context.Context, c *pgx.ConnConfig) error {
		if before != nil {
			if err := before(ctx, c); err != nil {
				return err
			}
		}
		install(c)
		return nil
	}
	pool, err := pgxpool.NewWithConfig(ctx, &own)
	if err == nil && pool != nil {
		report(pool, sourceOf(config.ConnConfig))
	}
	return pool, err
}

// PoolClose is [pgxpool.Pool.Close].
func PoolClose(p *pgxpool.Pool) {
	if figures, known := pools.LoadAndDelete(weak.Make(p)); known {
		figures.(*database.Pool).Remove()
	}
	p.Close()
}

// pools are those that are open.
var pools sync.Map // of weak.Pointer[pgxpool.Pool]: *database.Pool

func report(p *pgxpool.Pool, source *database.Source) {
	key := weak.Make(p)
	pools.Store(key, database.AddPool(source, func() (s sql.DBStats, there bool) {
		if p := key.Value(); p != nil {
			return figures(p.Stat()), true
		}
		pools.Delete(key)
		return s, false
	}))
}

// figures are a pool's in the words of database/sql. Releases of pgx that do not
// tell how long callers waited tell how long they took to get a connection.
func figures(s *pgxpool.Stat) sql.DBStats {
	waited := s.AcquireDuration()
	if s, ok := any(s).(interface{ EmptyAcquireWaitTime() time.Duration }); ok {
		waited = s.EmptyAcquireWaitTime()
	}
	return sql.DBStats{
		MaxOpenConnections: int(s.MaxConns()),
		InUse:              int(s.AcquiredConns()),
		Idle:               int(s.IdleConns()),
		WaitCount:          s.EmptyAcquireCount(),
		WaitDuration:       waited,
		MaxIdleTimeClosed:  s.MaxIdleDestroyCount(),
		MaxLifetimeClosed:  s.MaxLifetimeDestroyCount(),
	}
}
