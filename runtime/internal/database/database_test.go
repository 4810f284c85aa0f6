package database

import (
	"database/sql"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"weak"

	"github.com/prometheus/client_golang/prometheus"
)

func TestStatementsAreBounded(t *testing.T) {
	s := &statements{system: "sqlite"}
	for i := range 2 * maxRemembered {
		s.of(fmt.Sprintf("SELECT %d", i))
	}
	s.of("SELECT '" + strings.Repeat("x", maxLength) + "'")
	if n := len(*s.known.Load()); n != maxRemembered {
		t.Errorf("%d statements are remembered, want %d", n, maxRemembered)
	}
	if first, again := s.of("SELECT 1"), s.of("SELECT 1"); first != again {
		t.Error("a known statement is read again")
	}
	s.misses = maxMisses
	s.of("SELECT 'new'")
	if n := len(*s.known.Load()); n != 1 {
		t.Errorf("%d statements are left after too many misses", n)
	}
}

func TestForgottenDatabasesAreNotKeptAlive(t *testing.T) {
	set := &poolSet{}
	set.register.Do(func() {})
	func() {
		db := new(sql.DB)
		known := weak.Make(db)
		set.add(NewSource("sqlite", "forgotten", "", 0), func() (sql.DBStats, bool) { return sql.DBStats{}, known.Value() != nil })
		if n := len(set.stats()); n != 1 {
			t.Errorf("%d pools", n)
		}
	}()
	runtime.GC()
	if n := len(set.stats()); n != 0 || len(set.all) != 0 {
		t.Errorf("%d pools are left", n)
	}
}

func TestPoolsOfOneNameAreOne(t *testing.T) {
	for range maxPools + 5 {
		p := AddPool(NewSource("sqlite", "one", "", 0), func() (sql.DBStats, bool) { return sql.DBStats{Idle: 1}, true })
		t.Cleanup(p.Remove)
	}
	if st := pools.stats(); len(st) != 1 || st["one"].Idle != maxPools+5 {
		t.Errorf("pools are %v", st)
	}
	if _, err := prometheus.DefaultGatherer.Gather(); err != nil {
		t.Error(err)
	}
}

func TestRowsOfLongStatements(t *testing.T) {
	s := &statements{system: "postgresql"}
	insert := "INSERT INTO orders VALUES " + strings.Repeat("($1, $2), ", 10_000) + "($3, $4)"
	wide := insert + " Returning " + strings.Repeat(`"orders"."customer_id", `, 100) + "id"
	for query, want := range map[string]bool{insert: false, insert + " returning id, note": true, wide: true, "UPDATE orders SET a = 1 RETURNING a": true, "DELETE": false} {
		if got := s.of(query).Rows; got != want {
			t.Errorf("%.20s… %s: %v, want %v", query, query[max(0, len(query)-20):], got, want)
		}
	}
}
