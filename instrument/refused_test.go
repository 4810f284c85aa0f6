package instrument_test

import (
	"os"
	"strings"
	"testing"

	"github.com/orchestrall/orchestrall/instrument"
)

// Whatever the runtime is built from would import itself if it were
// instrumented, which the go command reports against a file nobody wrote.
func TestWhatTheRuntimeDependsOnIsRefused(t *testing.T) {
	deps, err := os.ReadFile("../runtime/testdata/deps.txt")
	if err != nil {
		t.Fatal(err)
	}
	const src = "package p\n\nimport \"context\"\n\n//orchestrall:trace\nfunc F(ctx context.Context) {}\n"
	for path := range strings.FieldsSeq(string(deps)) {
		pkg := &instrument.Package{
			Dir: "/m/p", ImportPath: path, Module: path, ModuleDir: "/m/p",
			Files: []instrument.File{{Path: "/m/p/p.go", Src: []byte(src)}},
		}
		_, ds := instrument.NewPlan(pkg, instrument.Options{})
		if len(ds) != 1 || ds[0].Rule != "refused-package" {
			t.Errorf("%s: %v", path, ds)
		}
	}
}
