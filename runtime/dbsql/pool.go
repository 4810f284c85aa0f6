package dbsql

import (
	"database/sql"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"weak"

	"github.com/prometheus/client_golang/prometheus"
)

// pools are the databases that are open. They are held weakly: a database that
// the program forgets must not live on for the sake of its figures.
var pools poolSet

type poolSet struct {
	register sync.Once

	mu  sync.Mutex
	all map[*pool]struct{}
}

// pool is one open database.
type pool struct {
	db   weak.Pointer[sql.DB]
	name string
	set  *poolSet
}

func (s *poolSet) add(db *sql.DB, src *source) *pool {
	p := &pool{db: weak.Make(db), name: src.poolName(), set: s}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = make(map[*pool]struct{})
	}
	s.all[p] = struct{}{}
	// A registry of the program's that refuses is no reason to fail.
	s.register.Do(func() { _ = prometheus.Register(s) })
	return p
}

func (p *pool) remove() {
	if p == nil {
		return
	}
	p.set.mu.Lock()
	defer p.set.mu.Unlock()
	delete(p.set.all, p)
}

// poolName is what the semantic conventions put together for
// db.client.connection.pool.name.
func (s *source) poolName() string {
	var b strings.Builder
	b.WriteString(s.address)
	if s.port != 0 {
		b.WriteString(":" + strconv.Itoa(s.port))
	}
	if s.namespace != "" {
		b.WriteString("/" + s.namespace)
	}
	if b.Len() == 0 {
		return s.system
	}
	return strings.TrimPrefix(b.String(), "/")
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("db_client_connection_"+name, help, append([]string{"pool_name"}, labels...), nil)
}

var (
	connectionCount = desc("count", "Open connections, by whether they are used or idle.", "state")
	connectionMax   = desc("max", "Connections that may be open at once; 0 when there is no limit.")
	waitCount       = desc("waits_total", "Times that a caller waited for a connection.")
	waitTime        = desc("wait_time_seconds_total", "Time that callers waited for a connection.")
	closedCount     = desc("closed_total", "Connections that were closed to stay within a limit.", "limit")
)

// Describe implements prometheus.Collector.
func (s *poolSet) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{connectionCount, connectionMax, waitCount, waitTime, closedCount} {
		out <- d
	}
}

// maxPools bounds the label; a program that opens a database a customer has its
// figures added up.
const maxPools = 100

// Collect implements prometheus.Collector. Pools of the same name count as one:
// two series with the same labels would fail the whole scrape.
func (s *poolSet) Collect(out chan<- prometheus.Metric) {
	byName := s.stats()
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		st := byName[name]
		send := func(d *prometheus.Desc, t prometheus.ValueType, v float64, labels ...string) {
			if m, err := prometheus.NewConstMetric(d, t, v, append([]string{name}, labels...)...); err == nil {
				out <- m
			}
		}
		send(connectionCount, prometheus.GaugeValue, float64(st.InUse), "used")
		send(connectionCount, prometheus.GaugeValue, float64(st.Idle), "idle")
		send(connectionMax, prometheus.GaugeValue, float64(st.MaxOpenConnections))
		send(waitCount, prometheus.CounterValue, float64(st.WaitCount))
		send(waitTime, prometheus.CounterValue, st.WaitDuration.Seconds())
		send(closedCount, prometheus.CounterValue, float64(st.MaxIdleClosed), "max_idle")
		send(closedCount, prometheus.CounterValue, float64(st.MaxIdleTimeClosed), "max_idle_time")
		send(closedCount, prometheus.CounterValue, float64(st.MaxLifetimeClosed), "max_lifetime")
	}
}

func (s *poolSet) stats() map[string]sql.DBStats {
	s.mu.Lock()
	open := make(map[*sql.DB]string, len(s.all))
	for p := range s.all {
		if db := p.db.Value(); db != nil {
			open[db] = p.name
		} else {
			delete(s.all, p)
		}
	}
	s.mu.Unlock()
	byName := make(map[string]sql.DBStats)
	for db, name := range open {
		if _, known := byName[name]; !known && len(byName) >= maxPools {
			name = "other"
		}
		byName[name] = sum(byName[name], db.Stats())
	}
	return byName
}

func sum(a, b sql.DBStats) sql.DBStats {
	a.MaxOpenConnections += b.MaxOpenConnections
	a.InUse += b.InUse
	a.Idle += b.Idle
	a.WaitCount += b.WaitCount
	a.WaitDuration += b.WaitDuration
	a.MaxIdleClosed += b.MaxIdleClosed
	a.MaxIdleTimeClosed += b.MaxIdleTimeClosed
	a.MaxLifetimeClosed += b.MaxLifetimeClosed
	return a
}
