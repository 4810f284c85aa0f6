// Package sqlx is what the build front ends weave into calls of
// github.com/jmoiron/sqlx that open a database: they open it as package dbsql
// does. Whatever is done with the database afterwards is sqlx's own.
package sqlx

import (
	"context"

	"github.com/jmoiron/sqlx"

	"github.com/orchestrall/orchestrall/runtime/dbsql"
)

// Open is [sqlx.Open].
func Open(driverName, dataSourceName string) (*sqlx.DB, error) {
	db, err := dbsql.Open(driverName, dataSourceName)
	if err != nil {
		return nil, err
	}
	return sqlx.NewDb(db, driverName), nil
}

// MustOpen is [sqlx.MustOpen].
func MustOpen(driverName, dataSourceName string) *sqlx.DB {
	db, err := Open(driverName, dataSourceName)
	if err != nil {
		panic(err)
	}
	return db
}

// Connect is [sqlx.Connect]: a database that does not answer is closed.
func Connect(driverName, dataSourceName string) (*sqlx.DB, error) {
	db, err := Open(driverName, dataSourceName)
	if err != nil {
		return nil, err
	}
	if err = db.Ping(); err != nil {
		_ = db.Close()
		return nil, err
	}
	return db, nil
}

// ConnectContext is [sqlx.ConnectContext], which returns a database that does
// not answer, besides the error.
func ConnectContext(ctx context.Context, driverName, dataSourceName string) (*sqlx.DB, error) {
	db, err := Open(driverName, dataSourceName)
	if err != nil {
		return nil, err
	}
	return db, db.PingContext(ctx)
}

// MustConnect is [sqlx.MustConnect].
func MustConnect(driverName, dataSourceName string) *sqlx.DB {
	db, err := Connect(driverName, dataSourceName)
	if err != nil {
		panic(err)
	}
	return db
}
