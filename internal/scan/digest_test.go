package scan

import (
	"os"
	"path/filepath"
	"testing"
)

func TestDigests(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module example.com/d\n\ngo 1.26.0\n")
	write("a/a.go", "package a\n\nimport _ \"example.com/d/b\"\n")
	write("a/a_test.go", "package a\n\nimport _ \"example.com/d/c\"\n")
	write("b/b.go", "package b\n")
	write("c/c.go", "package c\n")
	digest := func(tests bool) Digest {
		t.Helper()
		tree, err := Load(Options{Dir: dir, Environ: []string{"GOWORK=off", "GOENV=off"}})
		if err != nil {
			t.Fatal(err)
		}
		a := tree.Folder("example.com/d/a")
		return tree.Digests(map[*Folder]bool{a: tests})[a]
	}
	for _, step := range []struct {
		name, file, text string
		plain, tested    bool // whether the digest changes
	}{
		{"an import", "b/b.go", "package b\n\nvar X int\n", true, true},
		{"what tests import", "c/c.go", "package c\n\nvar X int\n", false, true},
		{"nothing", "c/c.go", "package c\n\nvar X int\n", false, false},
		{"the package", "a/a.go", "package a\n\nimport _ \"example.com/d/b\"\n\nvar X int\n", true, true},
	} {
		plain, tested := digest(false), digest(true)
		write(step.file, step.text)
		if (digest(false) != plain) != step.plain || (digest(true) != tested) != step.tested {
			t.Errorf("%s: the digests change otherwise", step.name)
		}
	}
}
