package command

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/orchestrall/orchestrall/internal/cost"
)

func (s *session) costVerb() *cli.Command {
	load, prices := cost.LoadAt(0), cost.DefaultPrices()
	rate := func(name, usage string, value float64) cli.Flag {
		return &cli.Float64Flag{Name: name, Usage: fmt.Sprintf("%s (default %v)", usage, value)}
	}
	return &cli.Command{
		Name:      "cost",
		Usage:     "estimate what the monitoring stack of a given load takes and costs",
		UsageText: "orchestrall cost [--spans-per-second N] [flags] [--format table|json|markdown]",
		Description: `Without --spans-per-second, four sizes stand side by side. With it, each part of
the stack gets a line: replicas, cores, memory, storage and US dollars a month. The
model, its constants and their reasons are in docs/cost.md; HOSTED is the price of
sending the same traces and logs to a service that charges by the GB.`,
		Flags: []cli.Flag{
			&cli.Float64Flag{Name: "spans-per-second", Usage: "what all services send on average, before sampling"},
			rate("peak", "busiest minute / average", load.PeakFactor),
			rate("keep", "ratio of spans that tail sampling keeps", load.Keep),
			rate("span-bytes", "bytes of a span in OTLP", load.SpanBytes),
			rate("lines-per-span", "log lines for each span", load.LinesPerSpan),
			rate("line-bytes", "bytes of a log line", load.LineBytes),
			&cli.Float64Flag{Name: "series", Usage: "active time series (default: grows with the root of the load)"},
			rate("trace-days", "days to keep traces", load.TraceDays),
			rate("log-days", "days to keep logs", load.LogDays),
			rate("metric-days", "days to keep metrics", load.MetricDays),
			rate("vcpu-price", "US dollars for a virtual core a month", prices.VCPUMonth),
			rate("memory-price", "for a GiB of memory a month", prices.GiBMonth),
			rate("disk-price", "for a GB on disk a month", prices.DiskGBMonth),
			rate("object-price", "for a GB in object storage a month", prices.ObjectGBMonth),
			rate("hosted-price", "for a GB that is sent to a hosted service", prices.HostedPerGB),
			formatFlag("print as `FORMAT`: table, json or markdown", "table"),
		},
		Action: func(c *cli.Context) error {
			format := c.String("format")
			if err := choice("format", format, []string{"table", "json", "markdown"}); err != nil {
				return err
			}
			if c.Args().Present() {
				return fmt.Errorf("unexpected argument %q; cost takes flags only", c.Args().First())
			}
			return s.cost(c, format)
		},
	}
}

func (s *session) cost(c *cli.Context, format string) error {
	prices := cost.DefaultPrices()
	given(c, map[string]*float64{
		"vcpu-price": &prices.VCPUMonth, "memory-price": &prices.GiBMonth, "disk-price": &prices.DiskGBMonth,
		"object-price": &prices.ObjectGBMonth, "hosted-price": &prices.HostedPerGB,
	})
	if err := prices.Check(); err != nil {
		return err
	}
	sizes := cost.Sizes()
	if c.IsSet("spans-per-second") {
		sizes = []cost.Size{{Load: cost.LoadAt(c.Float64("spans-per-second"))}}
	}
	for i := range sizes {
		load := &sizes[i].Load
		given(c, map[string]*float64{
			"spans-per-second": &load.SpansPerSecond, "peak": &load.PeakFactor, "keep": &load.Keep, "span-bytes": &load.SpanBytes,
			"lines-per-span": &load.LinesPerSpan, "line-bytes": &load.LineBytes, "series": &load.Series,
			"trace-days": &load.TraceDays, "log-days": &load.LogDays, "metric-days": &load.MetricDays,
		})
		if err := load.Check(); err != nil {
			return err
		}
	}
	if c.IsSet("spans-per-second") {
		e := cost.Of(sizes[0].Load, prices)
		return s.show(format, e, e.Table)
	}
	o := cost.Compare(sizes, prices)
	return s.show(format, o, o.Table)
}

// given puts the flags that the command line has in the place of defaults.
func given(c *cli.Context, to map[string]*float64) {
	for name, v := range to {
		if c.IsSet(name) {
			*v = c.Float64(name)
		}
	}
}
