package scan

import (
	"go/build"
	"strings"
	"testing"
)

func TestOwnHooksOfUnknownPackages(t *testing.T) {
	top := write(t, `
-- go.mod --
module example.com/app

require example.com/dep v1.0.0 // indirect
-- orchestrall.yaml --
hooks:
  own:
    - {function: example.com/dep/deeper.F, replace: F, hook: example.com/app/trace}
    - {function: net/http/httputil.F, replace: F, hook: example.com/app/trace}
    - {function: example.com/legcy/store.F, replace: F, hook: example.com/app/trace}
    - {function: net/htp.Get, replace: F, hook: example.com/app/tracing}
    - {function: far.away/from/everything/there/is.F, replace: F, hook: github.com/orchestrall/orchestrall/runtime/x}
    - import: example.com/app/cmd
      hook: example.com/app/trace
-- app.go --
package app

import (
	_ "example.com/legacy/store"
	_ "net/http"
)
-- trace/trace.go --
package trace
`)
	tree := load(t, Options{Dir: top, Environ: []string{"GOENV=off"}})
	const nothing = " warning: nothing is woven for this hook: "
	const is = " is no package of the program, of a module in go.mod or of the standard library; "
	want := []string{
		":5:18:" + nothing + "example.com/legcy/store" + is + "did you mean example.com/legacy/store?",
		":6:18:" + nothing + "net/htp" + is + "did you mean net/http?",
		":6:49:" + nothing + "example.com/app/tracing" + is + "did you mean example.com/app/trace?",
		":7:18:" + nothing + "far.away/from/everything/there/is" + is + "correct the import path, or add its module to go.mod",
		":8:15:" + nothing + "example.com/app/cmd" + is + "did you mean example.com/app?",
	}
	var got []string
	for _, d := range tree.OwnHooks(func() string { return build.Default.GOROOT }) {
		got = append(got, strings.TrimPrefix(d.String(), top+"/orchestrall.yaml"))
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if ds := tree.OwnHooks(func() string { return "" }); len(ds) != len(want)-1 {
		t.Errorf("without a folder of Go: %v", ds)
	}
}
