package validate

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// The dashboards of a service with everything in it, those of the example
// platform, and those that come with the stack.
var folders = []string{
	filepath.Join("..", "testdata"),
	filepath.Join("..", "..", "..", "examples", "platform", "monitoring"),
	filepath.Join("..", "..", "..", "deployment", "observability", "grafana", "dashboards"),
}

func dashboards(t *testing.T) []string {
	t.Helper()
	var files []string
	for _, folder := range folders {
		found, err := filepath.Glob(filepath.Join(folder, "*.dashboard.json"))
		if err != nil || len(found) != 4 {
			t.Fatalf("%s: found %v, %v", folder, found, err)
		}
		files = append(files, found...)
	}
	return files
}

// Grafana's types let types of panels and data sources pass that no Grafana has.
func TestTypes(t *testing.T) {
	for _, file := range dashboards(t) {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		type source struct{ Type string }
		var d struct {
			Panels []struct {
				Type, Title string
				Datasource  *source
				Targets     []struct{ Datasource source }
			}
		}
		if err := json.Unmarshal(src, &d); err != nil {
			t.Fatal(err)
		}
		for _, p := range d.Panels {
			if !slices.Contains([]string{"row", "stat", "timeseries", "logs"}, p.Type) {
				t.Errorf("%s: %s is a %q", file, p.Title, p.Type)
			}
			for _, target := range p.Targets {
				if p.Datasource == nil || target.Datasource.Type != p.Datasource.Type || !slices.Contains([]string{"prometheus", "loki"}, target.Datasource.Type) {
					t.Errorf("%s: %s asks a %q", file, p.Title, target.Datasource.Type)
				}
			}
		}
	}
}

// Grafana's types know every field of the dashboards, and find none missing.
func TestDashboards(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	for _, file := range dashboards(t) {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d dashboard.Dashboard
		// Success is an error without text in this version.
		if err := d.UnmarshalJSONStrict(src); err != nil && err.Error() != "" {
			t.Errorf("%s: %v", file, err)
		}
		if err := d.Validate(); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if len(d.Panels) == 0 {
			t.Errorf("%s has no panels", file)
		}
	}
}
