package instrument

import (
	"maps"
	"os"
	"regexp"
	"strings"
	"testing"
)

// The runtime is another module, so its table is read as text: what the tool
// lists must be what instrumented code emits.
func TestFamiliesAreTheRuntimes(t *testing.T) {
	src, err := os.ReadFile("../runtime/kind.go")
	if err != nil {
		t.Fatal(err)
	}
	emitted := make(map[string]string)
	for _, m := range regexp.MustCompile(`(?s)\t([A-Z][A-Za-z]*): \{\s*span:.*?metric: "([a-z_]+)"`).FindAllStringSubmatch(string(src), -1) {
		emitted[strings.ToLower(m[1])] = m[2]
	}
	listed := make(map[string]string)
	for _, k := range kinds {
		listed[k.name] = k.family
	}
	if !maps.Equal(emitted, listed) {
		t.Errorf("the runtime emits %v, the tool lists %v", emitted, listed)
	}
}
