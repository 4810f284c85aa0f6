package bootstrap

import (
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// brokenMetric fails at every scrape, at length.
type brokenMetric struct{ desc *prometheus.Desc }

func (b brokenMetric) Describe(descs chan<- *prometheus.Desc) { descs <- b.desc }

func (b brokenMetric) Collect(metrics chan<- prometheus.Metric) {
	metrics <- prometheus.NewInvalidMetric(b.desc, errors.New("broken "+strings.Repeat("x", 10*maxScrapeError)))
}

// A scrape comes every few seconds, for as long as the program runs.
func TestBrokenMetricIsSaidOnceAndHidesNoOther(t *testing.T) {
	broken := brokenMetric{prometheus.NewDesc("broken_metric", "Broken.", nil, nil)}
	if err := prometheus.Register(broken); err != nil {
		t.Fatal(err)
	}
	defer prometheus.Unregister(broken)
	out, _ := begin(t, "PROMETHEUS_PORT", "0")
	url, _ := metadata(out.lines(t)[0])["url"].(string)
	for range 3 {
		if !strings.Contains(get(t, url), "go_goroutines") {
			t.Error("the broken metric hides others")
		}
	}
	if got := out.String(); strings.Count(got, "broken xxx") != 1 || len(got) > 2*maxScrapeError {
		t.Errorf("got %d bytes that name it %d times, want one short line", len(got), strings.Count(got, "broken xxx"))
	}
}
