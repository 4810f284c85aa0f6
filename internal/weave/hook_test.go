package weave_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"sync"
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
		f, err := parser.ParseFile(files, "x.go", "package x\n\ntype T struct{}\n\nfunc (*T) P() {}\nfunc (T) V() {}\nfunc F() {}\nfunc Connect() {}\nfunc (*T) Close() {}\ntype I interface { Send() }\n", 0)
		if err != nil {
			return nil, err
		}
		return new(types.Config).Check(path, files, []*ast.File{f}, nil)
	}
	for _, test := range []struct{ hook, target, want string }{
		{"example.com/x", "(example.com/x.T).P", "(example.com/x.T).P is (*example.com/x.T).P"},
		{"example.com/x", "(*example.com/x.T).V", "(*example.com/x.T).V is (example.com/x.T).V"},
		{"example.com/x", "(*example.com/x.T).Gone", "(*example.com/x.T).Gone is gone"},
		{"example.com/x", "(*example.com/x.T).Clsoe", "(*example.com/x.T).Clsoe is gone (did you mean Close?)"},
		{"example.com/x", "(example.com/x.I).Snd", "(example.com/x.I).Snd is gone (did you mean Send?)"},
		{"example.com/x", "example.com/x.Conect", "example.com/x.Conect is gone (did you mean Connect?)"},
		{"example.com/x", "(*example.com/x.Tt).Close", "(*example.com/x.Tt).Close is gone (did you mean T?)"},
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

// What a function for interfaces must take is told where it does not.
func TestMismatchesOfInterfaces(t *testing.T) {
	load := sync.OnceValues(func() (*types.Package, error) {
		files := token.NewFileSet()
		f, err := parser.ParseFile(files, "x.go", `package x

type T struct{}

func (*T) Do(n ...int) error { return nil }

type G[E any] struct{}

func (*G[E]) Do(n int) error { return nil }

func Func(t *T, n ...int) error { return nil }

func FuncG[E any](t *G[E], n int) error { return nil }

func Fits(d interface{ Do(n ...int) error }, n ...int) error { return nil }

func Concrete(t *T, n ...int) error { return nil }

func Larger(d interface { Do(n ...int) error; Close() }, n ...int) error { return nil }

func Other(d interface{ Do(n int) error }, n ...int) error { return nil }

func Less(d interface{ Do(n ...int) error }) error { return nil }

func None() {}
`, 0)
		if err != nil {
			return nil, err
		}
		return new(types.Config).Check("example.com/x", files, []*ast.File{f}, nil)
	})
	must := func(have string) string {
		return "x." + have + ", which must take an interface{ Do(n ...int) error } where the method has its receiver"
	}
	for _, test := range []struct{ typ, replace, interfaces, want string }{
		{"T", "Func", "Fits", ""},
		{"T", "Func", "Gone", "example.com/x has no function Gone"},
		{"T", "Func", "Concrete", must("Concrete is func(t *x.T, n ...int) error")},
		{"T", "Func", "Larger", must("Larger is func(d interface{Close(); Do(n ...int) error}, n ...int) error")},
		{"T", "Func", "Other", must("Other is func(d interface{Do(n int) error}, n ...int) error")},
		{"T", "Func", "Less", must("Less is func(d interface{Do(n ...int) error}) error")},
		{"T", "Func", "None", must("None is func()")},
		{"G", "FuncG", "Fits", "(*example.com/x.G).Do is a method of a generic type, which interfaces: cannot be"},
	} {
		target := hooks.Symbol{Package: "example.com/x", Receiver: test.typ, Pointer: true, Name: "Do"}
		l := &hooks.Library{Name: "x", Hook: "example.com/x", Points: []hooks.Point{{Kind: hooks.Method, Target: target, Func: test.replace, Interfaces: test.interfaces}}}
		bound, found := weave.Bind(l, func(string) (*types.Package, error) { return load() })
		switch {
		case test.want == "" && (len(found) > 0 || len(bound) != 2):
			t.Errorf("%s: %v", test.interfaces, found)
		case test.want != "" && (len(found) != 1 || found[0].Reason != test.want || len(bound) != 1):
			t.Errorf("%s: %v", test.interfaces, found)
		}
	}
}
