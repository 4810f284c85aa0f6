package orchestrall_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

func TestDiscardedCallsAreNotCounted(t *testing.T) {
	recorder := spans(t)
	lines := logs(t, slog.LevelDebug, true)
	o := operation(orchestrall.Spec{Name: "Discard.Call", Kind: orchestrall.DB})
	func() {
		err := errors.New("not here")
		_, call := o.Start(context.Background())
		defer call.EndErr(&err)
		call.Discard()
		call.Discard()
	}()
	if s := only(t, recorder); attr(s, orchestrall.DropKey) != "true" {
		t.Errorf("attributes are %v", s.Attributes())
	}
	if n := count(t, "database_query_duration_seconds", "operation=Discard.Call"); n != 0 {
		t.Errorf("counted %d times", n)
	}
	for _, m := range gather(t, "operations_in_flight") {
		if has(m, []string{"operation=Discard.Call"}) && m.GetGauge().GetValue() != 0 {
			t.Errorf("still in flight: %v", m)
		}
	}
	if l := lines.lines(t); len(l) != 0 {
		t.Errorf("lines %v", l)
	}
	var zero orchestrall.Call
	zero.Discard()
}
