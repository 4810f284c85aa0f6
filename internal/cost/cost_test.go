package cost

import (
	"math"
	"os"
	"strings"
	"testing"
)

func TestDocumentationShowsWhatTheModelSays(t *testing.T) {
	doc, err := os.ReadFile("../../docs/cost.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[string][]byte{"the sizes": Compare(Sizes(), DefaultPrices()).Markdown()}
	for _, n := range []float64{1_000, 10_000, 100_000} {
		blocks[number(n)+" spans a second"] = markdown(Of(LoadAt(n), DefaultPrices()).rows())
	}
	for name, want := range blocks {
		if !strings.Contains(string(doc), string(want)) {
			t.Errorf("docs/cost.md does not have the table of %s:\n%s", name, want)
		}
	}
}

func TestMoreLoadNeverTakesLess(t *testing.T) {
	last := 0.0
	for n := 1.0; n < 1e6; n *= 1.3 {
		e := Of(LoadAt(n), DefaultPrices())
		if e.Monthly < last*0.95 { // a machine more may be a smaller machine
			t.Errorf("%.0f spans a second cost %.0f, less than %.0f before", n, e.Monthly, last)
		}
		last = math.Max(last, e.Monthly)
	}
}

func TestEachInputCounts(t *testing.T) {
	base := Of(LoadAt(10_000), DefaultPrices()).Monthly
	for name, change := range map[string]func(*Load){
		"peak":           func(l *Load) { l.PeakFactor *= 4 },
		"span bytes":     func(l *Load) { l.SpanBytes *= 4 },
		"keep":           func(l *Load) { l.Keep *= 4 },
		"lines per span": func(l *Load) { l.LinesPerSpan *= 4 },
		"line bytes":     func(l *Load) { l.LineBytes *= 4 },
		"series":         func(l *Load) { l.Series *= 4 },
		"trace days":     func(l *Load) { l.TraceDays *= 4 },
		"log days":       func(l *Load) { l.LogDays *= 4 },
		"metric days":    func(l *Load) { l.MetricDays *= 4 },
	} {
		l := LoadAt(10_000)
		change(&l)
		if got := Of(l, DefaultPrices()).Monthly; got <= base {
			t.Errorf("four times the %s costs %.0f, without it %.0f", name, got, base)
		}
	}
}

func TestHostedPriceIsForAllThatIsSent(t *testing.T) {
	l := LoadAt(1_000)
	l.SpanBytes, l.LinesPerSpan, l.LineBytes = 1000, 1, 1000
	e := Of(l, Prices{HostedPerGB: 2})
	sent := 1_000 * 2000 * 730 * 3600 / 1e9
	if e.Hosted != 2*sent || e.Monthly != 0 {
		t.Errorf("%v GB cost %v hosted and %v on free machines", sent, e.Hosted, e.Monthly)
	}
}

func TestCheckRefusesWhatMakesNoSense(t *testing.T) {
	for name, change := range map[string]func(*Load){
		"spans-per-second": func(l *Load) { l.SpansPerSecond = 0 },
		"peak":             func(l *Load) { l.PeakFactor = 0.5 },
		"keep":             func(l *Load) { l.Keep = 1.1 },
		"trace-days":       func(l *Load) { l.TraceDays = math.NaN() },
		"series":           func(l *Load) { l.Series = math.Inf(1) },
	} {
		l := LoadAt(1)
		change(&l)
		if err := l.Check(); err == nil || !strings.Contains(err.Error(), "--"+name+" ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, s := range Sizes() {
		if err := s.Load.Check(); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
	if err := (Prices{VCPUMonth: math.NaN()}).Check(); err == nil {
		t.Error("NaN is a price")
	}
}
