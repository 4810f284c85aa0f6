package cost

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
)

// JSON is the estimate, indented.
func (e Estimate) JSON() ([]byte, error) { return indented(e) }

// Markdown is the estimate as a table.
func (e Estimate) Markdown() []byte {
	return fmt.Appendf(markdown(e.rows()), "\n%s", e.Summary())
}

// Table is the estimate for a terminal.
func (e Estimate) Table() []byte { return fmt.Appendf(table(e.rows()), "\n%s", e.Summary()) }

// Summary says what the total stands for.
func (e Estimate) Summary() string {
	return fmt.Sprintf("%s spans a second: %s of traces and %s of logs a month, $%s per GB.\nHosted at the given price: $%s a month.\n",
		number(e.Load.SpansPerSecond), size(e.TracesGB), size(e.LogsGB), strconv.FormatFloat(e.PerGB, 'f', 3, 64), number(e.Hosted))
}

func (e Estimate) rows() [][]string {
	rows := [][]string{{"PART", "REPLICAS", "VCPU", "MEMORY", "DISK", "OBJECTS", "USD/MONTH"}}
	for _, p := range e.Parts {
		rows = append(rows, []string{
			p.Name, strconv.Itoa(p.Replicas), trimmed(p.VCPU), trimmed(p.Memory) + " GiB", size(p.Disk), size(p.Object), number(p.Monthly),
		})
	}
	return append(rows, []string{"total", "", "", "", "", "", number(e.Monthly)})
}

// An Overview puts the estimates of several sizes side by side.
type Overview []struct {
	Name     string   `json:"name"`
	Estimate Estimate `json:"estimate"`
}

// Compare estimates all sizes.
func Compare(sizes []Size, p Prices) Overview {
	o := make(Overview, len(sizes))
	for i, s := range sizes {
		o[i].Name, o[i].Estimate = s.Name, Of(s.Load, p)
	}
	return o
}

// JSON is the overview, indented.
func (o Overview) JSON() ([]byte, error) { return indented(o) }

// Markdown is the overview as a table.
func (o Overview) Markdown() []byte { return markdown(o.rows()) }

// Table is the overview for a terminal.
func (o Overview) Table() []byte { return table(o.rows()) }

func (o Overview) rows() [][]string {
	rows := [][]string{{"SIZE", "SPANS/S", "TRACES/MONTH", "LOGS/MONTH", "VCPU", "MEMORY", "STORED", "USD/MONTH", "HOSTED"}}
	for _, s := range o {
		e := s.Estimate
		var cores, memory, stored float64
		for _, p := range e.Parts {
			cores += float64(p.Replicas) * p.VCPU
			memory += float64(p.Replicas) * p.Memory
			stored += p.Disk + p.Object
		}
		rows = append(rows, []string{
			s.Name, number(e.Load.SpansPerSecond), size(e.TracesGB), size(e.LogsGB),
			trimmed(cores), trimmed(memory) + " GiB", size(stored), number(e.Monthly), number(e.Hosted),
		})
	}
	return rows
}

func indented(v any) ([]byte, error) {
	data, err := json.MarshalIndent(v, "", "  ")
	return append(data, '\n'), err
}

func table(rows [][]string) []byte {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	_ = w.Flush() // a buffer takes everything
	return b.Bytes()
}

func markdown(rows [][]string) []byte {
	var b bytes.Buffer
	for i, row := range rows {
		cells := make([]string, len(row))
		for j, cell := range row {
			if cells[j] = cell; i == 0 {
				cells[j] = strings.ToLower(cell)
			}
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
		if i == 0 {
			fmt.Fprintf(&b, "|---%s|\n", strings.Repeat("|---:", len(row)-1))
		}
	}
	return b.Bytes()
}

// number is v without a fraction once it has no meaning, in groups of three.
func number(v float64) string {
	if v != 0 && v < 10 {
		return trimmed(v)
	}
	s := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func trimmed(v float64) string {
	return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(v, 'f', 2, 64), "0"), ".")
}

func size(gb float64) string {
	switch {
	case gb == 0:
		return "-"
	case gb >= 1000:
		return trimmed(float64(int(gb/10+0.5))/100) + " TB"
	case gb < 1:
		return number(gb*1000) + " MB"
	default:
		return number(gb) + " GB"
	}
}
