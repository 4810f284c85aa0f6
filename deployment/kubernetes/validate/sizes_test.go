package validate

import (
	"testing"

	"github.com/orchestrall/orchestrall/internal/cost"
	"k8s.io/apimachinery/pkg/api/resource"
)

// The Collectors of overlays/scaled have the cores that the model plans for ten
// thousand spans a second, as the documentation says.
func TestSizesAreThoseOfTheModel(t *testing.T) {
	var cores resource.Quantity
	for _, w := range read(t, "scaled", sources(t)["scaled"]).workloads {
		if w.name == "collector" || w.name == "collector-gateway" {
			for range w.replicas {
				cores.Add(*w.template.Spec.Containers[0].Resources.Limits.Cpu())
			}
		}
	}
	planned := cost.Of(cost.LoadAt(10_000), cost.DefaultPrices()).Parts[0]
	if got, want := cores.AsApproximateFloat64(), float64(planned.Replicas)*planned.VCPU; planned.Name != "Collector" || got != want {
		t.Errorf("%v cores, the model plans %v for the %s", got, want, planned.Name)
	}
}
