package overlay

import (
	"strings"
	"testing"

	"github.com/orchestrall/orchestrall/rewrite"
)

func TestAlign(t *testing.T) {
	const src = `package p; import "lib"

func f() error {lib.Open(); if x() {return lib.Do()} else if y() { lib.Open() }
	return nil
}
`
	const counted = `//line p.go:1:1
package p; import _ "sync/atomic"; import "lib"

func f() error {GoCover[0]++;lib.Open(); if x() {GoCover[1]++;return lib.Do()} else{ GoCover[2]++;if y() {GoCover[3]++; lib.Open() }}
	GoCover[4]++;return nil
}
`
	var edits []rewrite.Edit
	for at, rest := 0, src; ; {
		i := strings.Index(rest, "lib.")
		if i < 0 {
			break
		}
		at += i
		edits = append(edits, rewrite.Edit{Start: at, End: at + 3, Text: "hook"}, rewrite.Insert(at, "W("), rewrite.Insert(strings.IndexByte(src[at:], ')')+at+1, ")"))
		at += 4
		rest = src[at:]
	}
	edits = append(edits, rewrite.Insert(len(src), "type _ = lib.T\n"))
	moved, err := align([]byte(src), []byte(counted), edits)
	if err != nil {
		t.Fatal(err)
	}
	got, err := rewrite.Apply([]byte(counted), moved)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer("lib.Open()", "W(hook.Open())", "lib.Do()", "W(hook.Do())").Replace(counted) + "type _ = lib.T\n"
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if _, err := align([]byte(src), []byte("package q"), edits); err == nil {
		t.Error("a file without the tokens is taken")
	}
}
