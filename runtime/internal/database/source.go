package database

import (
	"database/sql/driver"
	"strconv"
	"strings"
	"sync/atomic"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// Source is the database that connections lead to, in the words of the semantic
// conventions. It holds no credentials.
type Source struct {
	System    string // db.system.name
	Namespace string
	Address   string
	Port      int // 0 where there is none

	statements  *statements
	systemValue value
}

// NewSource returns the source of a system.
func NewSource(system, namespace, address string, port int) *Source {
	return &Source{system, namespace, address, port, statementsOf(system), orchestrall.Of(system)}
}

// PoolName is what the semantic conventions put together for
// db.client.connection.pool.name.
func (s *Source) PoolName() string {
	var b strings.Builder
	b.WriteString(s.Address)
	if s.Port != 0 {
		b.WriteString(":" + strconv.Itoa(s.Port))
	}
	if s.Namespace != "" {
		b.WriteString("/" + s.Namespace)
	}
	if b.Len() == 0 {
		return s.System
	}
	return strings.TrimPrefix(b.String(), "/")
}

// traced is what the hook of a client knows of connections that it hands to
// database/sql.
var traced atomic.Pointer[func(driver.Conn) bool]

// SetTraced is for the hook of a client that also is a driver of database/sql:
// is tells whether the hook traces the connection below a driver's already.
func SetTraced(is func(driver.Conn) bool) { traced.Store(&is) }

// Traced reports whether the connection is traced by the client below it, and is
// to be left as it is.
func Traced(c driver.Conn) bool {
	is := traced.Load()
	return is != nil && (*is)(c)
}
