package bootstrap

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// source is the package's own text, without its tests.
func source(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

func documentation(t *testing.T, names ...string) string {
	t.Helper()
	var all strings.Builder
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
		if os.IsNotExist(err) {
			t.Skip("the documentation is not part of the module")
		}
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

// documentedTogether are settings that the documentation has in one line with
// others, and what Kubernetes sets.
var documentedTogether = map[string]bool{
	"KUBERNETES_SERVICE_HOST": true, "OTEL_BLRP_MAX_QUEUE_SIZE": true,
	"OTEL_EXPORTER_OTLP_LOGS_HEADERS": true, "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": true,
}

func TestSettingsAreDocumented(t *testing.T) {
	docs := documentation(t, "configuration.md", "logs.md", "llm.md")
	for _, match := range regexp.MustCompile(`getenv(?:\(|, )"([A-Z0-9_]+)"`).FindAllStringSubmatch(source(t), -1) {
		name := match[1]
		if !strings.Contains(docs, name) && !documentedTogether[name] {
			t.Errorf("%s is in no documentation", name)
		}
	}
}

func TestMetricsAreDocumented(t *testing.T) {
	docs := documentation(t, "metrics.md")
	for _, match := range regexp.MustCompile(`"((?:orchestrall|log)_[a-z_]+(?:_total|_seconds|_ms|_length|_capacity))"`).FindAllStringSubmatch(source(t), -1) {
		if !strings.Contains(docs, "`"+match[1]+"`") {
			t.Errorf("%s is not in docs/metrics.md", match[1])
		}
	}
}
