package integration

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	"go.yaml.in/yaml/v3"
)

// In Kubernetes panels and alerts call containers by their pods, as they call
// those of Compose by their names; sums over pods and whole nodes have no name.
func TestContainersAreCalledByTheirPods(t *testing.T) {
	src, err := os.ReadFile(filepath.Join(deployment, "prometheus", "prometheus.kubernetes.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		Jobs []struct {
			Name  string            `yaml:"job_name"`
			Rules []*relabel.Config `yaml:"metric_relabel_configs"`
		} `yaml:"scrape_configs"`
	}
	if err := yaml.Unmarshal(src, &f); err != nil {
		t.Fatal(err)
	}
	var rules []*relabel.Config
	for _, job := range f.Jobs {
		if job.Name == "cadvisor" {
			rules = job.Rules
		}
	}
	for _, r := range rules {
		if err := r.Validate(model.UTF8Validation); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		what, want string
		of         labels.Labels
	}{
		{"a container", "shop/platform-0/platform", labels.FromStrings("namespace", "shop", "pod", "platform-0", "container", "platform", "name", "5f2a")},
		{"what holds a pod's network", "", labels.FromStrings("namespace", "shop", "pod", "platform-0", "name", "77c1")},
		{"a pod", "", labels.FromStrings("namespace", "shop", "pod", "platform-0", "id", "/kubepods/pod1")},
		{"a node", "", labels.FromStrings("id", "/")},
	} {
		b := labels.NewBuilder(c.of)
		if !relabel.ProcessBuilder(b, rules...) || b.Get("name") != c.want {
			t.Errorf("%s is called %q", c.what, b.Get("name"))
		}
	}
}
