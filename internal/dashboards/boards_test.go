package dashboards

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/orchestrall/orchestrall/internal/catalog"
)

// everything has operations of each kind, with limits and labels.
func everything() *catalog.Catalog {
	c := &catalog.Catalog{Title: "example.com/platform"}
	for kind, metric := range map[string]string{
		"agent": "agent_execution_duration_seconds", "workflow": "workflow_execution_duration_seconds", "step": "workflow_step_duration_seconds",
		"tool": "tool_execution_duration_seconds", "llm": "llm_request_duration_seconds", "server": "http_request_duration_seconds",
		"client": "client_request_duration_seconds", "db": "database_query_duration_seconds", "internal": "operation_duration_seconds",
	} {
		o := op("Service."+kind, kind, metric, time.Second, "99.9@1s", kind+"_type")
		o.Hang = catalog.Limit(time.Minute)
		c.Operations = append(c.Operations, o)
	}
	slices.SortFunc(c.Operations, func(a, b catalog.Operation) int { return strings.Compare(a.Name, b.Name) })
	return c
}

func boardsOf(t *testing.T, c *catalog.Catalog) map[string]*board {
	t.Helper()
	files, _, err := Build(c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]*board)
	for _, f := range files {
		if strings.HasSuffix(f.Name, ".json") && f.Src != nil {
			b := new(board)
			if err := json.Unmarshal(f.Src, b); err != nil {
				t.Fatal(err)
			}
			found[f.Name] = b
		}
	}
	return found
}

// The golden files are also what the module in validate reads with Grafana's
// own types.
func TestBoardsGolden(t *testing.T) {
	files, _, err := Build(everything(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name, ".json") {
			continue
		}
		golden := filepath.Join("testdata", f.Name)
		if *update {
			if err := os.WriteFile(golden, f.Src, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(f.Src)); diff != "" {
			t.Errorf("%s: %s", f.Name, diff)
		}
	}
}

func TestBoardsAreForWhatIsThere(t *testing.T) {
	for names, c := range map[string]*catalog.Catalog{
		PlatformBoard + " " + SystemBoard:                                                  {Title: "example.com/empty"},
		AgentBoard + " " + PlatformBoard + " " + SystemBoard:                               agents(),
		strings.Join([]string{AgentBoard, PlatformBoard, SystemBoard, WorkflowBoard}, " "): everything(),
	} {
		var got []string
		for name := range boardsOf(t, c) {
			got = append(got, name)
		}
		slices.Sort(got)
		if strings.Join(got, " ") != names {
			t.Errorf("%s: %v, want %s", c.Title, got, names)
		}
	}
}

// Panels lie beside each other, have ids of their own and ask the chosen data
// source.
func TestPanels(t *testing.T) {
	for name, b := range boardsOf(t, everything()) {
		if len(b.UID) > 40 {
			t.Errorf("%s: the uid %s is longer than Grafana takes", name, b.UID)
		}
		taken := make(map[[2]int]string)
		for i, p := range b.Panels {
			if p.ID != i+1 || !slices.Contains([]string{"row", "stat", "timeseries"}, p.Type) {
				t.Errorf("%s: panel %d has the id %d and the type %s", name, i, p.ID, p.Type)
			}
			if p.Type != "row" && (p.Datasource == nil || *p.Datasource != prometheus || p.Description == "" || len(p.Targets) == 0) {
				t.Errorf("%s: %s lacks a data source, a description or queries", name, p.Title)
			}
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
					if other, ok := taken[[2]int{x, y}]; ok || x >= 24 {
						t.Fatalf("%s: %s lies on %s, or beyond the edge", name, p.Title, other)
					}
					taken[[2]int{x, y}] = p.Title
				}
			}
			ids := make(map[string]bool)
			for _, q := range p.Targets {
				if ids[q.RefID] || q.Datasource != prometheus {
					t.Errorf("%s: %s has the query %s twice, or asks %v", name, p.Title, q.RefID, q.Datasource)
				}
				ids[q.RefID] = true
			}
		}
	}
}

// Each query parses, and names only metrics that the runtime, its libraries,
// Prometheus or the recording rules have.
func TestBoardQueries(t *testing.T) {
	var rules ruleFile
	known := map[string]bool{"ALERTS": true}
	for _, name := range []string{ // of the Prometheus client's own collectors
		"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "process_max_fds",
		"go_memstats_heap_inuse_bytes", "go_goroutines", "go_gc_duration_seconds_sum",
	} {
		known[name] = true
	}
	for _, m := range ownMetrics {
		known[m.name] = true
	}
	s, _ := newService(everything(), Options{})
	for _, m := range s.metrics {
		known[m.name+"_count"], known[m.name+"_bucket"], known[m.name+"_sum"] = true, true, true
	}
	for _, g := range s.recording() {
		for _, r := range g.Rules {
			known[r.Record] = true
		}
	}
	metricName := regexp.MustCompile(`([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{|\[)|\b([a-z]+_[a-z_]+(?:_bytes|_fds|_flight|_stuck))\b|^(go_goroutines)$`)
	g := group{Name: "queries"}
	for name, b := range boardsOf(t, everything()) {
		for _, p := range b.Panels {
			for _, q := range p.Targets {
				for _, match := range metricName.FindAllStringSubmatch(q.Expr, -1) {
					if found := match[1] + match[2] + match[3]; !known[found] {
						t.Errorf("%s: %s: nothing reports %s in %s", name, p.Title, found, q.Expr)
					}
				}
				expr := strings.NewReplacer("$__rate_interval", "5m", "$operation", ".*").Replace(q.Expr)
				g.Rules = append(g.Rules, rule{Record: fmt.Sprintf("query:%d", len(g.Rules)), Expr: expr})
			}
		}
	}
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not in PATH: the queries are not parsed. Debian has it in the package prometheus")
	}
	rules.Groups = []group{g}
	src, err := yaml.Marshal(rules)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "queries.yml")
	if err := os.WriteFile(path, src, 0o666); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(promtool, "check", "rules", path).CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}
