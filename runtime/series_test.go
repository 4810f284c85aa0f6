package orchestrall_test

import (
	"testing"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

func TestSeries(t *testing.T) {
	o := operation(orchestrall.Spec{Name: "Series.Used", Fields: []orchestrall.Field{
		{Role: orchestrall.Label, Key: "b", AtEnd: true}, {Role: orchestrall.Label, Key: "a", AtEnd: true},
	}})
	other := operation(orchestrall.Spec{Name: "Series.Other"})
	call := func(s orchestrall.Series) {
		c := o.StartRoot()
		c.Use(s)
		c.End(func(int) orchestrall.Value { return of("filled") })
	}
	used := func(labels ...string) uint64 {
		return count(t, "operation_duration_seconds", append(labels, "operation=Series.Used")...)
	}
	s := o.Series(of("x"), of("y"))
	before := used("a=x", "b=y")
	call(s)
	if n := used("a=x", "b=y"); n != before+1 {
		t.Errorf("%d calls in the series", n-before)
	}
	before = used("a=filled", "b=filled")
	call(orchestrall.Series{})
	call(other.Series())
	call(o.Series(of("too few")))
	if n := used("a=filled", "b=filled"); n != before+3 {
		t.Errorf("%d calls by their fields, want 3", n-before)
	}
}
