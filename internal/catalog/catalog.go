// Package catalog describes what a service reports about itself: every
// operation with its metric, limits and owner, as a table, a document or a page
// to browse. It is given operations and returns bytes; it opens no file.
package catalog

import (
	"cmp"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orchestrall/orchestrall/instrument"
)

// A Catalog holds the operations of one service in the order of their files.
type Catalog struct {
	Title      string // whose operations these are: the module's path
	Operations []Operation
}

// An Operation is one instrumented function with everything that a reader of
// its telemetry wants to know.
type Operation struct {
	Name     string   `json:"name"`     // label of the metric
	SpanName string   `json:"spanName"` // with {expr} as it was written
	Kind     string   `json:"kind"`
	Metric   string   `json:"metric,omitempty"` // empty: it has none
	Labels   []string `json:"labels,omitempty"` // of the metric, without le
	// Attributes are on the span and the log lines of the call; Carried are also
	// on those of every call below it.
	Attributes []string   `json:"attributes,omitempty"`
	Carried    []string   `json:"carried,omitempty"`
	Log        Log        `json:"log"`
	Slow       Limit      `json:"slow,omitempty"`
	Hang       Limit      `json:"hang,omitempty"`
	SLO        *Objective `json:"slo,omitempty"`
	Min        Limit      `json:"min,omitempty"`
	Sample     string     `json:"sample,omitempty"`
	Root       bool       `json:"root,omitempty"` // no context comes in: every call starts a trace
	Owners     []string   `json:"owners,omitempty"`
	Package    string     `json:"package"`
	Function   string     `json:"function"`
	File       string     `json:"file"` // relative to the module, with slashes
	Line       int        `json:"line"`

	Dir string `json:"-"` // folder of the module, absolute
}

// Log says which lines a call writes. A failure is one at ERROR whatever the
// level, unless the level is off.
type Log struct {
	Level string `json:"level"` // debug, info, warn, error, off
	Start bool   `json:"start"` // a line at the start too
}

// String is the level with what is unusual about it.
func (l Log) String() string {
	if l.Start {
		return l.Level + ", start too"
	}
	return l.Level
}

// An Objective is what slo= promises: Target percent of the calls succeed
// within Limit.
type Objective struct {
	Target float64 `json:"target"`
	Limit  Limit   `json:"limit"`
}

// String is the objective as a directive has it: 99.9@2s.
func (o *Objective) String() string {
	if o == nil {
		return ""
	}
	return formatFloat(o.Target) + "@" + o.Limit.String()
}

// ParseObjective reads the value of slo=; nil for text that is none.
func ParseObjective(text string) *Objective {
	percent, limit, found := strings.Cut(text, "@")
	target, err := strconv.ParseFloat(percent, 64)
	d, derr := time.ParseDuration(limit)
	if !found || err != nil || derr != nil {
		return nil
	}
	return &Objective{Target: target, Limit: Limit(d)}
}

// A Limit is a duration that is written without parts that are zero: 2m, not
// 2m0s. No limit is the empty string.
type Limit time.Duration

// String is the limit as a directive has it.
func (l Limit) String() string {
	if l == 0 {
		return ""
	}
	s := time.Duration(l).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText makes a limit a text in JSON.
func (l Limit) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Seconds is the limit in the unit of the metrics.
func (l Limit) Seconds() float64 { return time.Duration(l).Seconds() }

// New describes op, which stands in the module of the folder dir.
func New(op instrument.Operation, dir string, owners []string) Operation {
	o := Operation{
		Name: op.Name, SpanName: op.SpanName, Kind: op.Kind, Attributes: op.Attributes, Carried: op.Carried,
		Log: Log{op.Log, op.Log != "" && op.Log != "off"}, Slow: Limit(op.Slow), Hang: Limit(op.Hang), SLO: ParseObjective(op.SLO), Min: Limit(op.Min), Sample: op.Sample,
		Root: !op.Context, Owners: owners, Package: op.Package, Function: op.Function, File: op.File, Line: op.Line, Dir: dir,
	}
	if op.Log == "" {
		o.Log.Level = kinds[op.Kind].level
	}
	if op.Metric != "off" {
		o.Metric = op.Metric
		o.Labels = []string{"operation", "status"}
		for _, label := range op.Labels {
			if !slices.Contains(o.Labels, label) {
				o.Labels = append(o.Labels, label)
			}
		}
	}
	return o
}

// Sort orders the operations by file and line, so that the same sources give
// the same bytes.
func (c *Catalog) Sort() {
	slices.SortFunc(c.Operations, func(a, b Operation) int {
		return cmp.Or(cmp.Compare(a.Path(), b.Path()), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Name, b.Name))
	})
}

// Path is the operation's file on disk.
func (o Operation) Path() string {
	if path.IsAbs(o.File) {
		return filepath.FromSlash(o.File)
	}
	return filepath.Join(o.Dir, filepath.FromSlash(o.File))
}

// Where is the operation's place relative to its module.
func (o Operation) Where() string { return o.File + ":" + strconv.Itoa(o.Line) }

// Test reports whether the operation is a test's: it runs in no service.
func (o Operation) Test() bool { return strings.HasSuffix(o.File, "_test.go") }

// kindCounts returns the kinds that the catalog has operations of, in the order
// of the documentation.
func (c *Catalog) kindCounts() []kindCount {
	var counts []kindCount
	for _, name := range kindOrder {
		n := 0
		for i := range c.Operations {
			if c.Operations[i].Kind == name {
				n++
			}
		}
		if n > 0 {
			counts = append(counts, kindCount{name, n})
		}
	}
	return counts
}

type kindCount struct {
	Kind  string
	Count int
}

func formatFloat(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
