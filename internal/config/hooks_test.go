package config

import (
	"go/token"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orchestrall/orchestrall/internal/hooks"
)

func TestLibrary(t *testing.T) {
	const text = `library: grpc
module: google.golang.org/grpc
versions: ">=v1.60.0 <v2.0.0"
hook: example.com/hook
unless: [example.com/contrib.NewServerHandler]
covers: [example.com/grpc/dialects]
via: [example.com/grpc/conns]
points:
  - function: google.golang.org/grpc.NewServer
    replace: NewServer
  - method: (*net/http.Client).Do
    replace: ClientDo
  - literal: net/http.Server
    field: Handler
    absent: true
    wrap: Handler
  - result: gopkg.in/yaml.v3.Open
    wrap: W
  - method: (example.com/x.Model).Do
    implements: true
    context: required
    replace: Do
  - function: example.com/x.F
    context: true
    replace: F
  - parameter: "*example.com/x.Msg"
    replace: Context
  - import: example.com/x
`
	l, problems := ParseLibrary("grpc.yaml", []byte(text))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	want := []hooks.Point{
		{Kind: hooks.Function, Target: hooks.Symbol{Package: "google.golang.org/grpc", Name: "NewServer"}, Func: "NewServer"},
		{Kind: hooks.Method, Target: hooks.Symbol{Package: "net/http", Receiver: "Client", Pointer: true, Name: "Do"}, Func: "ClientDo"},
		{Kind: hooks.Literal, Target: hooks.Symbol{Package: "net/http", Name: "Server"}, Field: "Handler", Absent: true, Func: "Handler"},
		{Kind: hooks.Result, Target: hooks.Symbol{Package: "gopkg.in/yaml.v3", Name: "Open"}, Func: "W"},
		{Kind: hooks.Method, Target: hooks.Symbol{Package: "example.com/x", Receiver: "Model", Name: "Do"}, Func: "Do", Implements: true, Context: hooks.Carrying},
		{Kind: hooks.Function, Target: hooks.Symbol{Package: "example.com/x", Name: "F"}, Func: "F", Context: hooks.Anybody},
		{Kind: hooks.Parameter, Target: hooks.Symbol{Package: "example.com/x", Name: "Msg", Pointer: true}, Func: "Context"},
		{Kind: hooks.Import, Target: hooks.Symbol{Package: "example.com/x"}},
	}
	for i := range l.Points {
		if at := l.Points[i].TargetPos; at.Line != l.Points[i].Pos.Line || at.Column <= l.Points[i].Pos.Column {
			t.Errorf("the target of the point at %s is at %s", l.Points[i].Pos, at)
		}
		l.Points[i].Pos, l.Points[i].TargetPos = token.Position{}, token.Position{}
	}
	if diff := cmp.Diff(want, l.Points); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"example.com/grpc/dialects", "example.com/grpc/conns"}, append(l.Covers, l.Via...)); diff != "" {
		t.Error(diff)
	}
	for version, in := range map[string]bool{"v1.59.9": false, "v1.60.0": true, "v1.99.0": true, "v2.0.0": false, "": true} {
		if l.Versions.Contains(version) != in {
			t.Errorf("%q in the range: %v", version, !in)
		}
	}
	const rt = "example.com"
	if got := l.HookModule(rt); got != "example.com/hook" {
		t.Errorf("module of the hook package: %q", got)
	}
}

func TestHooksSection(t *testing.T) {
	c := parse(t, `hooks:
  off: [redis]
  grpc: off
  net/http: calls
  own:
    - function: example.com/app/store.Open
      hook: example.com/app/trace
      replace: Open
    - entry: (*example.com/app.Service).Run
      hook: example.com/app/trace
      before: Enter
`)
	if c := c.Hooks.Choice("redis"); c == nil || c.Depth != Off || c.Pos.Line != 2 || c.Pos.Column != 9 {
		t.Errorf("redis: %+v", c)
	}
	if c := c.Hooks.Choice("net/http"); c == nil || c.Depth != Calls {
		t.Errorf("net/http: %+v", c)
	}
	if len(c.Hooks.Own) != 2 || c.Hooks.Own[1].Points[0].Target.String() != "(*example.com/app.Service).Run" {
		t.Errorf("own: %+v", c.Hooks.Own)
	}
}

func TestHookProblems(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"depth", "hooks:\n  grpc: deeper\n", `f.yaml:2:9: grpc: no depth of hooks: "deeper"`},
		{"misspelled off", "hooks: {of: [grpc]}\n", `f.yaml:1:9: unknown key "of" in hooks:, a library has one word; did you mean off?`},
		{"misspelled own", "hooks:\n  onw:\n    - function: a/b.C\n", `f.yaml:2:3: unknown key "onw" in hooks:, a library has one word; did you mean own?`},
		{"misspelled interfaces", "hooks: {own: [{method: (*a/b.C).D, interface: Any, hook: example.com/x, replace: Get}]}\n", `f.yaml:1:36: unknown key "interface" in a hook of your own; did you mean interfaces?`},
		{"misspelled hooks", "hoks: {off: [grpc]}\n", `f.yaml:1:1: unknown key "hoks" in orchestrall.yaml; did you mean hooks?`},
		{"misspelled depth", "hooks: {net/http: dep}\n", `f.yaml:1:19: net/http: no depth of hooks: "dep"; did you mean deep?`},
		{"twice", "hooks:\n  off: [grpc]\n  grpc: calls\n", `f.yaml:3:3: "grpc" is chosen twice, first on line 2; keep one of the two`},
		{"no mapping", "hooks: [grpc]\n", `f.yaml:1:8: hooks: must be a mapping, not a list`},
		{"no path", "hooks: {own: [{function: Get, hook: example.com/x, replace: Get}]}\n", `f.yaml:1:26: function: "Get" is no function or type with its import path`},
		{"no receiver", "hooks: {own: [{method: net/http.Get, hook: example.com/x, replace: Get}]}\n", `f.yaml:1:24: method: "net/http.Get" has no receiver; write (*net/http.TYPE).Get`},
		{"bare receiver", "hooks: {own: [{method: net/http.Client.Do, hook: example.com/x, replace: Do}]}\n", `f.yaml:1:24: method: "net/http.Client.Do" has no receiver; write (*net/http.Client).Do`},
		{"wrong verb", "hooks: {own: [{function: net/http.Get, hook: example.com/x, wrap: Get}]}\n", `f.yaml:1:61: a function has no wrap:; write replace:`},
		{"no hook", "hooks: {own: [{function: net/http.Get, replace: Get}]}\n", `f.yaml:1:15: a hook without its package; add hook: with the import path of the package that has Get`},
		{"no field", "hooks: {own: [{literal: net/http.Server, hook: example.com/x, wrap: W}]}\n", `f.yaml:1:15: a literal without the field to wrap; add field:`},
		{"unexported", "hooks: {own: [{function: net/http.Get, hook: example.com/x, replace: get}]}\n", `f.yaml:1:70: replace: "get" is no exported name`},
		{"unknown key", "hooks: {own: [{funktion: net/http.Get, hook: example.com/x, replace: Get}]}\n", `f.yaml:1:16: unknown key "funktion" in a hook of your own; did you mean function?`},
		{"two kinds", "hooks: {own: [{function: a/b.C, result: a/b.C, hook: example.com/x, replace: Get}]}\n", `f.yaml:1:33: a point is one of function and result, not both; make two of them`},
		{"bad context", "hooks: {own: [{function: a/b.C, context: maybe, hook: example.com/x, replace: Get}]}\n", `f.yaml:1:42: context: "maybe" is neither true nor required; write true, or required`},
		{"context of a result", "hooks: {own: [{result: a/b.C, context: true, hook: example.com/x, wrap: Get}]}\n", `f.yaml:1:31: only a function or a method has context:; remove it`},
		{"implements of a function", "hooks: {own: [{function: a/b.C, implements: true, hook: example.com/x, replace: Get}]}\n", `f.yaml:1:33: only a method of an interface has implements:; remove it`},
		{"interfaces of a function", "hooks: {own: [{function: a/b.C, interfaces: Any, hook: example.com/x, replace: Get}]}\n", `f.yaml:1:33: only an exported method of a type that is no interface has interfaces:; remove it`},
		{"interfaces of an interface", "hooks: {own: [{method: (a/b.C).D, implements: true, interfaces: Any, hook: example.com/x, replace: Get}]}\n", `f.yaml:1:53: only an exported method of a type that is no interface has interfaces:; remove it`},
		{"interfaces without a function", "hooks: {own: [{method: (a/b.C).D, interfaces: true, hook: example.com/x, replace: Get}]}\n", `f.yaml:1:47: interfaces`},
		{"import with a function", "hooks: {own: [{import: a/b, hook: example.com/x, replace: Get}]}\n", `f.yaml:1:50: an import has no replace:; remove it`},
		{"pointer", "hooks: {own: [{function: '*a/b.C', hook: example.com/x, replace: Get}]}\n", `f.yaml:1:26: function: "*a/b.C" is a pointer; remove the *`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, problems := Parse("f.yaml", []byte(test.text))
			if len(problems) == 0 || !strings.HasPrefix(problems[0].String(), test.want) {
				t.Errorf("got  %v\nwant %s", problems, test.want)
			}
		})
	}
}
