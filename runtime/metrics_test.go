package orchestrall_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

func TestFamilies(t *testing.T) {
	for kind, family := range map[orchestrall.Kind]string{
		orchestrall.Agent: "agent_execution_duration_seconds", orchestrall.Workflow: "workflow_execution_duration_seconds",
		orchestrall.Step: "workflow_step_duration_seconds", orchestrall.Tool: "tool_execution_duration_seconds",
		orchestrall.LLM: "llm_request_duration_seconds", orchestrall.Server: "http_request_duration_seconds",
		orchestrall.Client: "client_request_duration_seconds", orchestrall.DB: "database_query_duration_seconds",
		orchestrall.Internal: "operation_duration_seconds", "": "operation_duration_seconds",
	} {
		name := "Family." + string(kind)
		o := operation(orchestrall.Spec{Name: name, Kind: kind})
		call := o.StartRoot()
		call.End()
		if n := count(t, family, "operation="+name, "status=success"); n != 1 {
			t.Errorf("%s counted %d calls of kind %q", family, n, kind)
		}
	}
}

func TestMetricNames(t *testing.T) {
	run := func(metric string) {
		o := operation(orchestrall.Spec{Name: "Named.Metric", Kind: orchestrall.DB, Metric: metric})
		call := o.StartRoot()
		call.End()
	}
	run("orders.placed-seconds")
	run("off")
	run("agent_execution_duration_seconds")
	if n := count(t, "orders_placed_seconds", "operation=Named.Metric"); n != 1 {
		t.Errorf("%d calls under the custom name", n)
	}
	if n := count(t, "database_query_duration_seconds", "operation=Named.Metric"); n != 0 {
		t.Errorf("%d calls under the kind's name", n)
	}
}

func TestSeriesExistBeforeTheFirstCall(t *testing.T) {
	operation(orchestrall.Spec{Name: "Never.Called"})
	n := 0
	for _, m := range gather(t, "operation_duration_seconds") {
		if has(m, []string{"operation=Never.Called"}) {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d series, want success and failed", n)
	}
}

func label(key string) orchestrall.Field { return orchestrall.Field{Role: orchestrall.Label, Key: key} }

func TestSameNameSharesSeries(t *testing.T) {
	late := label("b")
	late.AtEnd = true
	fields := func(i int) orchestrall.Value { return of([]string{"one", "two"}[i]) }
	one := operation(orchestrall.Spec{Name: "Shared.Op", Fields: []orchestrall.Field{label("a"), label("b")}})
	call := one.StartRoot(fields)
	call.End()
	// The same labels in another order and known at another time.
	two := operation(orchestrall.Spec{Name: "Shared.Op", Fields: []orchestrall.Field{late, label("a")}})
	swapped := func(i int) orchestrall.Value { return of([]string{"two", "one"}[i]) }
	call = two.StartRoot(swapped)
	call.End(swapped)
	three := operation(orchestrall.Spec{Name: "Shared.Op", Fields: []orchestrall.Field{{Role: orchestrall.Label, Key: "a", AtEnd: true}, label("b")}})
	call = three.StartRoot(fields)
	call.End(fields)
	if n := count(t, "operation_duration_seconds", "operation=Shared.Op", "a=one", "b=two"); n != 3 {
		t.Errorf("%d calls in the shared series, want 3", n)
	}
}

func TestLabelValues(t *testing.T) {
	o := operation(orchestrall.Spec{Name: "Label.Values", Fields: []orchestrall.Field{label("v")}})
	run := func(fill func(int) orchestrall.Value) { call := o.StartRoot(fill); call.End() }
	for _, v := range []orchestrall.Value{of("text"), of(404), of(true), of(1.5), of("\xff"), of(strings.Repeat("x", 1<<20)), of("")} {
		run(func(int) orchestrall.Value { return v })
		run(func(int) orchestrall.Value { return v })
	}
	run(func(int) orchestrall.Value { panic("no label") })
	for _, want := range []string{"text", "404", "true", "1.5", "\uFFFD", strings.Repeat("x", 256), ""} {
		if n := count(t, "operation_duration_seconds", "operation=Label.Values", "v="+want); n != 2 {
			t.Errorf("%d calls with label %.10q", n, want)
		}
	}
	if n := count(t, "operation_duration_seconds", "operation=Label.Values", "v=<error>"); n != 1 {
		t.Errorf("%d calls with a broken label", n)
	}
}

func TestLabelNames(t *testing.T) {
	o := operation(orchestrall.Spec{Name: "Label.Names", Fields: []orchestrall.Field{
		label("status"), label("agent.type"), label("le"), label("agent_type"), label("api_key"), label(""),
	}})
	call := o.StartRoot(func(int) orchestrall.Value { return of("x") })
	call.End()
	if n := count(t, "operation_duration_seconds", "operation=Label.Names", "status=success",
		"label_status=x", "agent_type=x", "label_le=x", "api_key=[redacted]"); n != 1 {
		t.Errorf("%d calls", n)
	}
}

func TestLabelOverflow(t *testing.T) {
	o := operation(orchestrall.Spec{Name: "Label.Overflow", Fields: []orchestrall.Field{label("v"), label("w")}})
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 500 {
				call := o.StartRoot(func(f int) orchestrall.Value {
					if f == 0 {
						return of(fmt.Sprintf("value-%d", (i+g)%500))
					}
					return of("same")
				})
				call.End()
			}
		})
	}
	wg.Wait()
	values := map[string]bool{}
	for _, m := range gather(t, "operation_duration_seconds") {
		if !has(m, []string{"operation=Label.Overflow"}) {
			continue
		}
		for _, l := range m.GetLabel() {
			if l.GetName() == "v" {
				values[l.GetValue()] = true
			}
		}
	}
	calls := count(t, "operation_duration_seconds", "operation=Label.Overflow")
	if len(values) != 101 || !values["other"] || calls != 2000 {
		t.Errorf("%d values, other: %v, %d calls", len(values), values["other"], calls)
	}
	other := count(t, "operation_duration_seconds", "operation=Label.Overflow", "v=other")
	if n := count(t, "orchestrall_label_overflow_total", "operation=Label.Overflow", "label=v"); n != other || n == 0 {
		t.Errorf("%d overflows were counted for %d calls", n, other)
	}
}

func TestManyLabelsAreBounded(t *testing.T) {
	o := operation(orchestrall.Spec{Name: "Label.Product", Fields: []orchestrall.Field{label("a"), label("b"), label("c")}})
	for i := range 60_000 {
		call := o.StartRoot(func(f int) orchestrall.Value {
			return of([]int{i % 100, i / 100 % 100, i / 10_000}[f])
		})
		call.End()
	}
	n := 0
	for _, m := range gather(t, "operation_duration_seconds") {
		if has(m, []string{"operation=Label.Product"}) {
			n++
		}
	}
	if n > 2*20_000 {
		t.Errorf("%d series", n)
	}
}

func TestOwnRegistry(t *testing.T) {
	o := operation(orchestrall.Spec{Name: "Own.Registry"})
	call := o.StartRoot()
	call.End()
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(orchestrall.Collector())
	if _, err := r.Gather(); err != nil {
		t.Error(err)
	}
}

func TestCallsWithoutFillKeepTheirLabels(t *testing.T) {
	o := operation(orchestrall.Spec{Name: "Label.NoFill", Fields: []orchestrall.Field{label("v")}})
	_, call := o.Start(context.Background())
	call.End()
	if n := count(t, "operation_duration_seconds", "operation=Label.NoFill", "v="); n != 1 {
		t.Errorf("%d calls", n)
	}
}
