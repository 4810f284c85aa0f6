package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sample = `# what is traced without a comment
bootstrap: false
generate: [./checked/...]
select:
  - package: ./...
    context: true
    directive: kind=internal slow=10s
  - package: ./legacy/...
    exclude: true
  - package: ./legacy/keep
    receiver: "*Service"
    name: Run*
contexts:
  - type: "*example.com/web.Ctx"
    get: "{}.Std()"
    set: "{}.SetStd(ctx)"
upgrades: [google.golang.org/...]
pinned: [golang.org/x/..., ...]
`

func parse(t *testing.T, text string) *Config {
	t.Helper()
	c, problems := Parse(filepath.Join(t.TempDir(), FileName), []byte(text))
	if len(problems) > 0 {
		t.Fatalf("problems: %v", problems)
	}
	return c
}

func TestLaterRuleWins(t *testing.T) {
	c := parse(t, sample)
	fn := func(rel, receiver, name string, context bool) Function {
		return Function{
			ImportPath: "example.com/app/" + rel, Dir: filepath.Join(c.Root, filepath.FromSlash(rel)),
			File: "a.go", Receiver: receiver, Name: name, Exported: true, Context: context,
		}
	}
	for _, test := range []struct {
		name string
		fn   Function
		want string
		ok   bool
	}{
		{"selected by its context", fn("agent", "", "Run", true), "kind=internal slow=10s", true},
		{"no context", fn("agent", "", "Run", false), "", false},
		{"excluded folder", fn("legacy/x", "", "Run", true), "", false},
		{"selected again", fn("legacy/keep", "AgentService", "RunAll", false), "", true},
		{"receiver does not fit", fn("legacy/keep", "Store", "RunAll", true), "", false},
		{"no receiver", fn("legacy/keep", "", "RunAll", true), "", false},
	} {
		got, ok := c.Match(test.fn)
		if ok != test.ok || got.Directive != test.want {
			t.Errorf("%s: got %q, %v", test.name, got.Directive, ok)
		}
		if ok && !got.Pos.IsValid() {
			t.Errorf("%s: no position", test.name)
		}
	}
	if got, _ := c.Match(fn("agent", "", "Run", true)); got.Pos.Line != 7 || got.Pos.Column != 16 {
		t.Errorf("directive stands at %v", got.Pos)
	}
}

func TestEverythingLeavesTestsAndInitAlone(t *testing.T) {
	c := parse(t, "select: [{package: ./...}, {package: ./..., file: '*_test.go', name: TestMain}, {package: ./cmd, name: main}]")
	for _, test := range []struct {
		dir, file, name string
		want            bool
	}{
		{".", "a.go", "Do", true},
		{".", "a.go", "init", false},
		{".", "a.go", "main", false},
		{"cmd", "a.go", "main", true},
		{".", "a_test.go", "TestDo", false},
		{".", "a_test.go", "TestMain", true},
	} {
		_, ok := c.Match(Function{ImportPath: "m", Dir: filepath.Join(c.Root, test.dir), File: test.file, Name: test.name})
		if ok != test.want {
			t.Errorf("%s/%s %s: selected %v", test.dir, test.file, test.name, ok)
		}
	}
}

func TestPackages(t *testing.T) {
	c := parse(t, sample)
	in := func(rel string) (string, string) {
		return "example.com/app/" + rel, filepath.Join(c.Root, filepath.FromSlash(rel))
	}
	if c.WantsBootstrap() {
		t.Error("bootstrap: false is not read")
	}
	if path, dir := in("agent"); !c.SelectsIn(path, dir) || c.ChecksIn(path, dir) {
		t.Error("agent is selected and not checked in")
	}
	if path, dir := in("legacy/x"); c.SelectsIn(path, dir) {
		t.Error("legacy/x is excluded as a whole")
	}
	if path, dir := in("checked/deep"); !c.ChecksIn(path, dir) {
		t.Error("checked/deep is checked in")
	}
	if c.SelectsIn("other", filepath.Dir(c.Root)) {
		t.Error("./... reaches out of its folder")
	}
	if !c.MayUpgrade("google.golang.org/grpc") || c.MayUpgrade("example.com/x") {
		t.Error("upgrades: is not read")
	}
	for module, column := range map[string]int{"golang.org/x/net": 10, "example.com/x": 28} {
		if p := c.Pin(module); p == nil || p.Pos.Column != column {
			t.Errorf("pinned: %s is matched by %+v", module, p)
		}
	}
}

func TestNilConfig(t *testing.T) {
	var c *Config
	if _, ok := c.Match(Function{}); ok || c.SelectsIn("a", "/a") || c.ChecksIn("a", "/a") || !c.WantsBootstrap() || c.MayUpgrade("a") || c.Pin("a") != nil {
		t.Error("a nil configuration selects something")
	}
	if c.Hash() != Default().Hash() {
		t.Error("a nil configuration differs from the default one")
	}
	x, ok := c.Context("*net/http.Request")
	if !ok || x.GetExpr("r") != "r.Context()" || x.SetStmt("r", "c") != "r = r.WithContext(c)" {
		t.Errorf("got %+v", x)
	}
}

func TestSetStmtKeepsNamesApart(t *testing.T) {
	x := Context{Set: "{}.ctx = wrap({}, ctx)"}
	if got, want := x.SetStmt("ctx", "new"), "ctx.ctx = wrap(ctx, new)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestBuiltinContextsAreValid(t *testing.T) {
	for _, x := range builtinContexts {
		for _, problem := range []string{typeProblem(x.Type), exprProblem(x.Get, false), exprProblem(x.Set, true)} {
			if problem != "" {
				t.Errorf("%s: %s", x.Type, problem)
			}
		}
	}
}

func TestHashIgnoresLayout(t *testing.T) {
	a := parse(t, sample)
	b, _ := Parse(a.Path, []byte("# other\n\n"+sample))
	if a.Hash() != b.Hash() {
		t.Error("a comment changes the hash")
	}
	c, _ := Parse(a.Path, []byte(strings.Replace(sample, "10s", "11s", 1)))
	if a.Hash() == c.Hash() {
		t.Error("a directive does not change the hash")
	}
}

func TestProblems(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"unknown key", "selct: []\n", `f.yaml:1:1: unknown key "selct" in orchestrall.yaml; did you mean select?`},
		{"unknown rule key", "select:\n  - pakage: ./...\n", `f.yaml:2:5: unknown key "pakage" in a select rule; did you mean package?`},
		{"duplicate key", "bootstrap: true\nbootstrap: false\n", `f.yaml:2:1: "bootstrap" is given twice, first on line 1; keep one of the two`},
		{"wrong type", "bootstrap: maybe\n", `f.yaml:1:12: bootstrap: must be true or false, not "maybe"; write true or false`},
		{"no list", "generate: ./...\n", `f.yaml:1:11: generate: must be a list, not "./..."; write a list`},
		{"bad glob", "select: [{name: '[a'}]\n", `f.yaml:1:17: name: bad glob "[a"; * stands for any text, ? for one character, [a-z] for one of these`},
		{"bad pattern", "generate: ['./*']\n", `f.yaml:1:12: bad package pattern "./*": a pattern is an import path or a folder, and ... stands for anything; write ./..., ./folder or an import path`},
		{"module glob", "pinned: ['*']\n", `f.yaml:1:10: pinned: bad module pattern "*": a pattern is a module path, and ... stands for anything; write a module path, example.com/..., or ... for all`},
		{"module folder", "upgrades: [./...]\n", `f.yaml:1:12: upgrades: bad module pattern "./...": a pattern is a module path, and ... stands for anything; write a module path, example.com/..., or ... for all`},
		{"empty rule", "select: [{}]\n", `f.yaml:1:10: a rule with no condition; add package:, file:, receiver:, name:, exported:, context: or error:`},
		{"exclude everything", "select: [{exclude: true}]\n", `f.yaml:1:10: a rule with no condition; add package:, file:, receiver:, name:, exported:, context: or error:`},
		{"duplicate rule", "select:\n- name: A\n- name: A\n", `f.yaml:3:3: the same rule as on line 2; remove it`},
		{"useless directive", "select: [{name: A, exclude: true, directive: slow=1s}]\n", `f.yaml:1:46: a rule with exclude: true has no use for a directive; remove one of the two`},
		{"null", "select:\n", `f.yaml:1:8: select: must be a list, not nothing; write a list`},
		{"not a mapping", "- a\n", `f.yaml:1:1: orchestrall.yaml must be a mapping, not a list; write key: value`},
		{"two documents", "bootstrap: true\n---\nbootstrap: true\n", `f.yaml:2:1: a second document; write one document`},
		{"bad type", "contexts: [{type: gin.context, get: '{}.C'}]\n", `f.yaml:1:19: bad type "gin.context": no other package can name it`},
		{"foreign name", "contexts: [{type: a/b.C, get: 'web.Std({})'}]\n", `f.yaml:1:31: "web" in "web.Std({})" is not known everywhere; write it over {}, such as "{}.Request.Context()"`},
		{"no ctx", "contexts: [{type: a/b.C, get: '{}.C', set: '{}.Set()'}]\n", `f.yaml:1:44: no ctx in "{}.Set()": it stands for the new context; write it over {} and ctx, such as "{}.SetContext(ctx)"`},
		{"no get", "contexts: [{type: a/b.C}]\n", `f.yaml:1:12: a context type without get:; add type: and get:`},
		{"all at once", "a: 1\nbootstrap: 1\n", "f.yaml:1:1: unknown key \"a\" in orchestrall.yaml; known: bootstrap, contexts, dashboards, generate, hooks, pinned, select, upgrades\nf.yaml:2:12: bootstrap: must be true or false, not the number 1; write true or false"},
	} {
		_, problems := Parse("f.yaml", []byte(test.text))
		var got []string
		for _, p := range problems {
			got = append(got, p.String())
		}
		if diff := cmp.Diff(test.want, strings.Join(got, "\n")); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
	if _, problems := Parse("f.yaml", []byte("select: [\n")); len(problems) != 1 || problems[0].Rule != "bad-yaml" {
		t.Errorf("broken YAML: %v", problems)
	}
	if _, problems := Parse("f.yaml", []byte("# nothing\n")); len(problems) != 0 {
		t.Errorf("an empty file: %v", problems)
	}
	if _, problems := Load("no/such.yaml", ""); len(problems) != 1 || problems[0].Pos.Filename == "" {
		t.Errorf("an unreadable file: %v", problems)
	}
}

// What stands where the file should be, but can't be read, is not ignored.
func TestUnreadableConfigurationIsFound(t *testing.T) {
	folder, link := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, FileName), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", filepath.Join(link, FileName)); err != nil {
		t.Skip(err) // Windows asks for a privilege
	}
	for _, dir := range []string{folder, link} {
		path := Find(dir)
		if path == "" {
			t.Fatal("it is ignored")
		}
		if _, problems := Load(path, dir); len(problems) != 1 || problems[0].Rule != "unreadable-file" {
			t.Errorf("it is read with %v", problems)
		}
	}
	if path := Find(t.TempDir()); path != "" {
		t.Errorf("found %s in an empty folder", path)
	}
}
