package weave_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"testing"

	"github.com/orchestrall/orchestrall/internal/hooks"
	"github.com/orchestrall/orchestrall/internal/weave"
)

func TestMismatches(t *testing.T) {
	load := func(path string) (*types.Package, error) {
		if path == "example.com/none" {
			return nil, errors.New("no module provides it; to add it:\n\tgo get example.com/none")
		}
		files := token.NewFileSet()
		f, err := parser.ParseFile(files, "x.go", "package x\n\ntype T struct{}\n\nfunc (*T) P() {}\nfunc (T) V() {}\nfunc F() {}\n", 0)
		if err != nil {
			return nil, err
		}
		return new(types.Config).Check(path, files, []*ast.File{f}, nil)
	}
	for _, test := range []struct{ hook, target, want string }{
		{"example.com/x", "(example.com/x.T).P", "(example.com/x.T).P is (*example.com/x.T).P"},
		{"example.com/x", "(*example.com/x.T).V", "(*example.com/x.T).V is (example.com/x.T).V"},
		{"example.com/x", "(*example.com/x.T).Gone", "(*example.com/x.T).Gone is gone"},
		{"example.com/none", "(*example.com/x.T).P", "the hook package example.com/none cannot be read: no module provides it; to add it: go get example.com/none"},
		{"example.com/x", "(*example.com/none.T).P", "example.com/none cannot be read: no module provides it; to add it: go get example.com/none"},
	} {
		target, problem := hooks.ParseSymbol(test.target)
		if problem != "" {
			t.Fatal(problem)
		}
		l := &hooks.Library{Name: "x", Hook: test.hook, Points: []hooks.Point{{Kind: hooks.Method, Target: target, Func: "F"}}}
		_, found := weave.Bind(l, load)
		if len(found) != 1 || found[0].Reason != test.want {
			t.Errorf("%s: %+v", test.target, found)
		}
	}
}
