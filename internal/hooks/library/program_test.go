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
		tree    string   // of the traces that begin in the program; see holds
		never   string
		asks    bool // models, whose prompts are told where the operator wants it
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
			hooks: []string{`langchaingo +calls +v\S+ +applies +2 places`, `langchaingo/agents +calls +v\S+ +applies +1 place`, `langchaingo/chains +calls +v\S+ +applies +3 places`},
			tree: `
main.work
  chat gpt-x  gen_ai.provider.name=openai gen_ai.usage.input_tokens=7 gen_ai.usage.output_tokens=2
  chat gpt-x  gen_ai.usage.input_tokens=7
  run chains.LLMChain
    chat gpt-x  gen_ai.usage.input_tokens=7
  invoke_agent agents.Executor
    chat gpt-x  gen_ai.usage.input_tokens=7
    execute_tool sky
    chat gpt-x  gen_ai.usage.input_tokens=7
`,
			never: "secret", asks: true,
		},
		{
			name: "eino", modules: []string{"eino"},
			hooks: []string{`eino +calls +v\S+ +applies +1 place`},
			tree: `
main.work
  Chain greeting
    Lambda
  Chain weather  eino.name=weather
    Lambda
    chat  gen_ai.provider.name=parrot gen_ai.usage.input_tokens=4 gen_ai.usage.output_tokens=2
    ToolsNode
      execute_tool sky  gen_ai.tool.name=sky
  Chain weather
    Lambda
    chat  gen_ai.usage.input_tokens=4 gen_ai.usage.output_tokens=2
    ToolsNode
      execute_tool sky
`,
			never: "secret",
		},
		{
			name: "genkit", modules: []string{"genkit"},
			hooks: []string{`genkit +calls +v\S+ +own spans +it traces itself`},
			tree: `
main.work
  greet  genkit:metadata:subtype=flow
    generate
      test/parrot  gen_ai.provider.name=test gen_ai.request.model=parrot gen_ai.usage.input_tokens=4 gen_ai.usage.output_tokens=2
      sky  genkit:name=sky
      generate
        test/parrot  genkit:metadata:subtype=model
    polish
`,
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
  chat gpt-x  gen_ai.provider.name=openai gen_ai.response.model=gpt-x-2026 gen_ai.usage.input_tokens=7 gen_ai.usage.output_tokens=2
  chat gpt-x  gen_ai.provider.name=openai gen_ai.response.model=gpt-x-2026 gen_ai.usage.input_tokens=7 gen_ai.usage.output_tokens=3
  chat gpt-x  gen_ai.response.id=r1 gen_ai.usage.input_tokens=5 gen_ai.usage.output_tokens=4
  embeddings embed-x  gen_ai.request.model=embed-x gen_ai.usage.input_tokens=11
  chat refuse  FAILED error.type=429
  chat gpt-x  gen_ai.provider.name=openai gen_ai.response.id=c1 gen_ai.usage.output_tokens=3
  chat gpt-x  gen_ai.provider.name=openai gen_ai.response.id=c1 gen_ai.usage.output_tokens=2
  chat claude-x  gen_ai.provider.name=anthropic gen_ai.request.max_tokens=100 gen_ai.response.model=claude-x-2026 gen_ai.usage.input_tokens=9 gen_ai.usage.output_tokens=6
  chat claude-x  gen_ai.response.finish_reasons="[\"max_tokens\"]" gen_ai.usage.input_tokens=9 gen_ai.usage.output_tokens=8
  generate_content gemini-x  gen_ai.provider.name=gcp.gen_ai gen_ai.response.model=gemini-x-001 gen_ai.usage.input_tokens=8 gen_ai.usage.output_tokens=3
  generate_content gemini-x  gen_ai.response.finish_reasons="[\"stop\"]" gen_ai.usage.output_tokens=4
  generate_content gemini-x  gen_ai.usage.input_tokens=8 gen_ai.usage.output_tokens=4
`,
			never: "secret", asks: true,
		},
		{
			name: "brokers", modules: []string{"kafka/servers", "redis"}, needs: "redis-server",
			hooks: []string{`kafka +calls +v\S+ +applies +4 places`, `redis +calls +v\S+ +applies +1 place`},
			tree: `
main.order
  send orders  messaging.system=kafka messaging.batch.message_count=2
    receive orders  messaging.consumer.group.name=billing messaging.kafka.offset=0 link
    receive orders  messaging.consumer.group.name=billing messaging.kafka.offset=1 link
    store.save
      set  db.system=redis
      redis.pipeline multi incr expire exec  db.redis.num_cmd=4
    store.save
      set
      redis.pipeline multi incr expire exec
main.work
  send orders  messaging.batch.message_count=1
  receive orders  messaging.kafka.offset=2 link
  get
  redis.dial
  redis.pipeline lpush publish  db.redis.num_cmd=2
`,
			never: "secret",
		},
		{
			name: "calls", modules: []string{"grpc", "mcp", "mcpgo", "coderws", "gorillaws", "dbsql/servers"},
			hooks: []string{
				`coder-websocket +calls +v\S+ +applies`, `database/sql +calls +- +applies +3 places`, `gorilla-websocket +calls +v\S+ +applies`,
				`grpc +calls +v\S+ +applies +2 places`, `mcp +calls +v\S+ +applies +6 places`, `mcp-go +calls +v\S+ +applies +3 places`,
				`pgx +calls +v\S+ +applies +2 places`,
			},
			want: []string{`trace TRACE[^\n]*\ntools/call grant +server [^\n]*\n(?:│[^\n]*\n)*└─ main\.granted `}, // of the other process
			tree: `
main.work
  BEGIN :memory:  db.system.name=sqlite
  INSERT orders  db.query.text="INSERT INTO orders (what) VALUES (?)"
  COMMIT :memory:
  SELECT orders  db.query.text="SELECT what FROM orders WHERE id = ?" db.response.returned_rows=1
  SELECT orders  db.response.returned_rows=0
  SELECT orders  db.query.text="SELECT id FROM orders WHERE what <> ?" db.response.returned_rows=1
  CONNECT shop  db.system.name=postgresql
  BEGIN shop
  SELECT wishes  db.query.text="SELECT what FROM wishes WHERE what = $1 AND by <> ?" db.response.returned_rows=1
  COMMIT shop
  calls.Wishes/Grant  FAILED
    calls.Wishes/Grant  FAILED
  calls.Wishes/Grant
    calls.Wishes/Grant
      main.granted
  calls.Wishes/GrantAll
    calls.Wishes/GrantAll
      main.granted
      main.granted
  tools/call grant  gen_ai.tool.name=grant network.transport=tcp
    tools/call grant
      main.granted
  tools/call grant  gen_ai.tool.name=grant network.transport=pipe
  tools/call grant  gen_ai.tool.name=grant network.transport=pipe
    tools/call grant
      main.granted
  websocket 127.0.0.1  url.path=/coder/one websocket.bytes.sent=21 websocket.close_code=1000 websocket.messages.received=1
    GET /coder/{room}  http.response.status_code=101 http.route=/coder/{room}
      websocket /coder/{room}  websocket.bytes.received=20 websocket.messages.sent=1
        main.granted
  websocket 127.0.0.1  url.path=/gorilla websocket.bytes.sent=9 websocket.messages.received=1
    GET  http.response.status_code=101
      websocket  websocket.bytes.received=9 websocket.messages.sent=1
        main.granted
`,
			never: "secret",
		},
		{
			name: "web", modules: []string{"chi", "gin", "echo", "gorilla"},
			hooks: []string{`chi +calls +v\S+ +applies`, `gin +calls +v\S+ +applies`, `echo +calls +v\S+ +applies`, `gorilla/mux +calls +v\S+ +applies`, `net/http +calls +- +applies`},
			tree: `
main.work
  GET  http.response.status_code=200
    GET /orders/{id}  http.route=/orders/{id}
      shop.find
  GET  http.response.status_code=200
    GET /orders/{id}  http.route=/orders/{id}
      shop.find
  GET  http.response.status_code=200
    GET /orders/:id  http.route=/orders/:id
      shop.find
  GET  http.response.status_code=200
    GET /orders/:id  http.route=/orders/:id
      shop.find
  GET  http.response.status_code=200
    GET /orders/{id}  http.route=/orders/{id}
      shop.find
`,
			never: "secret",
		},
	} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
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
			trace := own.FindStringSubmatch(said)
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
				holds(t, spans(said), p.tree)
			}
			if p.never != "" && strings.Contains(said, p.never) {
				t.Errorf("%s in:\n%s", p.never, said)
			}
			if p.asks {
				said = run(t, dir, append(env, "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true"), filepath.Join(dir, "app"))
				asked, told := strings.Count(said, "gen_ai.request.model="), strings.Count(said, "gen_ai.input.messages=")
				if asked == 0 || asked != told || !strings.Contains(said, p.never) {
					t.Errorf("of %d requests %d tell what was asked, in:\n%s", asked, told, said)
				}
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
