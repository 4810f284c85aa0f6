package library

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/orchestrall/orchestrall/internal/config"
	"github.com/orchestrall/orchestrall/internal/hooks"
)

// Every file of the folder is in order.
func TestFiles(t *testing.T) {
	_, problems := Load()
	for _, p := range problems {
		t.Error(p)
	}
}

func TestProblems(t *testing.T) {
	const rest = "hook: example.com/hook\npoints: [{function: example.com/x.F, replace: F}]\n"
	_, problems := load(fstest.MapFS{
		"a.yaml": {Data: []byte("library: x\n" + rest)},
		"b.yaml": {Data: []byte("library: x\n" + rest)},
		"c.yaml": {Data: []byte("library: c\nmodul: example.com/x\n" + rest)},
	})
	var got []string
	for _, p := range problems {
		got = append(got, p.String())
	}
	want := "library/b.yaml:1:1: the library x stands in library/a.yaml, too\n" +
		`library/c.yaml:2:1: unknown key "modul" in a library; did you mean module?`
	if s := strings.Join(got, "\n"); s != want {
		t.Errorf("got:\n%s\nwant:\n%s", s, want)
	}
}

func TestUnknownLibrary(t *testing.T) {
	c, problems := config.Parse("orchestrall.yaml", []byte("hooks:\n  off: [no-such-library]\n"))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	found := Check(c)
	if len(found) != 1 || !strings.HasPrefix(found[0].String(), "orchestrall.yaml:2:9: no hooks are known for no-such-library") {
		t.Errorf("problems: %v", found)
	}
}

// What is read for a program is what its imports ask for.
func TestImporting(t *testing.T) {
	for _, l := range All() {
		for _, path := range l.Packages() {
			found := Importing(map[string]bool{path: true, "fmt": true})
			if !slices.ContainsFunc(found, func(o *hooks.Library) bool { return o.Name == l.Name }) {
				t.Errorf("%s is not read for a program that imports %s", l.Name, path)
			}
		}
	}
	if found := Importing(map[string]bool{"fmt": true, "io": true, "os": true, "time": true}); len(found) > 0 {
		t.Errorf("%d libraries are read for a program that imports none", len(found))
	}
}
