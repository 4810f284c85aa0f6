package library_test

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"

	"github.com/orchestrall/orchestrall/templates"
)

// Programs that say nothing of telemetry but for one directive are built with
// the tool, and run. The tree of spans and the lines are what people see.
func TestPrograms(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs")
	}
	tool := filepath.Join(t.TempDir(), "orchestrall")
	run(t, ".", nil, "go", "build", "-o", tool, "github.com/orchestrall/orchestrall/cmd/orchestrall")
	for _, p := range []struct {
		name    string
		modules []string // below runtime/, whose requirements the program has
		needs   string   // a program that must be installed
		hooks   []string // expressions that the list of hooks matches
		want    []string // expressions that what the program says matches
		tree    string   // of the program's own trace; see holds
		never   string
	}{
		{
			name:  "logs",
			hooks: []string{`log +calls +- +applies +2 places`, `log/slog +calls +- +applies +3 places`},
			want: []string{
				`"message":"nobody's","service":"\w+"}`, `"message":"nobody's, too","service":"\w+"}`,
				`"message":"slog's",.*"traceId":"TRACE"`, `"message":"a logger's",.*"traceId":"TRACE"`, `"message":"log's",.*"traceId":"TRACE"`,
				`"message":"a log.Logger's",.*"traceId":"TRACE"`, `"message":"a request's",.*"traceId":"\w{32}"`,
			},
		},
		{
			name: "nats", modules: []string{"nats"}, needs: "nats-server",
			hooks: []string{`nats +calls +v\S+ +applies +6 places`},
			want: []string{
				`"message":"saved",.*"traceId":"TRACE".*"id":"7"`, `"message":"saved",.*"traceId":"TRACE".*"id":"8"`, `"message":"old style",.*"traceId":"TRACE"`,
				`(?s)publish orders.*process orders.*main.save.*publish s.one.*process s.one.*main.save`,
			},
		},
		{
			name: "langchaingo", modules: []string{"langchaingo"},
			hooks: []string{`langchaingo +calls +v\S+ +applies +2 places`, `langchaingo/chains +calls +v\S+ +applies +2 places`},
			want: []string{
				`(?s)main.work.*─ chat gpt-x .*─ chat gpt-x .*─ run chains.LLMChain .*─ chat gpt-x `,
				`gen_ai.usage.input_tokens=7`,
			},
			never: "secret",
		},
		{
			name: "eino", modules: []string{"eino"},
			hooks: []string{`eino +calls +v\S+ +applies +1 place`},
			want:  []string{`(?s)main.work.*─ Chain greeting`},
		},
		{
			name: "genkit", modules: []string{"genkit"},
			hooks: []string{`genkit +calls +v\S+ +own spans +it traces itself`},
			want:  []string{`(?s)main.work.*─ greet`},
			never: "secret",
		},
		{
			name: "models", modules: []string{"openai", "openaiv2", "openaiv1", "anthropic", "googlegenai"},
			hooks: []string{
				`openai +calls +v\S+ +applies +1 place`, `openai-v2 +calls +v\S+ +applies +1 place`, `openai-v1 +calls +v\S+ +applies +1 place`,
				`anthropic +calls +v\S+ +applies +1 place`, `google-genai +calls +v\S+ +applies +3 places`,
			},
			tree: `
main.work
`,
			never: "secret",
		},
	} {
		t.Run(p.name, func(t *testing.T) {
			if p.needs != "" {
				if _, err := exec.LookPath(p.needs); err != nil {
					if os.Getenv("ORCHESTRALL_REQUIRE_SERVERS") != "" {
						t.Fatal(err)
					}
					t.Skip(p.needs + " is not installed")
				}
			}
			dir := program(t, p.name, p.modules)
			env := []string{"GOWORK=off", "GOFLAGS=", "OTEL_EXPORTER=console", "PROMETHEUS_PORT=0", "LOG_FORMAT=json", "ORCHESTRALL_UPGRADES=..."}
			listed := run(t, dir, env, tool, "hooks")
			run(t, dir, env, tool, "go", "build", "-o", "app", ".")
			said := run(t, dir, env, filepath.Join(dir, "app"), filepath.Join(dir, "store"))
			trace := regexp.MustCompile(`trace (\w{32})[^\n]*\nmain\.`).FindStringSubmatch(said)
			if trace == nil {
				t.Fatalf("no trace of the program's own in:\n%s", said)
			}
			for text, all := range map[string][]string{listed: p.hooks, said: p.want} {
				for _, want := range all {
					if !regexp.MustCompile(strings.ReplaceAll(want, "TRACE", trace[1])).MatchString(text) {
						t.Errorf("no %s in:\n%s", want, text)
					}
				}
			}
			if p.tree != "" {
				holds(t, spans(said, trace[1]), p.tree)
			}
			if p.never != "" && strings.Contains(said, p.never) {
				t.Errorf("%s in:\n%s", p.never, said)
			}
		})
	}
}

// program copies a program to a folder of its own. Its requirements are those
// of hook modules, so that nothing would be raised.
func program(t *testing.T, name string, hooks []string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", name))); err != nil {
		t.Fatal(err)
	}
	newest, sums := make(map[string]string), make(map[string]bool)
	for _, hook := range hooks {
		hook = filepath.Join("..", "..", "..", "runtime", filepath.FromSlash(hook))
		data, err := os.ReadFile(filepath.Join(hook, "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		f, err := modfile.Parse("go.mod", data, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range f.Require {
			if !strings.HasPrefix(r.Mod.Path, templates.RuntimePath) && semver.Compare(r.Mod.Version, newest[r.Mod.Path]) > 0 {
				newest[r.Mod.Path] = r.Mod.Version
			}
		}
		sum, err := os.ReadFile(filepath.Join(hook, "go.sum"))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(sum)) {
			sums[line] = true
		}
	}
	f := new(modfile.File)
	for _, err := range []error{f.AddModuleStmt("example.com/" + name), f.AddGoStmt("1.26.0")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for path, version := range newest {
		f.AddNewRequire(path, version, false)
	}
	mod, err := f.Format()
	if err != nil {
		t.Fatal(err)
	}
	for file, data := range map[string]string{"go.mod": string(mod), "go.sum": strings.Join(slices.Sorted(maps.Keys(sums)), "")} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(data), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// run returns what a command says.
func run(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	var out, problems bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %q: %v\n%s%s", name, args, err, &out, &problems)
	}
	return out.String() + problems.String()
}
