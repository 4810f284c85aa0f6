package trouble

import (
	"context"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// Ten million customers as a label value must not become ten million series.
func TestTenMillionLabelValues(t *testing.T) {
	n := 10_000_000
	if testing.Short() || raceDetector {
		n = 200_000 // each takes ten times as long there
	}
	var byCustomer orchestrall.Operation
	byCustomer.Register(orchestrall.Spec{Name: "Trouble.Customers", Fields: []orchestrall.Field{
		{Role: orchestrall.Label, Key: "customer"}, {Role: orchestrall.Label, Key: "country", AtEnd: true},
	}})
	_, callsBefore, overflowsBefore := customers(t)
	for i := range n {
		_, call := byCustomer.Start(context.Background(), func(int) orchestrall.Value { return orchestrall.Of(i) })
		call.End(func(int) orchestrall.Value { return orchestrall.Of(-i) })
	}
	for i := range n / 10 {
		orchestrall.RecordMetric(t.Context(), "trouble_customers", float64(i), orchestrall.Labels{"customer": string(rune(i%0x10000)) + "x"})
	}
	series, calls, overflows := customers(t)
	// 100 values and other, for each label, as success and as failed.
	if most := 2 * 101 * 101; series["operation_duration_seconds"] > most || series["operation_duration_seconds"] == 0 {
		t.Errorf("%d series, want at most %d", series["operation_duration_seconds"], most)
	}
	if series["trouble_customers"] != 101 {
		t.Errorf("%d series of recorded values, want 101", series["trouble_customers"])
	}
	if calls -= callsBefore; calls != uint64(n) {
		t.Errorf("%d of %d calls are counted", calls, n)
	}
	overflows -= overflowsBefore
	if least := float64(2 * (n - 100)); overflows < least {
		t.Errorf("%.0f values over the limit are counted, want at least %.0f", overflows, least)
	}
}

// customers counts the series with that label by family, the calls in them, and
// the values that became other.
func customers(t *testing.T) (series map[string]int, calls uint64, overflows float64) {
	t.Helper()
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	series = map[string]int{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "orchestrall_label_overflow_total" {
				overflows += m.GetCounter().GetValue()
			}
			for _, l := range m.GetLabel() {
				if l.GetName() != "customer" {
					continue
				}
				series[f.GetName()]++
				if f.GetName() == "operation_duration_seconds" {
					calls += m.GetHistogram().GetSampleCount()
				}
			}
		}
	}
	return series, calls, overflows
}
