package dashboards

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"golang.org/x/tools/txtar"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/catalog"
)

var update = flag.Bool("update", false, "write what is built into the golden file")

func op(name, kind, metric string, slow time.Duration, slo string, labels ...string) catalog.Operation {
	return catalog.New(instrument.Operation{
		Name: name, SpanName: name, Kind: kind, Metric: metric, Labels: labels, Slow: slow, SLO: slo,
		Package: "example.com/app", Function: "example.com/app." + name, File: "app.go", Line: 7, Context: true,
	}, "/app", nil)
}

func agents() *catalog.Catalog {
	run := op("AgentService.Run", "agent", "agent_execution_duration_seconds", 10*time.Second, "99.9@2.5s", "agent_type")
	run.Hang = catalog.Limit(5 * time.Minute)
	run.Owners = []string{"@org/agents", "@kim"}
	return &catalog.Catalog{Title: "example.com/app", Operations: []catalog.Operation{
		run,
		op("AgentService.Stream", "agent", "agent_execution_duration_seconds", 0, ""),
		op("Store.Find", "db", "database_query_duration_seconds", 0, ""),
		op("quiet", "internal", "off", 0, ""),
	}}
}

// odd holds what can go wrong: quotes in names, limits beyond the buckets,
// objectives that can't burn fast, metrics of one's own, shared names.
func odd() *catalog.Catalog {
	stuck := op(`stuck "op"`, "tool", "off", 0, "")
	stuck.Hang = catalog.Limit(time.Hour)
	return &catalog.Catalog{Title: "example.com/odd", Operations: []catalog.Operation{
		op(`say "hi"|\ there`, "server", "http_request_duration_seconds", 2*time.Second, "99.95@1s", "route", "method"),
		op("Half", "llm", "llm_request_duration_seconds", 0, "50@2s"),
		op("Tenth", "llm", "llm_request_duration_seconds", 0, "90@3s"),
		op("Forever", "db", "database_query_duration_seconds", time.Hour, "99@1h"),
		op("Instant", "agent", "agent_execution_duration_seconds", time.Millisecond, "99@1ms"),
		op("Own", "tool", "my:tool_seconds", time.Second, ""),
		op("Own", "tool", "my:tool_seconds", 3*time.Second, "99@4s", "x"),
		op("Silent", "tool", "off", time.Second, ""),
		stuck, stuck,
	}}
}

func build(t *testing.T, c *catalog.Catalog, opt Options) (map[string]string, []string) {
	t.Helper()
	files, ds, err := Build(c, opt)
	if err != nil {
		t.Fatal(err)
	}
	again, _, _ := Build(c, opt)
	if diff := cmp.Diff(files, again); diff != "" {
		t.Errorf("not the same twice: %s", diff)
	}
	all := make(map[string]string)
	for _, f := range files {
		all[f.Name] = string(f.Src)
	}
	var texts []string
	for _, d := range ds {
		if d.Severity != instrument.Warning || d.Pos.Line != 7 {
			t.Errorf("%+v", d)
		}
		texts = append(texts, d.Message+"; "+d.Fix)
	}
	return all, texts
}

func TestGolden(t *testing.T) {
	files, ds, err := Build(agents(), Options{Runbook: "https://example.com/runbook"})
	if err != nil || len(ds) > 0 {
		t.Fatal(err, ds)
	}
	golden := filepath.Join("testdata", "agents.txtar")
	var got txtar.Archive
	for _, f := range files {
		if strings.HasSuffix(f.Name, ".json") {
			continue // in boards_test.go
		}
		got.Files = append(got.Files, txtar.File{Name: f.Name, Data: f.Src})
	}
	if *update {
		if err := os.WriteFile(golden, txtar.Format(&got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(txtar.Format(&got))); diff != "" {
		t.Error(diff)
	}
}

// Prometheus's own tool accepts the rules and finds every alert that the unit
// tests wait for.
func TestPromtool(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not in PATH: the rules are not run. Debian has it in the package prometheus")
	}
	for name, c := range map[string]*catalog.Catalog{"agents": agents(), "odd": odd(), "empty": {Title: "example.com/empty"}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			files, _ := build(t, c, Options{})
			for name, src := range files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(src), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			for _, args := range [][]string{{"check", "rules", "--lint-fatal", RecordingFile, AlertingFile}, {"test", "rules", TestFile}} {
				cmd := exec.Command(promtool, args...)
				cmd.Dir = dir
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
				}
			}
		})
	}
}

// The unit tests have teeth: they fail on rules whose thresholds are wrong.
func TestPromtoolFindsWrongRules(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not in PATH: the rules are not run. Debian has it in the package prometheus")
	}
	files, _ := build(t, agents(), Options{})
	for name, change := range map[string][2]string{
		"error rate": {"_failed:ratio_rate5m > 0.1", "_failed:ratio_rate5m > 1.1"},
		"latency":    {"} > 10", "} > 1e4"},
		"calm":       {"_failed:ratio_rate5m > 0.1", "_failed:ratio_rate5m >= 0"},
		"stuck":      {"}) > 0", "}) > 5"},
		"burn":       {"} > 0.0144", "} >= 0"},
	} {
		dir := t.TempDir()
		for file, src := range files {
			if file == AlertingFile {
				changed := strings.ReplaceAll(src, change[0], change[1])
				if changed == src {
					t.Fatalf("%s: nothing to change", name)
				}
				src = changed
			}
			if err := os.WriteFile(filepath.Join(dir, file), []byte(src), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command(promtool, "test", "rules", TestFile)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err == nil {
			t.Errorf("%s: the tests pass\n%s", name, out)
		}
	}
}

func TestLimitsThatBucketsCannotTell(t *testing.T) {
	files, got := build(t, odd(), Options{})
	want := []string{
		"Tenth: slo=90@3s counts calls up to 4s as good, the next bucket of llm_request_duration_seconds; write 2s or 4s to be exact",
		"Forever: slow=1h gets no alert: the largest bucket of database_query_duration_seconds ends at 5s; choose a kind of longer calls, or a shorter limit",
		"Forever: slo=99@1h counts failures only: the largest bucket of database_query_duration_seconds ends at 5s; choose a kind of longer calls",
		"Instant: slow=1ms alerts at 0.1s, where the smallest bucket of agent_execution_duration_seconds ends; choose a kind of shorter calls",
		"Instant: slo=99@1ms counts calls up to 0.1s as good, the next bucket of agent_execution_duration_seconds; write 0.1s to be exact",
		"Silent: slow= and slo= get no alert, because it has no metric; take metric=off away",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var rules ruleFile
	if err := yaml.Unmarshal([]byte(files[AlertingFile]), &rules); err != nil {
		t.Fatal(err)
	}
	count := make(map[string]int)
	for _, r := range rules.Groups[0].Rules {
		if strings.Contains(r.Expr, `"Half"`) {
			count["Half"]++
		}
		if strings.Contains(r.Expr, `"Forever"`) {
			count[r.Alert]++
		}
		if r.Annotations["runbook_url"] != DefaultRunbook+"#"+strings.ToLower(r.Alert) {
			t.Errorf("%s: %v", r.Alert, r.Annotations)
		}
	}
	// Half of the calls may be bad: more than twice the budget is not possible.
	if count["Half"] != 1 || count[slowCalls] != 0 || count[errorBudgetBurn] != 4 {
		t.Errorf("alerts: %v", count)
	}
}

// The reference names nothing that the runtime does not report.
func TestOwnMetricsAreThoseOfTheRuntime(t *testing.T) {
	var sources []byte
	err := filepath.WalkDir(filepath.Join("..", "..", "runtime"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		src, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		sources = append(sources, src...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range ownMetrics {
		if !bytes.Contains(sources, []byte(`"`+m.name+`"`)) {
			t.Errorf("the runtime has no metric %s", m.name)
		}
	}
}

// Every alert has its section in the runbook that it points to.
func TestRunbook(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "alerts.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range alertNames {
		if !bytes.Contains(text, []byte("\n## "+name+"\n")) {
			t.Errorf("docs/alerts.md has no section %s", name)
		}
	}
}

// The text formats write whole bounds in two ways.
func TestBucketLabel(t *testing.T) {
	for bound, want := range map[float64]string{0: `le="+Inf"`, 2.5: `le="2.5"`, .0005: `le="0.0005"`, 10: `le=~"10(\\.0)?"`, 1800: `le=~"1800(\\.0)?"`} {
		if got := bucketLabel(bound); got != want {
			t.Errorf("%v: got %s, want %s", bound, got, want)
		}
	}
}
