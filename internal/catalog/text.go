package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
)

// JSON is the operations as an indented list.
func (c *Catalog) JSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	ops := c.Operations
	if ops == nil {
		ops = []Operation{}
	}
	err := enc.Encode(ops)
	return b.Bytes(), err
}

// Table is the catalog for a terminal. where names an operation's place as the
// reader can open it.
func (c *Catalog) Table(where func(Operation) string) []byte {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "KIND\tOPERATION\tMETRIC\tLABELS\tSLOW\tHANG\tSLO\tLOG\tOWNER\tWHERE")
	for _, op := range c.Operations {
		fmt.Fprintln(w, strings.Join([]string{
			op.Kind, op.Name, dash(op.Metric), dash(strings.Join(op.ownLabels(), ",")), dash(op.Slow.String()), dash(op.Hang.String()), dash(op.SLO.String()),
			op.Log.Level, dash(strings.Join(op.Owners, " ")), where(op),
		}, "\t"))
	}
	_ = w.Flush() // a buffer takes everything
	return b.Bytes()
}

// ownLabels are the labels that the directive adds to operation and status.
func (o Operation) ownLabels() []string {
	if len(o.Labels) <= 2 {
		return nil
	}
	return o.Labels[2:]
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// Markdown is the catalog as a document, one table for each package.
func (c *Catalog) Markdown() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Operations of %s\n\n%s.\n", c.Title, c.summary())
	pkg := ""
	for _, op := range c.Operations {
		if op.Package != pkg {
			pkg = op.Package
			fmt.Fprintf(&b, "\n## %s\n\n", pkg)
			b.WriteString("| operation | kind | span | metric and labels | attributes | limits | log | owner | place |\n")
			b.WriteString("|---|---|---|---|---|---|---|---|---|\n")
		}
		attributes := codes(op.Attributes)
		if len(op.Carried) > 0 {
			attributes = strings.TrimPrefix(attributes+"; carried: "+codes(op.Carried), "; ")
		}
		metric := ""
		if op.Metric != "" {
			metric = code(op.Metric) + " by " + codes(op.Labels)
		}
		row := []string{
			code(op.Name), op.Kind, code(op.SpanName), metric, attributes, strings.Join(op.limits(), ", "),
			op.Log.String(), cell(strings.Join(op.Owners, " ")), code(op.Where()),
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
	}
	return b.Bytes()
}

// summary counts the operations by kind.
func (c *Catalog) summary() string {
	text := plural(len(c.Operations), "operation")
	var parts []string
	for _, k := range c.kindCounts() {
		parts = append(parts, fmt.Sprintf("%d %s", k.Count, k.Kind))
	}
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, ", ")
	}
	return text
}

// limits are the keys of the directive that bound a call, as it has them.
func (o Operation) limits() []string {
	var all []string
	for _, l := range []struct{ key, value string }{{"slow", o.Slow.String()}, {"hang", o.Hang.String()}, {"slo", o.SLO.String()}, {"min", o.Min.String()}, {"sample", o.Sample}} {
		if l.value != "" {
			all = append(all, l.key+"="+l.value)
		}
	}
	return all
}

// code is s as inline code in the cell of a table.
func code(s string) string {
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if len(fence) > 1 {
		return fence + " " + cell(s) + " " + fence
	}
	return fence + cell(s) + fence
}

func codes(all []string) string {
	quoted := make([]string, len(all))
	for i, s := range all {
		quoted[i] = code(s)
	}
	return strings.Join(quoted, ", ")
}

// cell keeps text from ending its cell.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "\r", "").Replace(s)
}
