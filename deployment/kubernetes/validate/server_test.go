package validate

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"github.com/orchestrall/orchestrall/internal/backends"
	"sigs.k8s.io/yaml"
)

// installed returns the programs of parts, or skips the test.
func installed(t *testing.T, target string, parts []backends.Part) map[string]string {
	t.Helper()
	dir, err := backends.Dir()
	if err != nil {
		t.Fatal(err)
	}
	programs, missing := backends.Locate(dir, parts)
	if len(missing) > 0 {
		t.Skipf("not run, because %v are not in %s: make %s installs them once", missing, dir, target)
	}
	return programs
}

// namespaces are the namespaces among the manifests, which have to be there
// before anything in them can be tried.
func namespaces(t *testing.T, manifests []byte) []byte {
	t.Helper()
	var found [][]byte
	for document := range bytes.SplitSeq(manifests, []byte("\n---\n")) {
		var object struct{ Kind string }
		if err := yaml.Unmarshal(document, &object); err != nil {
			t.Fatal(err)
		}
		if object.Kind == "Namespace" {
			found = append(found, document)
		}
	}
	return bytes.Join(found, []byte("\n---\n"))
}

// The services of a careful team are in a namespace as strict as the stack's.
const careful = `apiVersion: v1
kind: Namespace
metadata:
  name: careful
  labels:
    pod-security.kubernetes.io/enforce: restricted
    pod-security.kubernetes.io/warn: restricted
`

// TestServer asks a real API server what it would make of the manifests. It
// defaults, validates and admits every object, and keeps only the namespaces.
func TestServer(t *testing.T) {
	programs := installed(t, "kubernetes", backends.Cluster())
	s, err := startServer(t.Context(), t.TempDir(), programs)
	t.Cleanup(s.stop)
	if err != nil {
		t.Fatal(err)
	}
	all := sources(t)
	if out, complaints, err := s.apply(t.Context(), append([]byte(careful+"---\n"), namespaces(t, all["production"])...), "--server-side"); err != nil || complaints != "" {
		t.Fatalf("%v\n%s%s", err, out, complaints)
	}
	// Both ways of applying, which check in ways of their own.
	args := func(source string) []string {
		if source == "platform" {
			return []string{"--dry-run=server", "--namespace=careful"}
		}
		return []string{"--dry-run=server", "--server-side"}
	}
	for name, manifests := range all {
		t.Run(name, func(t *testing.T) {
			out, complaints, err := s.apply(t.Context(), manifests, args(name)...)
			if err != nil || complaints != "" {
				t.Errorf("%v\n%s", err, complaints)
			}
			want := len(read(t, name, manifests).objects)
			if got := strings.Count(out, "(server dry run)"); got != want {
				t.Errorf("%d of %d objects were taken:\n%s", got, want, out)
			}
		})
	}
	for _, m := range mistakes {
		if m.server == "" {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			_, complaints, _ := s.apply(t.Context(), m.make(t, all[m.source]), args(m.source)...)
			if !strings.Contains(complaints, m.server) {
				t.Errorf("not %q, but %q", m.server, complaints)
			}
		})
	}
}

// The Collector takes the configuration of the gateways.
func TestGateway(t *testing.T) {
	programs := installed(t, "backends", backends.Parts())
	out, err := exec.CommandContext(t.Context(), programs["otelcol"], "validate", "--config=../components/scaled-collector/collector.yaml").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
