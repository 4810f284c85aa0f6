package nethttp

import (
	"errors"
	"maps"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/prometheus/client_golang/prometheus"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
	"github.com/orchestrall/orchestrall/runtime/internal/lane"
)

// requestsTotal counts what servers answer, once a request however many
// operations of kind server it passes.
const requestsTotal = "http_requests_total"

// Bounds on what routes can make of the registry; past them a route is counted
// as otherRoute. The duration's label of the same values counts the overflow.
const (
	maxRoutes  = 100
	maxSeries  = 10000
	otherRoute = "other"
)

var requests requestCounts

// requestCounts is a collector that describes nothing up front, so that a
// program which has a metric of this name itself can register it.
type requestCounts struct {
	register sync.Once
	all      atomic.Pointer[map[requestKey]*requestSeries] // copied on write
	recent   [32]atomic.Pointer[requestSeries]             // some of all, by where their route's text is

	mu     sync.Mutex
	routes atomic.Pointer[map[string]bool] // copied on write
}

type requestKey struct {
	method, route string
	code          int // 0: the handler has taken the connection over
}

// requestSeries is where the requests of one key are counted and timed.
type requestSeries struct {
	key      requestKey
	n        lane.Counter
	duration orchestrall.Series
	desc     *prometheus.Desc
	created  time.Time
}

// count counts a request and returns where it is timed: nowhere in particular for
// a route that is one too many, so that the label's own limit is seen at work.
func (c *requestCounts) count(method, route string, code int) orchestrall.Series {
	key := requestKey{method, route, code}
	// A program's own patterns stay at one address, which finds them sooner than
	// their text does.
	at := &c.recent[(uintptr(unsafe.Pointer(unsafe.StringData(route)))>>3^uintptr(code))%uintptr(len(c.recent))]
	if s := at.Load(); s != nil && s.key == key {
		s.n.Add(1)
		return s.duration
	}
	if all := c.all.Load(); all != nil {
		if s := (*all)[key]; s != nil {
			at.Store(s)
			s.n.Add(1)
			return s.duration
		}
		if c.over(route, len(*all)) {
			key.route = otherRoute
			if s := (*all)[key]; s != nil {
				s.n.Add(1)
				return orchestrall.Series{}
			}
		}
	}
	c.series(key).n.Add(1)
	return orchestrall.Series{}
}

// over reports whether a route is one too many.
func (c *requestCounts) over(route string, series int) bool {
	routes := c.routes.Load()
	return route != "" && routes != nil && (len(*routes) >= maxRoutes || series >= maxSeries) && !(*routes)[route]
}

func (c *requestCounts) series(key requestKey) *requestSeries {
	c.register.Do(func() {
		defer func() { _ = recover() }()             // a registry of the program's own
		_ = prometheus.DefaultRegisterer.Register(c) // there is no name that it could refuse
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	all, routes := map[requestKey]*requestSeries{}, map[string]bool{}
	if old := c.all.Load(); old != nil {
		all, routes = maps.Clone(*old), maps.Clone(*c.routes.Load())
	}
	if c.over(key.route, len(all)) {
		key.route = otherRoute
	}
	if s := all[key]; s != nil {
		return s
	}
	if key.route != otherRoute && key.route != "" {
		routes[key.route] = true
	}
	code := "hijacked"
	if key.code > 0 {
		code = strconv.Itoa(key.code)
	}
	s := &requestSeries{
		key: key, n: lane.NewCounter(),
		desc: prometheus.NewDesc(requestsTotal, requestsHelp, nil,
			prometheus.Labels{"method": key.method, "route": key.route, "code": code}),
		created:  time.Now(),
		duration: server.Series(orchestrall.Of(key.method), orchestrall.Of(key.route)),
	}
	all[key] = s
	c.routes.Store(&routes)
	c.all.Store(&all)
	return s
}

const requestsHelp = "Requests that were answered, by method, route and status code."

// Describe implements prometheus.Collector; it sends nothing.
func (c *requestCounts) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *requestCounts) Collect(out chan<- prometheus.Metric) {
	all := c.all.Load()
	if all == nil || taken() {
		return
	}
	for _, s := range *all {
		if m, err := prometheus.NewConstMetricWithCreatedTimestamp(s.desc, prometheus.CounterValue, float64(s.n.Sum()), s.created); err == nil {
			out <- m
		}
	}
}

// taken reports whether the program has registered a metric of the same name.
// The two would not go into one family, and the registry would then answer
// the program's own scrapes with an error.
func taken() (yes bool) {
	defer func() {
		if recover() != nil {
			yes = false
		}
	}()
	return !errors.Is(prometheus.DefaultRegisterer.Register(question{}), errFree)
}

// question is a collector that a registry refuses in any case, so that asking
// registers nothing: for its name if that is taken, or else for errFree.
type question struct{}

var (
	errFree   = errors.New("the name is free")
	questions = [...]*prometheus.Desc{
		prometheus.NewDesc(requestsTotal, requestsHelp, []string{"question"}, nil),
		prometheus.NewInvalidDesc(errFree),
	}
)

// Describe implements prometheus.Collector.
func (question) Describe(out chan<- *prometheus.Desc) {
	for _, d := range questions {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (question) Collect(chan<- prometheus.Metric) {}
