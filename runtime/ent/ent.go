// Package ent is what the build front ends weave into calls of
// entgo.io/ent/dialect/sql that open a database, which are in the code that ent
// generates: they open it as package dbsql does.
package ent

import (
	"entgo.io/ent/dialect/sql"

	"github.com/orchestrall/orchestrall/runtime/dbsql"
)

// Open is [sql.Open].
func Open(dialect, source string) (*sql.Driver, error) {
	db, err := dbsql.Open(dialect, source)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(dialect, db), nil
}
