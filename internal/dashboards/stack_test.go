package dashboards

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var stackDir = filepath.Join("..", "..", "deployment", "observability")

// What is delivered is what Stack writes; -update writes it.
func TestStack(t *testing.T) {
	files, err := Stack()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		path := filepath.Join(stackDir, "grafana", "dashboards", f.Name)
		if *update {
			if err := os.WriteFile(path, f.Src, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(f.Src)); diff != "" {
			t.Errorf("%s: %s", f.Name, diff)
		}
	}
}

func stackBoards(t *testing.T) map[string]*board {
	t.Helper()
	files, err := Stack()
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]*board)
	for _, f := range files {
		b := new(board)
		if err := json.Unmarshal(f.Src, b); err != nil {
			t.Fatal(err)
		}
		found[f.Name] = b
	}
	return found
}

// A panel of Loki asks Loki with every query, one of Prometheus none.
func TestStackSources(t *testing.T) {
	uids := make(map[string]string)
	for name, b := range stackBoards(t) {
		if other, ok := uids[b.UID]; ok {
			t.Errorf("%s and %s have the uid %s", name, other, b.UID)
		}
		uids[b.UID] = name
		logs := 0
		for _, p := range b.Panels {
			if !slices.Contains([]string{"row", "stat", "timeseries", "logs"}, p.Type) {
				t.Errorf("%s: %s has the type %s", name, p.Title, p.Type)
			}
			for _, q := range p.Targets {
				if q.Datasource != *p.Datasource {
					t.Errorf("%s: %s asks %v and %v", name, p.Title, *p.Datasource, q.Datasource)
				}
				if isLogs := strings.Contains(q.Expr, "{service=~"); isLogs != (q.Datasource == loki) {
					t.Errorf("%s: %s asks %s: %s", name, p.Title, q.Datasource.Type, q.Expr)
				}
			}
			if p.Type == "logs" {
				logs++
			}
		}
		if logs == 0 {
			t.Errorf("%s shows no log lines", name)
		}
	}
	// Alerts lead to dashboards that exist.
	src, err := os.ReadFile(filepath.Join(stackDir, "prometheus", "rules", "alerting.rules.yml"))
	if err != nil {
		t.Fatal(err)
	}
	links := regexp.MustCompile(`dashboard: (\S+)`).FindAllStringSubmatch(string(src), -1)
	if len(links) == 0 {
		t.Fatal("no alert names a dashboard")
	}
	for _, link := range links {
		if uids[link[1]] == "" {
			t.Errorf("no dashboard has the uid %s", link[1])
		}
	}
}
