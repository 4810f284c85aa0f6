package catalog

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orchestrall/orchestrall/instrument"
)

func sample() *Catalog {
	c := &Catalog{Title: "example.com/app", Operations: []Operation{
		New(instrument.Operation{
			Name: "Store.Find", SpanName: "find {key}", Kind: "db", Metric: "database_query_duration_seconds",
			Package: "example.com/app/store", Function: "example.com/app/store.(*Store).Find", File: "store/store.go", Line: 6, Context: true,
		}, "/app", nil),
		New(instrument.Operation{
			Name: "Run|all <b>", SpanName: "Run|all <b>", Kind: "agent", Metric: "agent_execution_duration_seconds",
			Labels: []string{"agent_type"}, Attributes: []string{"a.b"}, Carried: []string{"userId"}, Log: "warn",
			Slow: 2 * time.Minute, Hang: time.Hour, SLO: "99.9@2s", Min: time.Millisecond, Sample: "0.5",
			Package: "example.com/app", Function: "example.com/app.Run", File: "run.go", Line: 3, Context: true,
		}, "/app", []string{"@org/agents", "a@example.com"}),
		New(instrument.Operation{
			Name: "quiet", SpanName: "quiet", Kind: "internal", Metric: "off", Log: "off", Labels: []string{"x"},
			Package: "example.com/app", Function: "example.com/app.quiet", File: "run.go", Line: 9,
		}, "/app", nil),
	}}
	c.Sort()
	return c
}

func TestTable(t *testing.T) {
	got := string(sample().Table(Operation.Where))
	want := `KIND      OPERATION    METRIC                            LABELS      SLOW  HANG  SLO      LOG    OWNER                      WHERE
agent     Run|all <b>  agent_execution_duration_seconds  agent_type  2m    1h    99.9@2s  warn   @org/agents a@example.com  run.go:3
internal  quiet        -                                 -           -     -     -        off    -                          run.go:9
db        Store.Find   database_query_duration_seconds   -           -     -     -        debug  -                          store/store.go:6
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMarkdown(t *testing.T) {
	got := string(sample().Markdown())
	want := "# Operations of example.com/app\n\n3 operations: 1 agent, 1 db, 1 internal.\n\n## example.com/app\n\n" +
		"| operation | kind | span | metric and labels | attributes | limits | log | owner | place |\n|---|---|---|---|---|---|---|---|---|\n" +
		"| `Run\\|all <b>` | agent | `Run\\|all <b>` | `agent_execution_duration_seconds` by `operation`, `status`, `agent_type` | `a.b`; carried: `userId` | slow=2m, hang=1h, slo=99.9@2s, min=1ms, sample=0.5 | warn, start too | @org/agents a@example.com | `run.go:3` |\n" +
		"| `quiet` | internal | `quiet` |  |  |  | off |  | `run.go:9` |\n" +
		"\n## example.com/app/store\n\n" +
		"| operation | kind | span | metric and labels | attributes | limits | log | owner | place |\n|---|---|---|---|---|---|---|---|---|\n" +
		"| `Store.Find` | db | `find {key}` | `database_query_duration_seconds` by `operation`, `status` |  |  | debug |  | `store/store.go:6` |\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestJSON(t *testing.T) {
	got, err := sample().JSON()
	if err != nil {
		t.Fatal(err)
	}
	var ops []map[string]any
	if err := json.Unmarshal(got, &ops); err != nil {
		t.Fatal(err)
	}
	if ops[0]["slow"] != "2m" || ops[0]["slo"].(map[string]any)["limit"] != "2s" || ops[0]["log"].(map[string]any)["start"] != true {
		t.Errorf("got %s", got)
	}
	if _, found := ops[1]["metric"]; found || ops[1]["labels"] != nil || ops[1]["slow"] != nil || ops[1]["root"] != true {
		t.Errorf("an operation without a metric: %v", ops[1])
	}
	empty, err := (&Catalog{}).JSON()
	if string(empty) != "[]\n" || err != nil {
		t.Errorf("got %s, %v", empty, err)
	}
}

// What a directive says reaches the page as text, and the page fetches nothing.
func TestPage(t *testing.T) {
	c := sample()
	got, err := c.Page()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Run|all &lt;b&gt;", `data-search="run|all &lt;b&gt; `, "@org/agents", "slo=99.9@2s", `aria-pressed="false" data-kind="agent">agent <span>1</span>`} {
		if !bytes.Contains(got, []byte(want)) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if bytes.Contains(got, []byte("<b>")) {
		t.Error("text of a directive became a tag")
	}
	if found := regexp.MustCompile(`(?i)\b(src|href)=|url\(|@import|https?://|ZgotmplZ`).Find(got); found != nil {
		t.Errorf("the page holds %q", found)
	}
	again, err := c.Page()
	if err != nil || !bytes.Equal(got, again) {
		t.Error("the page is not the same twice")
	}
}

func TestLimit(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"": 0, "2m": 2 * time.Minute, "1h": time.Hour, "1h30m": 90 * time.Minute, "1m30s": 90 * time.Second,
		"300ms": 300 * time.Millisecond, "10s": 10 * time.Second, "20m": 20 * time.Minute,
	} {
		if got := Limit(d).String(); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

func TestOwners(t *testing.T) {
	const text = `# who answers
*            @org/all   # the rest
*.sql        @org/data
/build/logs/ @org/ops
docs/*       docs@example.com
apps/        @octocat
/api         @org/api
/api/free
**/logs      @org/logs
/a/**/z.go   @org/deep
with\ space/ @org/space
!x.go        @org/never
[abc].go     @org/never
`
	o, ds := ParseOwners("CODEOWNERS", []byte(text))
	for path, want := range map[string]string{
		"main.go": "@org/all", "deep/in/a/file.go": "@org/all", "q/x.sql": "@org/data",
		"build/logs/x/y": "@org/ops", "other/build/logs2/x": "@org/all", "logs/x": "@org/logs", "q/logs/x": "@org/logs",
		"docs/a.md": "docs@example.com", "docs/sub/a.md": "@org/all", "q/apps/x/y": "@octocat", "apps/x": "@octocat",
		"api/api.go": "@org/api", "api2/x": "@org/all", "q/api/x": "@org/all", "api/free/x.go": "", "a/z.go": "@org/deep", "a/b/c/z.go": "@org/deep",
		"with space/x": "@org/space", "x.go": "@org/all",
	} {
		if path == "build/logs/x/y" {
			want = "@org/logs" // **/logs stands below /build/logs/
		}
		if got := strings.Join(o.Of(path), " "); got != want {
			t.Errorf("%s is owned by %q, want %q", path, got, want)
		}
	}
	if len(ds) != 2 || ds[0].Pos.Line != 12 || ds[0].Severity != instrument.Warning {
		t.Errorf("diagnostics: %v", ds)
	}
	if got := (*Owners)(nil).Of("x"); got != nil {
		t.Errorf("without a file: %v", got)
	}
}

func TestOwnersSections(t *testing.T) {
	o, ds := ParseOwners("CODEOWNERS", []byte("* @all\n[Data][2] @data @dba # both\n*.sql\n/store/ @store\n^[Docs]\n*.md @docs\n"))
	for path, want := range map[string]string{"a.go": "@all", "a.sql": "@all @data @dba", "store/a.sql": "@all @store", "a.md": "@all @docs"} {
		if got := strings.Join(o.Of(path), " "); got != want {
			t.Errorf("%s is owned by %q, want %q", path, got, want)
		}
	}
	if len(ds) > 0 {
		t.Errorf("diagnostics: %v", ds)
	}
}

// families reads what the runtime's source says of each kind: the table is not
// exported, and lies in another module.
func families(t *testing.T) (found map[string]map[string]ast.Expr, buckets map[string][]float64) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", "runtime", "kind.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found, buckets = make(map[string]map[string]ast.Expr), make(map[string][]float64)
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if ok && strings.HasSuffix(spec.Names[0].Name, "Seconds") || ok && spec.Names[0].Name == "secondsToMinutes" {
			for _, elt := range spec.Values[0].(*ast.CompositeLit).Elts {
				bound, err := strconv.ParseFloat(elt.(*ast.BasicLit).Value, 64)
				if err != nil {
					t.Fatal(err)
				}
				buckets[spec.Names[0].Name] = append(buckets[spec.Names[0].Name], bound)
			}
		}
		if !ok || spec.Names[0].Name != "families" {
			return true
		}
		for _, elt := range spec.Values[0].(*ast.CompositeLit).Elts {
			entry := elt.(*ast.KeyValueExpr)
			fields := make(map[string]ast.Expr)
			for _, f := range entry.Value.(*ast.CompositeLit).Elts {
				fields[f.(*ast.KeyValueExpr).Key.(*ast.Ident).Name] = f.(*ast.KeyValueExpr).Value
			}
			found[strings.ToLower(entry.Key.(*ast.Ident).Name)] = fields
		}
		return false
	})
	return found, buckets
}

func TestKindsAreThoseOfTheRuntime(t *testing.T) {
	runtime, buckets := families(t)
	if len(runtime) != len(kinds) || len(kindOrder) != len(kinds) {
		t.Errorf("the runtime has %d kinds, the catalog %d in an order of %d", len(runtime), len(kinds), len(kindOrder))
	}
	for name, fields := range runtime {
		level, ok := fields["level"].(*ast.SelectorExpr)
		if !ok || strings.ToLower(strings.TrimPrefix(level.Sel.Name, "Level")) != kinds[name].level {
			t.Errorf("%s: the catalog has the level %q", name, kinds[name].level)
		}
		if list, ok := fields["buckets"].(*ast.Ident); !ok || !slices.Equal(buckets[list.Name], kinds[name].buckets) {
			t.Errorf("%s: the catalog has the buckets %v, the runtime %v", name, kinds[name].buckets, buckets[list.Name])
		}
	}
}

func TestCoverage(t *testing.T) {
	for want, c := range map[string]*Coverage{
		"0 of 0 exported functions with a context or an error result traced (100 %)":         {},
		"1 of 1 exported function with a context or an error result traced (100 %)":          {Traced: 1},
		"2 of 3 exported functions with a context or an error result traced (66.6 %)":        {Traced: 2, Missing: make([]Missing, 1)},
		"9999 of 10000 exported functions with a context or an error result traced (99.9 %)": {Traced: 9999, Missing: make([]Missing, 1)},
		"0 of 2 exported functions with a context or an error result traced (0 %)":           {Missing: make([]Missing, 2)},
	} {
		if got := c.Summary(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
