package orchestrall_test

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

func TestResolvedCountsUnderItsLabels(t *testing.T) {
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(sdk.NewTracerProvider())
	t.Cleanup(func() { otel.SetTracerProvider(before) })
	o := operation(orchestrall.Spec{Name: "Resolved.Call", Fields: []orchestrall.Field{
		label("zoo"), {Key: "between"}, label("ant"),
	}})
	ctx := below(false)
	r := o.Resolve(of("z"), of("a"))
	call := func() {
		var call orchestrall.Call
		r.Start(ctx, &call, func(int) orchestrall.Value { return of("not asked") })
		defer call.End()
	}
	for range 3 {
		call()
	}
	_, plain := o.Start(ctx, func(i int) orchestrall.Value { return of(map[int]string{0: "z", 2: "a"}[i]) })
	plain.End()
	if n := count(t, "operation_duration_seconds", "operation=Resolved.Call", "zoo=z", "ant=a", "status=success"); n != 4 {
		t.Errorf("counted %d times, want 4", n)
	}
	if n := testing.AllocsPerRun(100, call); n != 0 {
		t.Errorf("%v allocations", n)
	}
	var c orchestrall.Call
	if got := new(orchestrall.Resolved).Start(ctx, &c); got != ctx || c != (orchestrall.Call{}) {
		t.Error("the zero value starts something")
	}
	if got := r.Start(context.Context(nil), &c); got != nil {
		t.Error("a nil context does not stay nil")
	}
	c.End()
}

func TestCallsThatGoOn(t *testing.T) {
	o := operation(orchestrall.Spec{Name: "GoOn.Call"})
	calls := func() uint64 { return count(t, "operation_duration_seconds", "operation=GoOn.Call") }
	var call orchestrall.Call
	func() {
		_, call = o.Start(t.Context())
		defer call.End()
		call.GoOn()
	}()
	if n := calls(); n != 0 {
		t.Errorf("%d calls have ended", n)
	}
	call.End()
	if n := calls(); n != 1 {
		t.Errorf("%d calls have ended, want 1", n)
	}
}
