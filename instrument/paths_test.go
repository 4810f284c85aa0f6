package instrument_test

import (
	"go/parser"
	"go/token"
	"slices"
	"testing"

	"github.com/orchestrall/orchestrall/instrument"
)

// The compiler reads a copy, but every position in it is the user's own.
func TestPathsNameTheUsersFile(t *testing.T) {
	src := "//go:build linux\n\n// Package p is documented.\npackage p\n\n//orchestrall:trace attr.n=n\nfunc f(n int) {\n\tg()\n}\n\nfunc g() {}\n"
	pkg := &instrument.Package{
		Dir: "/home/a user/p", ImportPath: "example.com/p", Module: "example.com/p", ModuleDir: "/home/a user/p",
		Files: []instrument.File{{Path: "/home/a user/p/p.go", Src: []byte(src)}},
	}
	plan, ds := instrument.NewPlan(pkg, instrument.Options{Paths: true})
	if len(ds) > 0 {
		t.Fatal(ds)
	}
	out, ds := plan.Build()
	at := slices.IndexFunc(out, func(o instrument.Output) bool { return o.Path == pkg.Files[0].Path })
	if len(ds) > 0 || at < 0 {
		t.Fatal("the file is not instrumented", ds)
	}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "/cache/0123/p.go", out[at].Src, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, decl := range file.Decls {
		if at := fset.Position(decl.End()); at.Filename != "/home/a user/p/p.go" {
			t.Errorf("a declaration ends at %v", at)
		}
	}
	if at := fset.Position(file.Name.Pos()); at.Line != 4 || at.Column != len("package ")+1 {
		t.Errorf("the package is named at %v, not where the user wrote it", at)
	}
}
