// Package sql stands in for the hook package of database/sql.
package sql

import (
	"database/sql"
	"database/sql/driver"
	"sync/atomic"
	_ "unsafe" // for go:linkname
)

//go:linkname deepOpen database/sql.orchestrallOpen
var deepOpen atomic.Pointer[func(driver.Connector, string, string) (*sql.DB, bool)]

func init() {
	open := func(_ driver.Connector, driverName, dataSourceName string) (*sql.DB, bool) {
		if driverName != "" {
			println("hook: open", driverName, dataSourceName)
		}
		return nil, false
	}
	deepOpen.Store(&open)
}

func Open(driverName, dataSourceName string) (*sql.DB, error) {
	return sql.Open(driverName, dataSourceName)
}

func SetMaxOpenConns(db *sql.DB, n int) {
	println("hook: SetMaxOpenConns")
	db.SetMaxOpenConns(n)
}
