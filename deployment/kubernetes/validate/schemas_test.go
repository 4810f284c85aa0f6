package validate

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// kubectlValidate is run as a program: its libraries are older than the types
// that this module decodes with. The newest schemas in it are those of 1.30.
const (
	kubectlValidate = "sigs.k8s.io/kubectl-validate@v0.0.4"
	schemas         = "1.30"
)

// schemaErrors returns what the schemas of Kubernetes refuse, "" for nothing.
func schemaErrors(t *testing.T, manifests map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range manifests {
		if err := os.WriteFile(filepath.Join(dir, name+".yaml"), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", "run", kubectlValidate, "--version", schemas, dir)
	// No cluster that this machine knows is asked.
	cmd.Env = append(os.Environ(), "KUBECONFIG="+filepath.Join(dir, "none"), "KUBERNETES_SERVICE_HOST=", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	if err == nil && strings.Count(string(out), "OK") != len(manifests) {
		t.Errorf("not every source was read:\n%s", out)
	}
	if err == nil {
		return ""
	}
	return err.Error() + "\n" + string(out)
}

func TestSchemas(t *testing.T) {
	if found := schemaErrors(t, sources(t)); found != "" {
		t.Error(found)
	}
}

func TestSchemasFindMistakes(t *testing.T) {
	all := sources(t)
	for _, m := range mistakes {
		if m.name != "a misspelled field" {
			continue // what refers to what is not in a schema
		}
		wrong := map[string][]byte{m.source: m.make(t, all[m.source])}
		if found := schemaErrors(t, wrong); !strings.Contains(found, "readynessProbe") {
			t.Errorf("%s is not found: %s", m.name, found)
		}
	}
}
