package orchestrall

import (
	"strings"
	"testing"
)

// A reading that has a monotonic part says so; without it a wall clock that is
// set back would make durations negative and calls hang.
func TestTheWallClockMeasuresNothing(t *testing.T) {
	if !strings.Contains(base.String(), " m=") {
		t.Errorf("durations are measured from %v, which is wall-clock time", base)
	}
	if first, second := now(), now(); second < first {
		t.Errorf("%v came after %v", second, first)
	}
	// AddDate loses the monotonic part, as arithmetic on a calendar must.
	if strings.Contains(base.AddDate(0, 0, 1).String(), " m=") {
		t.Error("the check above proves nothing")
	}
}
