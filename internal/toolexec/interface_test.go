package toolexec

import (
	"path/filepath"
	"testing"
)

// Calls through interfaces, and contexts that orchestrall.yaml tells how to
// read, are woven by either front end alike, by the tool's hooks and by the
// user's own.
func TestHooksThroughInterfaces(t *testing.T) {
	w := newWorld(t, `
-- go.mod --
module example.com/app

go 1.26.0

RUNTIME
-- orchestrall.yaml --
hooks:
  own:
    - method: (*strings.Reader).Len
      replace: Len
      interfaces: AnyLen
      hook: example.com/app/trace
    - function: strings.Repeat
      context: true
      replace: Repeat
      hook: example.com/app/trace
contexts:
  - type: "*example.com/app/store.Request"
    get: "{}.Context"
-- main.go --
package main

import "example.com/app/store"

func main() { println(store.Name("x")) }
-- store/store.go --
package store

import (
	"context"
	text "strings"
)

type Request struct{ Context context.Context }

type buffer interface {
	Reset()
	Len() int
}

type own struct{ n int }

func (o *own) Reset()   { o.n = 0 }
func (o *own) Len() int { return o.n }

func Name(s string) int {
	var b text.Builder
	n := text.NewReader(s)
	repeated(&Request{context.WithValue(context.Background(), "name", "request")})
	return cleared(&b) + cleared(&own{3}) + interface{ Len() int }(n).Len()
}

func repeated(r *Request) { text.Repeat("x", 2) }

func cleared(b buffer) int {
	b.Reset()
	return b.Len()
}
-- trace/trace.go --
package trace

import (
	"context"
	"strings"
)

func Repeat(ctx context.Context, s string, n int) string {
	println("own: Repeat of", ctx.Value("name").(string))
	return strings.Repeat(s, n)
}

func Len(r *strings.Reader) int { println("own: Len"); return r.Len() }

func AnyLen(r interface{ Len() int }) int {
	if own, ok := r.(*strings.Reader); ok {
		return Len(own)
	}
	return r.Len()
}
`)
	want := []string{"bootstrap example.com/app", "own: Repeat of request", "hook: Reset", "own: Len", "1", "flush example.com/app"}
	wantLines(t, w.build(".", "-trimpath"), want...)
	work := w.work("-a", "-trimpath", "./store")
	exe, replaced := w.overlay(t, "-trimpath")
	wantLines(t, w.run(exe), want...)
	wantSame(t, filepath.Join(work, "b*", "orchestrall", "store.go"), replaced[filepath.Join(w.dir, "store", "store.go")])
}
