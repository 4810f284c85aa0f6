package overlay

import (
	"strings"
	"testing"
)

// A hook of the user's own that can never be woven is told by every build, also
// by one that weaves nothing else.
func TestOwnHookOfAnUnknownPackage(t *testing.T) {
	p := writeHooked(t, `
-- go.mod --
module example.com/app

go 1.24
-- orchestrall.yaml --
hooks:
  own: [{function: string.ToLower, replace: Lower, hook: example.com/app/trace}]
-- trace/trace.go --
package trace

func Lower(s string) string { return s }
-- main.go --
package main

import "strings"

func main() { println(strings.ToLower("X")) }
`, stubLibraries)
	p.settle()
	_, stderr := p.build("build", "-o", "out.exe", ".")
	want := "orchestrall.yaml:2:20: warning: nothing is woven for this hook: string is no package of the program, of a module in go.mod " +
		"or of the standard library; did you mean strings?\n"
	if stderr != want {
		t.Errorf("got  %q\nwant %q", stderr, want)
	}
	if own := p.report()["string.ToLower"]; own == nil || own.State != NotImported {
		t.Errorf("%+v", own)
	}
	if _, stderr := p.build("build", "-v", "-o", "out.exe", "."); !strings.Contains(stderr, want) {
		t.Errorf("the second build says %q", stderr)
	}
}
