package servers

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.temporal.io/server/temporaltest"
)

// A program without any telemetry but two directives is built with the tool and
// the oldest SDK that the hook works with, and run.
func TestProgram(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	server := temporaltest.NewServer()
	t.Cleanup(server.Stop)
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "program"))); err != nil {
		t.Fatal(err)
	}
	own := regexp.MustCompile(`(?m)^.*github.com/orchestrall/.*\n`)
	mod, err := os.ReadFile(filepath.Join("..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	mod = append([]byte("module example.com/program\n"), own.ReplaceAll(mod, nil)...)
	sum, err := os.ReadFile(filepath.Join("..", "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"go.mod": mod, "go.sum": sum} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	tool := filepath.Join(t.TempDir(), "orchestrall")
	run(t, filepath.Join("..", "..", ".."), "go", "build", "-o", tool, "./cmd/orchestrall")
	run(t, dir, tool, "go", "build", "-o", "app", ".")
	said := run(t, dir, filepath.Join(dir, "app"), server.GetFrontendHostPort(), server.GetDefaultNamespace())
	want := regexp.MustCompile(`(?s)service\.place .*` +
		`\n├─ StartWorkflow:order .*` +
		`\n│  └─ RunWorkflow:order .*` +
		`\n│     ├─ StartActivity:Charge .*` +
		`\n│     │  ├─ RunActivity:Charge [^\n]*FAILED  the card is busy.*` +
		`\n│     │  └─ RunActivity:Charge [^\n]*ok.*` +
		`\n│     │     └─ main.write .*` +
		`\n│     └─ StartChildWorkflow:ship .*` +
		`\n│        └─ RunWorkflow:ship .*` +
		`\n│           └─ StartActivity:Pack .*` +
		`\n│              └─ RunActivity:Pack .*` +
		`\n│                 └─ main.write .*` +
		`\n└─ SignalWorkflow:approve `)
	if !want.MatchString(said) {
		t.Errorf("another tree in:\n%s", said)
	}
	if strings.Contains(said, "secret") {
		t.Errorf("the input in:\n%s", said)
	}
}

// run returns what a command says.
func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "OTEL_EXPORTER=console", "PROMETHEUS_PORT=0", "ORCHESTRALL_UPGRADES=...")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}
