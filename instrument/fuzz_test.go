package instrument_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/config"
)

// selectAll is the configuration that traces every function below dir.
func selectAll(t testing.TB, dir string) *config.Config {
	t.Helper()
	c, problems := config.Parse(filepath.Join(dir, config.FileName), []byte("select: [{package: ./...}]"))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return c
}

// single makes a package of one arbitrary source.
func single(src string) *instrument.Package {
	dir := filepath.FromSlash("/fuzz/module/folder")
	return &instrument.Package{
		Dir: dir, ImportPath: "example.com/module/folder", Module: "example.com/module", ModuleDir: filepath.Dir(dir),
		Files: []instrument.File{{Path: filepath.Join(dir, "file.go"), Src: []byte(src)}},
	}
}

// fuzz seeds a target with every source of the goldens, and gives each input
// to check twice: with the directives that it holds, and with every function
// selected. What is generated already is taken out of it first.
func fuzz(f *testing.F, check func(t *testing.T, m *module)) {
	for _, g := range loadGoldens(f) {
		for name, src := range g.files {
			if strings.HasSuffix(name, ".go") {
				f.Add(string(src))
			}
		}
	}
	for _, src := range oddSources {
		f.Add(src)
	}
	all := selectAll(f, filepath.FromSlash("/fuzz/module"))
	f.Fuzz(func(t *testing.T, src string) {
		bare, ds := instrument.Strip(instrument.File{Path: filepath.FromSlash("/fuzz/file.go"), Src: []byte(src)})
		if instrument.HasErrors(ds) {
			return
		}
		src = string(bare)
		for _, opt := range []instrument.Options{{}, {Config: all}} {
			if m, ok := planned(single(src), opt); ok {
				check(t, m)
			}
		}
	})
}

// oddSources are inputs that the goldens do not hold: they are no programs.
var oddSources = []string{
	"", "\n", "package", "package p", "\ufeffpackage p", "package p\n//orchestrall:trace",
	"package p;//orchestrall:trace\nfunc f(){}", "package p;func f(){}//orchestrall:gen",
	"package p\n\nfunc f() {\n\t_ = 1 //orchestrall:gen\n}\n",
	"package p\n\nfunc f() {\n\tdefer x() //orchestrall:gen oneline\n}\n",
	"//orchestrall:trace\npackage p\n\nfunc F() error { return nil }\n",
	"package p\n//orchestrall:trace\nfunc _() {}\n//orchestrall:trace\nfunc _() {}",
	"package p\n//orchestrall:trace\nfunc (T) f() {\x00}", "package p\n/*line x:1:1*///orchestrall:trace\nfunc f(){}",
	"package p\n//line :0\n//orchestrall:trace\nfunc f(){}",
	"package A\nfunc A(A){/*\n*/}", "package A\nfunc A(){;;}",
	"package A\nimport(.\"context\"\n\"\")\nfunc A(A Context){}",
	"//go:build 0\npackage A\nimport\"context\"\nfunc A(context.Context)error{return nil}",
}

// FuzzBuild: the build layout parses, and no token of the user's moves.
func FuzzBuild(f *testing.F) {
	fuzz(f, func(t *testing.T, m *module) {
		checkParses(t, m)
		checkLines(t, m)
	})
}

// FuzzStripGenerate: strip(generate(x)) == x.
func FuzzStripGenerate(f *testing.F) {
	fuzz(f, func(t *testing.T, m *module) {
		checkStrip(t, m)
		checkFormatted(t, m)
	})
}

// FuzzTwice: generate(generate(x)) == generate(x).
func FuzzTwice(f *testing.F) { fuzz(f, checkTwice) }

// FuzzSameTree: both layouts are the same program.
func FuzzSameTree(f *testing.F) { fuzz(f, checkSameTree) }

// FuzzComments: no comment and no directive is lost.
func FuzzComments(f *testing.F) { fuzz(f, checkComments) }

// FuzzStrip: strip takes any input, and a second strip finds nothing more.
func FuzzStrip(f *testing.F) {
	root := filepath.FromSlash("/golden")
	for _, g := range loadGoldens(f) {
		for _, o := range g.render(f, root).source {
			f.Add(string(o.Src))
		}
	}
	for _, src := range oddSources {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		path := filepath.FromSlash("/fuzz/file.go")
		once, ds := instrument.Strip(instrument.File{Path: path, Src: []byte(src)})
		if instrument.HasErrors(ds) {
			return
		}
		twice, ds := instrument.Strip(instrument.File{Path: path, Src: once})
		if instrument.HasErrors(ds) || string(once) != string(twice) {
			t.Errorf("strip twice: %v\n-- once --\n%s\n-- twice --\n%s", ds, once, twice)
		}
		instrument.HasDirective([]byte(src))
	})
}
