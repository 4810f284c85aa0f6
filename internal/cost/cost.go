// Package cost estimates what the monitoring stack of deployment/ takes and
// costs at a given load: machines, storage and money for each part, beside the
// price of hosted tracing for the same data.
//
// It is a model, not a measurement. Everything that it multiplies is a field of
// [Load] or [Prices], or a constant below with its reason, so that a reader can
// replace what differs at home. docs/cost.md explains it in words.
package cost

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// A Load is what the instrumented services send.
type Load struct {
	SpansPerSecond float64 `json:"spansPerSecond"` // on average over the month, before sampling
	PeakFactor     float64 `json:"peak"`           // busiest minute / average: machines are sized for it
	SpanBytes      float64 `json:"spanBytes"`      // of one span in OTLP
	Keep           float64 `json:"keep"`           // ratio of spans that tail sampling keeps, 0 to 1
	LinesPerSpan   float64 `json:"linesPerSpan"`   // log lines for each span
	LineBytes      float64 `json:"lineBytes"`      // of one JSON log line
	Series         float64 `json:"series"`         // active time series

	// Retention.
	TraceDays  float64 `json:"traceDays"`
	LogDays    float64 `json:"logDays"`
	MetricDays float64 `json:"metricDays"`
}

// Prices are in US dollars.
type Prices struct {
	VCPUMonth     float64 // one virtual core for a month
	GiBMonth      float64 // one GiB of memory for a month
	DiskGBMonth   float64 // block storage
	ObjectGBMonth float64 // object storage
	HostedPerGB   float64 // hosted tracing and logging, for each GB sent
}

// DefaultPrices are list prices of the large clouds for on-demand machines, to
// the nearest round figure, and the middle of what hosted services ask for a GB
// of traces or logs. Replace them by your own.
func DefaultPrices() Prices {
	return Prices{VCPUMonth: 30, GiBMonth: 3.5, DiskGBMonth: 0.09, ObjectGBMonth: 0.023, HostedPerGB: 0.50}
}

// LoadAt is the load of services that send so many spans a second, with what is
// typical for everything else. The number of series grows with the number of
// services, and that with the square root of the load.
func LoadAt(spansPerSecond float64) Load {
	return Load{
		SpansPerSecond: spansPerSecond, PeakFactor: 3, SpanBytes: 600, Keep: 0.1,
		LinesPerSpan: 0.3, LineBytes: 450,
		Series:    math.Round(20_000*math.Sqrt(math.Max(spansPerSecond, 1)/100)/1000) * 1000,
		TraceDays: 7, LogDays: 30, MetricDays: 30,
	}
}

// A Size is a load that has a name.
type Size struct {
	Name string
	Load Load
}

// Sizes are those of the table in docs/cost.md.
func Sizes() []Size {
	development := LoadAt(10)
	development.Keep, development.PeakFactor = 1, 1
	development.TraceDays, development.LogDays, development.MetricDays = 2, 7, 7
	return []Size{
		{"development", development},
		{"small", LoadAt(1_000)},
		{"medium", LoadAt(10_000)},
		{"large", LoadAt(100_000)},
	}
}

// Check reports the first value that makes no sense.
func (l Load) Check() error {
	for _, v := range []struct {
		name      string
		value     float64
		low, high float64
	}{
		{"spans-per-second", l.SpansPerSecond, 0.001, 1e9},
		{"peak", l.PeakFactor, 1, 1000},
		{"span-bytes", l.SpanBytes, 1, 1e8},
		{"keep", l.Keep, 0, 1},
		{"lines-per-span", l.LinesPerSpan, 0, 1e6},
		{"line-bytes", l.LineBytes, 1, 1e8},
		{"series", l.Series, 0, 1e10},
		{"trace-days", l.TraceDays, 0, 36500},
		{"log-days", l.LogDays, 0, 36500},
		{"metric-days", l.MetricDays, 0, 36500},
	} {
		if !(v.value >= v.low && v.value <= v.high) { // NaN is in no range
			return fmt.Errorf("--%s %v: must be between %v and %v", v.name, v.value, v.low, v.high)
		}
	}
	return nil
}

// Check reports the first price that is negative or not a number.
func (p Prices) Check() error {
	for _, v := range []float64{p.VCPUMonth, p.GiBMonth, p.DiskGBMonth, p.ObjectGBMonth, p.HostedPerGB} {
		if !(v >= 0 && v <= 1e9) {
			return errors.New("a price must be a number of US dollars, 0 or more")
		}
	}
	return nil
}

// What the parts of the stack take. The rates leave half of a core idle at the
// peak that they are given.
const (
	collectorSpansPerCore = 10_000 // OTLP in, tail sampling, span metrics, OTLP out
	jaegerSpansPerCore    = 5_000  // spans that are kept and indexed
	lokiMBPerCore         = 5      // MB of lines a second
	seriesPerCore         = 500_000
	tailWindow            = 15 * time.Second // decision wait and what is on its way
	spanMemory            = 3                // bytes of memory for a byte of OTLP that waits
	bytesPerSeries        = 8 << 10          // memory of an active series
	bytesPerSample        = 1.7              // on disk
	scrapeInterval        = 15 * time.Second
	tracesOnDisk          = 1.2 // bytes of store and index for a byte of OTLP
	logsCompressed        = 8   // bytes of line for a byte in Loki's store
	diskHeadroom          = 1.3 // compaction, and no disk runs full

	coresOfMachine = 8  // a part that needs more is run as several
	leastReplicas  = 2  // from the load on at which one machine is a risk
	singleUpTo     = 50 // spans a second that one machine of each part may serve
	month          = 730 * time.Hour
	gib            = 1 << 30
	gb             = 1e9
)

// A Part is one program of the stack.
type Part struct {
	Name     string  `json:"name"`
	Replicas int     `json:"replicas"`
	VCPU     float64 `json:"vcpu"`      // of one replica
	Memory   float64 `json:"memoryGiB"` // of one replica
	Disk     float64 `json:"diskGB"`    // all replicas together
	Object   float64 `json:"objectGB"`  // object storage
	Monthly  float64 `json:"monthlyUSD"`
}

// An Estimate is what a load takes and costs.
type Estimate struct {
	Load  Load   `json:"load"`
	Parts []Part `json:"parts"`

	TracesGB float64 `json:"tracesGBPerMonth"` // sent by the services, before sampling
	LogsGB   float64 `json:"logsGBPerMonth"`
	Monthly  float64 `json:"monthlyUSD"`
	PerGB    float64 `json:"usdPerGB"`         // of what is sent
	Hosted   float64 `json:"hostedMonthlyUSD"` // the same data at the hosted price
}

// Of works out what l takes and what that costs.
func Of(l Load, p Prices) Estimate {
	peak := l.SpansPerSecond * l.PeakFactor
	bytesIn, bytesPeak := l.SpansPerSecond*l.SpanBytes, peak*l.SpanBytes
	lines := l.SpansPerSecond * l.LinesPerSpan * l.LineBytes
	linesPeakMB := lines * l.PeakFactor / 1e6
	samples := l.Series / scrapeInterval.Seconds()
	days := func(perSecond, days float64) float64 { return perSecond * days * 86400 / gb * diskHeadroom }

	single := l.SpansPerSecond <= singleUpTo
	e := Estimate{
		Load:     l,
		TracesGB: bytesIn * month.Seconds() / gb,
		LogsGB:   lines * month.Seconds() / gb,
		Parts: []Part{
			sized("Collector", peak/collectorSpansPerCore, bytesPeak*tailWindow.Seconds()*spanMemory/gib, 0.5, single),
			sized("Jaeger", peak*l.Keep/jaegerSpansPerCore, peak*l.Keep/20_000, 0.5, single).
				withDisk(days(bytesIn*l.Keep*tracesOnDisk, l.TraceDays)),
			sized("Loki", linesPeakMB/lokiMBPerCore, linesPeakMB/2, 1, single).
				withStore(days(lines/logsCompressed, l.LogDays), single),
			sized("Prometheus", l.Series/seriesPerCore, l.Series*bytesPerSeries/gib, 0.5, single).
				withCopies(days(samples*bytesPerSample, l.MetricDays)),
			sized("Alertmanager", 0, 0, 0.25, single),
			sized("Grafana", 0, 0, 0.5, true),
		},
	}
	for i := range e.Parts {
		part := &e.Parts[i]
		n := float64(part.Replicas)
		part.Monthly = n*(part.VCPU*p.VCPUMonth+part.Memory*p.GiBMonth) + part.Disk*p.DiskGBMonth + part.Object*p.ObjectGBMonth
		e.Monthly += part.Monthly
	}
	sent := e.TracesGB + e.LogsGB
	e.Hosted = sent * p.HostedPerGB
	e.PerGB = e.Monthly / sent
	return e
}

// sized splits what a part needs at the peak among replicas. Half a core and the
// least memory are what any of them takes; more than one replica stays able to
// carry the load when one is away.
func sized(name string, cores, memory, leastMemory float64, single bool) Part {
	cores *= 2 // half of each core stays idle
	replicas := int(math.Ceil(cores / coresOfMachine))
	if replicas > 1 {
		replicas++
	} else if replicas = 1; !single {
		replicas = leastReplicas
	}
	share := math.Max(1, float64(replicas-1)) // one may be away
	return Part{
		Name: name, Replicas: replicas,
		VCPU:   portion(math.Max(cores/share, 0.25)),
		Memory: portion(math.Max(memory/share+leastMemory, leastMemory)),
	}
}

func (p Part) withDisk(gb float64) Part {
	p.Disk = math.Ceil(gb)
	return p
}

// withCopies is withDisk for a part whose replicas each keep everything.
func (p Part) withCopies(gb float64) Part { return p.withDisk(gb * float64(p.Replicas)) }

// withStore puts data on the disk of a single machine, else in object storage.
func (p Part) withStore(gb float64, single bool) Part {
	if single {
		return p.withDisk(gb)
	}
	p.Object = math.Ceil(gb)
	p.Disk = math.Ceil(10 * float64(p.Replicas)) // write-ahead log and index cache
	return p
}

// portion rounds up to what machines are sold in: quarters up to one, halves
// above.
func portion(v float64) float64 {
	if v <= 1 {
		return math.Ceil(v*4) / 4
	}
	return math.Ceil(v*2) / 2
}
