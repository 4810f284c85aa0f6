// Package pgxstdlib is what the build front ends weave into calls of
// github.com/jackc/pgx/v5/stdlib that open a database: they open it as package
// dbsql does. A database that is opened by the name of the driver needs none of
// it.
package pgxstdlib

import (
	"database/sql"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/orchestrall/orchestrall/runtime/dbsql"
)

// OpenDB is [stdlib.OpenDB].
func OpenDB(config pgx.ConnConfig, opts ...stdlib.OptionOpenDB) *sql.DB {
	return dbsql.OpenDB(stdlib.GetConnector(config, opts...))
}

// OpenDBFromPool is [stdlib.OpenDBFromPool]: the pool keeps the idle
// connections.
func OpenDBFromPool(pool *pgxpool.Pool, opts ...stdlib.OptionOpenDB) *sql.DB {
	db := dbsql.OpenDB(stdlib.GetPoolConnector(pool, opts...))
	db.SetMaxIdleConns(0)
	return db
}
