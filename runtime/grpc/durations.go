package grpc

import (
	"context"
	"maps"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"google.golang.org/grpc/codes"
)

// durations are contrib's instruments, and what it says about calls that end in
// some way. A program calls few methods, but a server's clients can ask for any,
// so there is a bound; what is past it is left to contrib's handler.
type durations struct {
	instruments []metric.Float64Histogram
	ends        atomic.Pointer[map[ending]measured] // copied on write

	mu sync.Mutex
}

const maxEndings = 500

// ending is all that contrib's attributes are made of.
type ending struct {
	method string
	code   codes.Code
	server netip.AddrPort
	other  string // a server without a port
}

// measured is what contrib's handler records of such a call.
type measured []measurement

type measurement struct {
	instrument metric.Float64Histogram
	perSecond  float64 // its unit
	options    []metric.RecordOption
}

func (m measured) record(ctx context.Context, seconds float64) {
	for i := range m {
		m[i].instrument.Record(ctx, seconds*m[i].perSecond, m[i].options...)
	}
}

func (d *durations) enabled(ctx context.Context) bool {
	for _, i := range d.instruments {
		if i.Enabled(ctx) {
			return true
		}
	}
	return false
}

func endingOf(c *quiet, code codes.Code, client bool) ending {
	e := ending{method: c.method, code: code}
	if !client { // its own address is no attribute
		return e
	}
	switch server := c.server.(type) {
	case nil:
	case *net.TCPAddr:
		e.server = server.AddrPort()
	default:
		e.other = server.String()
	}
	return e
}

func (d *durations) known(e ending) measured {
	if ends := d.ends.Load(); ends != nil {
		return (*ends)[e]
	}
	return nil
}

func (d *durations) learn(e ending, m measured) {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := map[ending]measured{}
	if ends := d.ends.Load(); ends != nil {
		if len(*ends) >= maxEndings {
			return
		}
		next = maps.Clone(*ends)
	}
	e.method = strings.Clone(e.method)
	next[e] = m
	d.ends.Store(&next)
}

// meters make the program's instruments, and note what is recorded with them.
type meters struct {
	metric.MeterProvider
	durations *durations
}

// Meter implements metric.MeterProvider.
func (m meters) Meter(name string, options ...metric.MeterOption) metric.Meter {
	return meter{otel.GetMeterProvider().Meter(name, options...), m.durations}
}

type meter struct {
	metric.Meter
	durations *durations
}

// Float64Histogram implements metric.Meter.
func (m meter) Float64Histogram(name string, options ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	inner, err := m.Meter.Float64Histogram(name, options...)
	if err != nil {
		return inner, err
	}
	h := histogram{Float64Histogram: inner, perSecond: 1}
	if c := metric.NewFloat64HistogramConfig(options...); c.Unit() == "ms" {
		h.perSecond = 1000
	}
	m.durations.instruments = append(m.durations.instruments, inner)
	return h, nil
}

type histogram struct {
	metric.Float64Histogram
	perSecond float64
}

// Record implements metric.Float64Histogram.
func (h histogram) Record(ctx context.Context, value float64, options ...metric.RecordOption) {
	h.Float64Histogram.Record(ctx, value, options...)
	if p, ok := ctx.Value(pastKey{}).(*past); ok {
		p.measured = append(p.measured, measurement{h.Float64Histogram, h.perSecond, options})
	}
}
