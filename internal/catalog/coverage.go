package catalog

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"github.com/orchestrall/orchestrall/instrument"
)

// A Coverage says how much of what could be expected in the telemetry of a
// service is there.
type Coverage struct {
	Title   string
	Traced  int
	Missing []Missing
}

// A Missing function is exported, takes a context or returns an error, and is
// not traced.
type Missing struct {
	Name     string `json:"name"` // what its operation would be called
	Function string `json:"function"`
	Package  string `json:"package"`
	File     string `json:"file"` // relative to the module, with slashes
	Line     int    `json:"line"`
	Context  bool   `json:"context"` // takes one; without, each call would start a trace
	Error    bool   `json:"error"`

	Path string `json:"-"` // absolute
}

// NewMissing describes u, which stands in the module of the folder dir.
func NewMissing(u instrument.Untraced, dir string) Missing {
	m := Missing{
		Name: u.Name, Function: u.Function, Package: u.Package, Line: u.Pos.Line, Context: u.Context, Error: u.Error,
		File: filepath.ToSlash(u.Pos.Filename), Path: u.Pos.Filename,
	}
	if rel, err := filepath.Rel(dir, u.Pos.Filename); err == nil {
		m.File = filepath.ToSlash(rel)
	}
	return m
}

// Sort orders the missing functions by file and line.
func (c *Coverage) Sort() {
	slices.SortFunc(c.Missing, func(a, b Missing) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Name, b.Name))
	})
}

// Percent is how much is traced, with one decimal place and never rounded up to
// a hundred; of nothing everything is.
func (c *Coverage) Percent() float64 {
	all := c.Traced + len(c.Missing)
	if all == 0 {
		return 100
	}
	return math.Floor(1000*float64(c.Traced)/float64(all)) / 10
}

// Summary is the coverage in one line.
func (c *Coverage) Summary() string {
	return fmt.Sprintf("%d of %s with a context or an error result traced (%s %%)",
		c.Traced, plural(c.Traced+len(c.Missing), "exported function"), formatFloat(c.Percent()))
}

// Needs says why the function is expected to be traced.
func (m Missing) Needs() string {
	switch {
	case m.Context && m.Error:
		return "context, error"
	case m.Context:
		return "context"
	}
	return "error"
}

// Table lists the missing functions for a terminal.
func (c *Coverage) Table(where func(Missing) string) []byte {
	var b bytes.Buffer
	if len(c.Missing) > 0 {
		w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "NOT TRACED\tHAS\tWHERE")
		for _, m := range c.Missing {
			fmt.Fprintf(w, "%s\t%s\t%s\n", m.Name, m.Needs(), where(m))
		}
		_ = w.Flush() // a buffer takes everything
	}
	fmt.Fprintln(&b, c.Summary())
	return b.Bytes()
}

// Markdown lists the missing functions as a document.
func (c *Coverage) Markdown() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Coverage of %s\n\n%s.\n", c.Title, c.Summary())
	if len(c.Missing) == 0 {
		return b.Bytes()
	}
	b.WriteString("\n| not traced | has | place |\n|---|---|---|\n")
	for _, m := range c.Missing {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", code(m.Name), m.Needs(), code(fmt.Sprintf("%s:%d", m.File, m.Line)))
	}
	return b.Bytes()
}

// JSON is the coverage as one indented object.
func (c *Coverage) JSON() ([]byte, error) {
	doc := struct {
		Traced  int       `json:"traced"`
		Of      int       `json:"of"`
		Percent float64   `json:"percent"`
		Missing []Missing `json:"missing"`
	}{c.Traced, c.Traced + len(c.Missing), c.Percent(), c.Missing}
	if doc.Missing == nil {
		doc.Missing = []Missing{}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(doc)
	return b.Bytes(), err
}
