package database

import (
	"database/sql"
	"maps"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// pools are those that are open.
var pools poolSet

type poolSet struct {
	register sync.Once

	mu  sync.Mutex
	all map[*Pool]struct{}
}

// Pool is one open pool of connections.
type Pool struct {
	name  string
	stats func() (sql.DBStats, bool)
	set   *poolSet
}

// AddPool reports the figures of a pool to src until it is removed, or stats
// says no. stats must not keep the pool alive: one that the program forgets must
// not live on for the sake of its figures.
func AddPool(src *Source, stats func() (sql.DBStats, bool)) *Pool { return pools.add(src, stats) }

func (s *poolSet) add(src *Source, stats func() (sql.DBStats, bool)) *Pool {
	p := &Pool{name: src.PoolName(), stats: stats, set: s}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = make(map[*Pool]struct{})
	}
	s.all[p] = struct{}{}
	// A registry of the program's that refuses is no reason to fail.
	s.register.Do(func() { _ = prometheus.Register(s) })
	return p
}

// Remove ends the figures of a pool, which may be nil.
func (p *Pool) Remove() {
	if p == nil {
		return
	}
	p.set.mu.Lock()
	defer p.set.mu.Unlock()
	delete(p.set.all, p)
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
	open := slices.Collect(maps.Keys(s.all))
	s.mu.Unlock()
	byName := make(map[string]sql.DBStats)
	for _, p := range open {
		st, there := p.stats()
		if !there {
			p.Remove()
			continue
		}
		name := p.name
		if _, known := byName[name]; !known && len(byName) >= maxPools {
			name = "other"
		}
		byName[name] = sum(byName[name], st)
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
