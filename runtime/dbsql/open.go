package dbsql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"sync"
	"sync/atomic"
	"weak"

	"github.com/orchestrall/orchestrall/runtime/internal/database"
)

// drivers are those that Open has seen, by the name they are registered under:
// a name cannot be registered twice.
var drivers sync.Map // of string: driver.Driver

// Open is [sql.Open]. Of a driver that is a driver.DriverContext, the first
// call for its name opens two connectors and closes one, unused: the registry
// tells the driver only through a database.
func Open(driverName, dataSourceName string) (*sql.DB, error) {
	d, known := drivers.Load(driverName)
	if !known {
		db, err := sql.Open(driverName, dataSourceName)
		if err != nil || uninstrumentable(db.Driver()) {
			return db, err
		}
		d = db.Driver()
		drivers.Store(driverName, d)
		_ = db.Close()
	}
	c, err := connectorOf(d.(driver.Driver), dataSourceName)
	if err != nil {
		return nil, err
	}
	return open(&connector{inner: c, source: newSource(driverName, dataSourceName, c)}), nil
}

// connectorOf does what sql.Open does with the driver that it has found.
func connectorOf(d driver.Driver, dsn string) (driver.Connector, error) {
	if dc, ok := d.(driver.DriverContext); ok {
		return dc.OpenConnector(dsn)
	}
	return named{d, dsn}, nil
}

// named is the connector of a driver that has none.
type named struct {
	driver driver.Driver
	dsn    string
}

// Connect implements driver.Connector.
func (n named) Connect(context.Context) (driver.Conn, error) { return n.driver.Open(n.dsn) }

// Driver implements driver.Connector.
func (n named) Driver() driver.Driver { return n.driver }

// OpenDB is [sql.OpenDB].
func OpenDB(c driver.Connector) *sql.DB {
	if own, ok := Connector(c).(*connector); ok {
		return open(own)
	}
	return sql.OpenDB(c)
}

// Connector returns c with its connections instrumented, or c itself where it
// is already, by this package or by one that the program has chosen.
func Connector(c driver.Connector) driver.Connector {
	if own, ok := instrument(c, "", ""); ok {
		return own
	}
	return c
}

// instrument is told what the connector was made of, where that is known. It
// returns false for one that is to stay as it is.
func instrument(c driver.Connector, driverName, dataSourceName string) (*connector, bool) {
	if c == nil {
		return nil, false
	}
	if _, again := c.(*connector); again || instrumented(c) || uninstrumentable(driverOf(c)) {
		return nil, false
	}
	return &connector{inner: c, source: newSource(driverName, dataSourceName, c)}, true
}

// driverOf asks a connector that may be anybody's.
func driverOf(c driver.Connector) (d driver.Driver) {
	defer func() { _ = recover() }()
	return c.Driver()
}

func uninstrumentable(d driver.Driver) bool { return d == nil || instrumented(d) }

func open(c *connector) *sql.DB {
	db := sql.OpenDB(c)
	c.reports(db)
	return db
}

// reports makes the database's connections a set of metrics.
func (c *connector) reports(db *sql.DB) {
	known := weak.Make(db)
	c.pool = database.AddPool(c.source, func() (s sql.DBStats, there bool) {
		if db := known.Value(); db != nil {
			return db.Stats(), true
		}
		return s, false
	})
}

// ConnRaw is [sql.Conn.Raw]: f gets the driver's own connection.
func ConnRaw(c *sql.Conn, f func(driverConn any) error) error {
	if f == nil {
		return c.Raw(nil)
	}
	return c.Raw(func(driverConn any) error { return f(Unwrap(driverConn)) })
}

// Unwrap returns the driver's own connection of one that [sql.Conn.Raw] has
// handed out.
func Unwrap(driverConn any) any {
	if w, ok := driverConn.(interface{ driverConn() driver.Conn }); ok {
		return w.driverConn()
	}
	return driverConn
}

// connector opens instrumented connections.
type connector struct {
	inner  driver.Connector
	source *database.Source
	pool   *database.Pool // nil outside of a database that was opened here
	traced atomic.Bool    // its connections are, by their client
}

// Driver implements driver.Connector.
func (c *connector) Driver() driver.Driver { return c.inner.Driver() }

// Close implements io.Closer, which database/sql calls when the database is
// closed.
func (c *connector) Close() error {
	c.pool.Remove()
	if closer, ok := c.inner.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}

// Connect implements driver.Connector.
func (c *connector) Connect(ctx context.Context) (dc driver.Conn, err error) {
	if c.traced.Load() {
		return c.inner.Connect(ctx)
	}
	a := database.About{Source: c.source, Operation: "CONNECT"}
	fill := func(i int) value { return a.Value(i, err) }
	ctx, call := database.Connects.Start(ctx, fill)
	defer call.EndErr(&err, fill)
	dc, err = c.inner.Connect(ctx)
	if err != nil || dc == nil {
		return dc, err
	}
	if database.Traced(dc) {
		c.traced.Store(true)
		c.pool.Remove() // the client's own has figures
		return dc, nil
	}
	return newConn(dc, c.source), nil
}
