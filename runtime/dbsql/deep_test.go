package dbsql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// What a database/sql with deep hooks calls is there as soon as the package is.
func TestDeepHooks(t *testing.T) {
	ask := *deepOpen.Load()
	db, done := ask(idle{}, "postgres", "postgres://app:secret@deep:5433/shop")
	if !done {
		t.Fatal("the database is left alone")
	}
	defer db.Close()
	if db.Driver() != (idle{}) {
		t.Errorf("the driver is %T", db.Driver())
	}
	if !hasFigures(t, "deep:5433/shop") {
		t.Error("no figures of the database's connections")
	}
	for name, c := range map[string]driver.Connector{"none": nil, "one of ours": Connector(idle{}), "one without a driver": (*connector)(nil)} {
		if db, done := ask(c, "", ""); done || db != nil {
			t.Errorf("a database is opened for %s", name)
		}
	}
	c, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := rawOf(c, func(dc driver.Conn) {
		if _, own := dc.(idle); own {
			t.Error("the connection is not instrumented")
		}
		for _, c := range []driver.Conn{dc, idle{}} {
			if got := (*deepRaw.Load())(c); got != (idle{}) {
				t.Errorf("Conn.Raw hands out a %T", got)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
}

func hasFigures(t *testing.T, pool string) bool {
	t.Helper()
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "pool_name" && l.GetValue() == pool {
					return true
				}
			}
		}
	}
	return false
}

func rawOf(c *sql.Conn, f func(driver.Conn)) error {
	return c.Raw(func(dc any) error { f(dc.(driver.Conn)); return nil })
}

func init() { sql.Register("adopted", idle{}) }

// A database that somebody else has opened keeps its driver and its idle
// connections; these are instrumented like all that follow.
func TestAdopt(t *testing.T) {
	named, err := sql.Open("adopted", "postgres://app:secret@adopted:5434/shop")
	if err != nil {
		t.Fatal(err)
	}
	for name, db := range map[string]*sql.DB{"by name": named, "by a connector": sql.OpenDB(idle{})} {
		t.Run(name, func(t *testing.T) {
			defer db.Close()
			if err := db.Ping(); err != nil {
				t.Fatal(err)
			}
			Adopt(db)
			Adopt(db)
			if db.Driver() != (idle{}) {
				t.Errorf("the driver is %T", db.Driver())
			}
			if known := hasFigures(t, "adopted:5434/shop"); known != (db == named) {
				t.Errorf("figures of the database's connections: %v", known)
			}
			if s := db.Stats(); s.OpenConnections != 1 || s.Idle != 1 {
				t.Errorf("connections: %+v", s)
			}
			for range 2 { // the idle one, and a new one
				c, err := db.Conn(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				if err := rawOf(c, func(dc driver.Conn) {
					own, wrapped := dc.(interface{ driverConn() driver.Conn })
					if !wrapped || own.driverConn() != (idle{}) {
						t.Errorf("the connection is %T", dc)
					}
				}); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	Adopt(nil)
}
