package orchestrall_test

import (
	"errors"
	"testing"

	dto "github.com/prometheus/client_model/go"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// exemplarsOf returns the trace ids that a histogram's buckets keep.
func exemplarsOf(m *dto.Metric) (ids []string) {
	for _, b := range m.GetHistogram().GetBucket() {
		if e := b.GetExemplar(); e != nil {
			ids = append(ids, e.GetLabel()[0].GetValue())
		}
	}
	return ids
}

func TestSampledCallsLeaveExemplars(t *testing.T) {
	recorder := spans(t)
	o := operation(orchestrall.Spec{Name: "Exemplar.Run", Kind: orchestrall.Tool, Log: "off"})
	for _, err := range []error{nil, errors.New("no")} {
		func() {
			_, call := o.Start(t.Context())
			defer call.EndErr(&err)
		}()
	}
	for i, status := range []string{"success", "failed"} {
		want := recorder.Ended()[i].SpanContext().TraceID().String()
		found := false
		for _, m := range gather(t, "tool_execution_duration_seconds") {
			if !has(m, []string{"operation=Exemplar.Run", "status=" + status}) {
				continue
			}
			found = true
			if ids := exemplarsOf(m); len(ids) != 1 || ids[0] != want {
				t.Errorf("%s has the exemplars %v, want %s", status, ids, want)
			}
		}
		if !found {
			t.Errorf("there is no series for %s", status)
		}
	}
}

// A busy operation must not pay for an exemplar with each call.
func TestExemplarsAreRare(t *testing.T) {
	spans(t)
	ctx := below(true)
	cost := func(metric string) float64 {
		o := operation(orchestrall.Spec{Name: "Exemplar.Busy", Log: "off", Metric: metric})
		return testing.AllocsPerRun(2000, func() {
			_, call := o.Start(ctx)
			defer call.End()
		})
	}
	if with, without := cost(""), cost("off"); with > without {
		t.Errorf("%v allocations a call, and %v without a metric", with, without)
	}
}

func TestNativeHistograms(t *testing.T) {
	for _, k := range []orchestrall.Kind{orchestrall.Agent, orchestrall.Internal} {
		o := operation(orchestrall.Spec{Name: "Native." + string(k), Kind: k})
		call := o.StartRoot()
		call.End()
	}
	orchestrall.RecordMetric(t.Context(), "native_values", 3, nil)
	for family, want := range map[string]bool{
		"agent_execution_duration_seconds": true, "operation_duration_seconds": false, "native_values": true,
	} {
		for _, m := range gather(t, family) {
			native := m.GetHistogram().GetZeroThreshold() > 0
			if has(m, []string{"operation=Native.agent"}) && native != want || has(m, []string{"operation=Native.internal"}) && native != want ||
				family == "native_values" && !native {
				t.Errorf("%s: native %v, want %v, beside %d buckets", family, native, want, len(m.GetHistogram().GetBucket()))
			}
			if len(m.GetHistogram().GetBucket()) == 0 {
				t.Errorf("%s has no classic buckets", family)
			}
		}
	}
}
