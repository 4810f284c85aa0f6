package instrument_test

import (
	"strings"
	"testing"

	"github.com/orchestrall/orchestrall/instrument"
)

// A marker on a line of the user's must not make strip delete the line.
func TestStripLosesNoLineOfTheUsers(t *testing.T) {
	for name, src := range map[string]string{
		"a variable":     "package p\n\nvar keep = 1 //orchestrall:gen\n",
		"a statement":    "package p\n\nfunc f() {\n\tkeep() //orchestrall:gen\n}\n",
		"behind a block": "package p\n\nfunc f() {\n\torchestrallCall := orchestrall_f.StartRoot() //orchestrall:gen\n\tkeep()\n\tkeep() //orchestrall:gen\n}\n",
	} {
		t.Run(name, func(t *testing.T) {
			out, ds := instrument.Strip(instrument.File{Path: "/p/p.go", Src: []byte(src)})
			if !instrument.HasErrors(ds) {
				t.Fatalf("strip wrote %q", out)
			}
			if got := ds[0].String(); !strings.Contains(got, "stands on a line that generate did not write; remove the comment") {
				t.Errorf("it says %s", got)
			}
		})
	}
}
