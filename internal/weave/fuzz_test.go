package weave_test

import (
	"bytes"
	"maps"
	"path"
	"strings"
	"testing"

	"github.com/orchestrall/orchestrall/internal/weave"
	"github.com/orchestrall/orchestrall/rewrite"
)

// FuzzWeave checks that what compiles still does when it is woven, on the
// programs of the goldens and what becomes of them.
func FuzzWeave(f *testing.F) {
	goldens := loadGoldens(f)
	for i, g := range goldens {
		f.Add(uint8(i), g.files[path.Join(g.name, "main.go")])
	}
	for i, g := range goldens {
		switch g.name {
		case "calls":
			f.Add(uint8(i), []byte("package main; import . \"example.com/calls/lib\"; func main() { for c, _ := Open(\"\"); c != nil; c, _ = Open(c.Name) {} }"))
			f.Add(uint8(i), []byte("package main\nimport l \"example.com/calls/lib\"\nvar _, _ = l.Open, func() (_ *l.Conn) { switch _, err := l.Open(`\r\n`); { case err == nil: }; return }\nfunc main() {}"))
		case "methods":
			f.Add(uint8(i), []byte("package main\nimport l \"example.com/methods/lib\"\nfunc main() { var c struct{ l.Client }; if f := c.Do; f != nil { defer c.Close(); go (&c).Client.Close() }; _ = [...]any{c.Sum, l.Header{}.Get, new(l.List[map[string]int]).Add} }"))
		case "literals":
			f.Add(uint8(i), []byte("package main\nimport l \"example.com/literals/lib\"\nfunc main() { if (l.Client{}).Name() == \"\" { }; _ = map[string]*l.Client{\"\": {}, \"b\": {Timeout: 1,}}; _ = l.Box[[]l.Client]{Fill: nil} }"))
		case "contexts":
			f.Add(uint8(i), []byte("package main\nimport (\"context\"; . \"example.com/contexts/lib\"; \"net/http\")\nfunc f(r *http.Request) { for ctx := range make(chan context.Context) { func() { (Printf)(\"\",\n) ; Flush() }(); _ = ctx } }\nfunc g(c struct{ *Conn }, a, ctx context.Context) { defer c.Publish(\"\"); go (&c).Publish(\"\"); _ = []any{c.Publish, ctx}; if ctx := ctx; a == nil { Flush() } }\nfunc main() {}"))
		case "interfaces":
			f.Add(uint8(i), []byte("package main\nimport l \"example.com/interfaces/lib\"\ntype d interface{ Do(string, ...int) (string, error) }\ntype e struct{ d; *l.Client }\nfunc f[T d](t T, p interface{ d; Publish(string) }) { x := e{}; defer x.d.Do(``); go t.Do(``, []int{1}...); p.Publish(``); _ = []any{t.Do, d.Do, l.Doer.Do, x.Client.Do, (p).Do}; (x.d.Do)(``); l.NewService(p).Do(``) }\nfunc main() {}"))
		case "implements":
			f.Add(uint8(i), []byte("package main\nimport l \"example.com/implements/lib\"\ntype e struct{ *l.Fake }\nfunc main() { var x struct{ e; l.Publisher }; x.Generate(``, []int{1}...); x.Publish(``); _ = []any{x.Generate, (*e).Generate, l.Publisher.Publish, x.Fake.Generate}; func(p interface{ l.Stream }) { go p.Publish(``) }(nil) }"))
		case "imports":
			f.Add(uint8(i), []byte("package main; import l \"example.com/imports/lib\"; func other() { l.Run(``); l.Other() }; func main() {}"))
		case "parameters":
			f.Add(uint8(i), []byte("package main\nimport (. \"context\"; c \"context\"; l \"example.com/parameters/lib\")\nfunc f(m, n *l.Msg, s ...l.Streamed) (m2 *l.Msg) { _, _ = c.TODO(), Background(); _ = func(x l.Streamed) any { defer c.Background(); return c.Background }; return }\nfunc main() {}"))
		case "results":
			f.Add(uint8(i), []byte("package main\nimport l \"example.com/results/lib\"\nfunc main() { f := func(*l.DB, error) {}; f(l.Open()); x := []func(...string) (*l.DB, error){l.Open}; _ = x; go f(l.Open(\"a\")) }"))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, src []byte) {
		g := goldens[int(which)%len(goldens)]
		name := path.Join(g.name, "main.go")
		files := maps.Clone(g.files)
		files["record/record.go"], files[name] = []byte(record), src
		before := newSource(t, files)
		p, err := before.load("example.com/" + g.name)
		if err != nil || bytes.Contains(src, []byte("import \"C\"")) {
			return
		}
		bound, _ := weave.Bind(g.library, before.Import)
		edits := weave.Weave(p, bound).Edits[name]
		if len(edits) == 0 {
			return
		}
		woven, err := rewrite.Apply(src, edits)
		if err != nil {
			t.Fatalf("%v\n%s", err, src)
		}
		if got, want := lines(woven), lines(src); !strings.HasPrefix(got, want) {
			t.Errorf("%s line ends became %s:\n%s", want, got, woven)
		}
		files[name] = woven
		if _, err := newSource(t, files).load("example.com/" + g.name); err != nil {
			t.Errorf("%v\nbefore:\n%s\nwoven:\n%s", err, src, woven)
		}
	})
}

// lines stands for the number of line ends.
func lines(src []byte) string { return strings.Repeat("\n", bytes.Count(src, []byte("\n"))) }
