package dbsql

import (
	"database/sql"
	"database/sql/driver"
	"reflect"
	"unsafe"

	"github.com/orchestrall/orchestrall/runtime/internal/database"
)

// Adopt instruments a database that a library has just opened and that nobody
// uses yet, besides for what opening it took: a library that lets nobody in
// between leaves no other way. It exchanges the connector of db and wraps the
// connections that are idle, in fields that database/sql does not export. Where
// these are others than in the releases of Go that this was written for, and
// where db is instrumented already, it does nothing.
func Adopt(db *sql.DB) {
	if db == nil {
		return
	}
	fields := reflect.ValueOf(db).Elem()
	connectorAt := at[driver.Connector](fields, "connector")
	idle := fields.FieldByName("freeConn")
	if connectorAt == nil || !idle.IsValid() || idle.Kind() != reflect.Slice {
		return
	}
	var conns []*driver.Conn
	for i := range idle.Len() {
		dc := idle.Index(i)
		if dc.Kind() != reflect.Pointer || dc.Elem().Kind() != reflect.Struct {
			return
		}
		c := at[driver.Conn](dc.Elem(), "ci")
		if c == nil {
			return
		}
		conns = append(conns, c)
	}
	own, ok := instrument(*connectorAt, "", dataSourceName(*connectorAt))
	if !ok {
		return
	}
	own.reports(db)
	*connectorAt = own
	for _, c := range conns {
		if !database.Traced(*c) {
			*c = newConn(*c, own.source)
		}
	}
}

// at returns where a field is, nil where it is none of that type.
func at[T any](of reflect.Value, name string) *T {
	f := of.FieldByName(name)
	if !f.IsValid() || f.Type() != reflect.TypeFor[T]() || !f.CanAddr() {
		return nil
	}
	return (*T)(unsafe.Pointer(f.UnsafeAddr()))
}

// dataSourceName is what sql.Open was told, in the connector that it makes for
// drivers that have none.
func dataSourceName(c driver.Connector) string {
	v := reflect.ValueOf(c)
	if v.Kind() != reflect.Struct || v.Type().PkgPath() != "database/sql" {
		return ""
	}
	if f := v.FieldByName("dsn"); f.IsValid() && f.Kind() == reflect.String {
		return f.String()
	}
	return ""
}
