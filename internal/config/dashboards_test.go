package config

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestDashboards(t *testing.T) {
	c := parse(t, "dashboards: ./deployment/rules\n")
	if want := filepath.Join(c.Root, "deployment", "rules"); c.Dashboards != want || c.Runbook != "" {
		t.Errorf("got %q, %q", c.Dashboards, c.Runbook)
	}
	c = parse(t, "dashboards:\n  folder: rules\n  runbook: https://example.com/runbook\n")
	if want := filepath.Join(c.Root, "rules"); c.Dashboards != want || c.Runbook != "https://example.com/runbook" {
		t.Errorf("got %q, %q", c.Dashboards, c.Runbook)
	}
	for text, want := range map[string]string{
		"dashboards: [a]\n":                           `1:13: dashboards: must be a text, not a list; write a text`,
		"dashboards:\n  runbook: https://a.example\n": "2:3: dashboards without a folder; add folder:",
		"dashboards:\n  folder: a\n  runbook: here\n": `3:12: runbook: "here" is no address; write an address such as https://example.com/runbook, without #`,
		"dashboards:\n  foldr: a\n":                   `2:3: unknown key "foldr" in dashboards; did you mean folder?`,
	} {
		_, problems := Parse("x.yaml", []byte(text))
		if len(problems) != 1 || !strings.HasSuffix(problems[0].String(), want) {
			t.Errorf("%q: %v, want %s", text, problems, want)
		}
	}
}

// Where rules are written changes nothing that is built.
func TestDashboardsAreNotHashed(t *testing.T) {
	if parse(t, "dashboards: a\n").Hash() != parse(t, "bootstrap: true\n").Hash() {
		t.Error("the hash depends on dashboards")
	}
}
