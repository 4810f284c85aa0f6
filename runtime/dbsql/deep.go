package dbsql

import (
	"database/sql"
	"database/sql/driver"
	"sync/atomic"
	_ "unsafe" // for go:linkname
)

// What a database/sql asks that was built with deep hooks. In any other build
// these variables are this package's own, and nobody asks them. The build adds a
// file with the other half to database/sql, which marks the variables for the
// linker.
var (
	//go:linkname deepOpen database/sql.orchestrallOpen
	deepOpen atomic.Pointer[func(c driver.Connector, driverName, dataSourceName string) (*sql.DB, bool)]
	//go:linkname deepRaw database/sql.orchestrallRaw
	deepRaw atomic.Pointer[func(driver.Conn) driver.Conn]
)

func init() {
	openDB, raw := openAny, driverConn
	deepOpen.Store(&openDB)
	deepRaw.Store(&raw)
}

// openAny is what database/sql asks before it opens a database; the name of the
// driver and its data source are empty for those of sql.OpenDB. done is false
// where the database is to be opened as it is: it comes from here, or another
// instrumentation has it.
func openAny(c driver.Connector, driverName, dataSourceName string) (db *sql.DB, done bool) {
	if own, ok := instrument(c, driverName, dataSourceName); ok {
		return open(own), true
	}
	return nil, false
}

// driverConn is what [sql.Conn.Raw] hands out, whoever calls it.
func driverConn(c driver.Conn) driver.Conn {
	if own, ok := Unwrap(c).(driver.Conn); ok {
		return own
	}
	return c
}
