package catalog

import "slices"

// A kind is what the runtime does for every operation of one kind. The runtime
// is another module: a test holds this table against its source.
type kind struct {
	level   string    // of the finish line when the directive says nothing
	buckets []float64 // upper bounds of the histogram, in seconds
}

var (
	secondsToMinutes = []float64{.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800}
	modelSeconds     = []float64{.05, .1, .25, .5, 1, 2, 4, 8, 15, 30, 60, 120}
	requestSeconds   = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	querySeconds     = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5}
	callSeconds      = []float64{.0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5, 10, 60}
)

var kinds = map[string]kind{
	"agent":    {"info", secondsToMinutes},
	"workflow": {"info", secondsToMinutes},
	"step":     {"debug", modelSeconds},
	"tool":     {"debug", modelSeconds},
	"llm":      {"debug", modelSeconds},
	"server":   {"debug", requestSeconds},
	"client":   {"debug", requestSeconds},
	"db":       {"debug", querySeconds},
	"producer": {"debug", querySeconds},
	"consumer": {"debug", requestSeconds},
	"internal": {"debug", callSeconds},
}

// kindOrder is the order of the documentation: from the request down.
var kindOrder = []string{"agent", "workflow", "step", "tool", "llm", "server", "client", "db", "producer", "consumer", "internal"}

// Buckets are the upper bounds of the operation's histogram in seconds, less
// the infinite one.
func (o Operation) Buckets() []float64 { return slices.Clone(kinds[o.Kind].buckets) }
