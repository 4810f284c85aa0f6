package orchestrall_test

import (
	"testing"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

func TestUnsampledRootsEndWithTheirProvider(t *testing.T) {
	spans(t)
	if _, ok := orchestrall.UnsampledRoot(); ok {
		t.Error("nobody has said that roots are not sampled")
	}
	orchestrall.SetRootsSampled(false)
	t.Cleanup(func() { orchestrall.SetRootsSampled(true) })
	a, ok := orchestrall.UnsampledRoot()
	b, _ := orchestrall.UnsampledRoot()
	if !ok || !a.IsValid() || a.IsSampled() || a.TraceID() == b.TraceID() {
		t.Errorf("%v %v, %v", a, b, ok)
	}
	orchestrall.SetTracing(false)
	if _, ok := orchestrall.UnsampledRoot(); ok {
		t.Error("ids without tracing")
	}
	orchestrall.SetTracing(true)
	spans(t) // another provider
	if _, ok := orchestrall.UnsampledRoot(); ok {
		t.Error("the new provider was not asked")
	}
}
