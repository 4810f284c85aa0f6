package overlay

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// contexts: says how a type of the program's own carries a context for what is
// woven, and a change of it is woven although no source changes.
func TestContextsOfTheConfiguration(t *testing.T) {
	p := writeHooked(t, `
-- go.mod --
module example.com/app

go 1.24
-- orchestrall.yaml --
hooks:
  own: [{function: strings.ToLower, context: true, replace: Lower, hook: example.com/app/trace}]
contexts:
  - type: "*example.com/app/web.Context"
    get: "{}.First"
-- trace/trace.go --
package trace

import (
	"context"
	"strings"
)

type Key struct{}

func Lower(ctx context.Context, s string) string {
	println("own:", ctx.Value(Key{}).(string))
	return strings.ToLower(s)
}
-- web/web.go --
package web

import "context"

type Context struct{ First, Second context.Context }
-- main.go --
package main

import (
	"context"
	"fmt"
	"strings"

	"example.com/app/trace"
	"example.com/app/web"
)

func main() {
	handle(&web.Context{named("first"), named("second")})
}

func handle(c *web.Context) { fmt.Println(strings.ToLower("X")) }

func named(name string) context.Context { return context.WithValue(context.Background(), trace.Key{}, name) }
`, stubLibraries)
	p.settle()
	for _, want := range []string{"first", "second"} {
		p.build("build", "-o", "out.exe", ".")
		if stdout, said := p.execute("out.exe"); stdout != "x\n" || !strings.Contains(said, "own: "+want+"\n") {
			t.Errorf("%q %q, want the %s", stdout, said, want)
		}
		file := filepath.Join(p.dir, "orchestrall.yaml")
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(strings.Replace(string(data), "{}.First", "{}.Second", 1)), 0o666); err != nil {
			t.Fatal(err)
		}
		p.settle()
	}
}
