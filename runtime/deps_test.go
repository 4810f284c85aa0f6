package orchestrall_test

import (
	"flag"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the files in testdata anew")

// TestDependencies keeps the package light: every program that is instrumented
// links what is on this list.
func TestDependencies(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".")
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "GOFLAGS=")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	slices.Sort(deps)
	got := strings.Join(deps, "\n") + "\n"
	const file = "testdata/deps.txt"
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the dependencies are\n%s\nnot what %s says; if that is meant, run this test with -update", got, file)
	}
	for _, d := range deps {
		if strings.Contains(d, "otel/sdk") || strings.Contains(d, "/exporters/") {
			t.Errorf("%s does not belong here", d)
		}
	}
}
