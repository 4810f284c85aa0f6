package weave_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/orchestrall/orchestrall/internal/config"
	"github.com/orchestrall/orchestrall/internal/hooks"
	"github.com/orchestrall/orchestrall/internal/weave"
	"github.com/orchestrall/orchestrall/rewrite"
)

var update = flag.Bool("update", false, "rewrite the want/ parts of testdata")

// record is what the hook packages of the cases call, so that what they saw
// can be told from what the program prints.
const record = `package record

import (
	"fmt"
	"os"
)

var all []string

func Add(s string) { all = append(all, s) }

func Print() {
	for _, s := range all {
		fmt.Fprintln(os.Stderr, s)
	}
}
`

// A golden is one archive: a program below example.com/NAME, the hooks in
// hooks.yaml, and what is wanted of it below want/.
type golden struct {
	name    string
	file    string
	archive *txtar.Archive
	library *hooks.Library
	config  *config.Config    // orchestrall.yaml, nil without one
	files   map[string][]byte // by path in the module
	wants   map[string]string
}

func loadGoldens(t testing.TB) []*golden {
	t.Helper()
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no goldens: %v", err)
	}
	var all []*golden
	for _, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		g := &golden{name: strings.TrimSuffix(filepath.Base(name), ".txtar"), file: name, archive: archive, files: map[string][]byte{}, wants: map[string]string{}}
		for _, f := range archive.Files {
			if want, ok := strings.CutPrefix(f.Name, "want/"); ok {
				g.wants[want] = string(f.Data)
			} else if f.Name == "hooks.yaml" {
				var problems []config.Problem
				if g.library, problems = config.ParseLibrary(name, f.Data); len(problems) > 0 {
					t.Fatal(problems)
				}
			} else if f.Name == config.FileName {
				var problems []config.Problem
				if g.config, problems = config.Parse(name, f.Data); len(problems) > 0 {
					t.Fatal(problems)
				}
			} else {
				g.files[path.Join(g.name, f.Name)] = f.Data
			}
		}
		all = append(all, g)
	}
	return all
}

// stdExports are the export data of what the cases import.
var stdExports = sync.OnceValues(func() (map[string]string, error) {
	out, err := exec.Command("go", "list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}", "fmt", "os", "runtime", "strings", "context", "errors", "net/http").Output()
	exports := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		name, file, _ := strings.Cut(strings.TrimSpace(line), "\t")
		exports[name] = file
	}
	return exports, err
})

// A source is an importer of packages that are given as files.
type source struct {
	files   map[string][]byte // by path below example.com
	std     types.Importer
	checker *weave.Checker
	loaded  map[string]*weave.Package
}

func newSource(t testing.TB, files map[string][]byte) *source {
	t.Helper()
	exports, err := stdExports()
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	s := &source{files: files, loaded: map[string]*weave.Package{}}
	s.std = weave.Exports(fset, func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, errors.New("no package " + path)
		}
		return os.Open(exports[path])
	})
	s.checker = &weave.Checker{Fset: fset, Imports: s, Arch: "amd64"}
	return s
}

func (s *source) Import(importPath string) (*types.Package, error) {
	if !strings.HasPrefix(importPath, "example.com/") {
		return s.std.Import(importPath)
	}
	p, err := s.load(importPath)
	if err != nil {
		return nil, err
	}
	return p.Types, nil
}

func (s *source) load(importPath string) (*weave.Package, error) {
	if p := s.loaded[importPath]; p != nil {
		return p, nil
	}
	var files []weave.File
	for _, name := range slices.Sorted(maps.Keys(s.files)) {
		if path.Dir("example.com/"+name) != importPath || !strings.HasSuffix(name, ".go") {
			continue
		}
		f, err := weave.Parse(s.checker.Fset, name, s.files[name])
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	if len(files) == 0 {
		return nil, errors.New("no package " + importPath)
	}
	p, err := s.checker.Check(importPath, files, true)
	s.loaded[importPath] = p
	return p, err
}

// woven weaves every package of the case.
func (g *golden) woven(t testing.TB) (map[string][]byte, string) {
	t.Helper()
	files := maps.Clone(g.files)
	files["record/record.go"] = []byte(record)
	s := newSource(t, files)
	bound, problems := weave.Bind(g.library, s.Import)
	for _, p := range problems {
		t.Errorf("%s: %s", p.Point.Target, p.Reason)
	}
	out := make(map[string][]byte)
	var said []string
	folders := map[string]bool{}
	for name := range g.files {
		folders[path.Dir(name)] = true
	}
	for _, dir := range slices.Sorted(maps.Keys(folders)) {
		p, err := s.load("example.com/" + dir)
		if err != nil {
			t.Fatal(err)
		}
		p.Config = g.config
		r := weave.Weave(p, bound)
		for name, edits := range r.Edits {
			if out[name], err = rewrite.Apply(files[name], edits); err != nil {
				t.Fatal(err)
			}
		}
		for _, m := range r.Matches {
			said = append(said, fmt.Sprintf("%s:%d:%d: %s", m.Pos.Filename, m.Pos.Line, m.Pos.Column, g.library.Points[m.Point].Target))
		}
		for _, n := range r.Notes {
			said = append(said, fmt.Sprintf("%s:%d:%d: left alone: %s", n.Pos.Filename, n.Pos.Line, n.Pos.Column, n.Reason))
		}
	}
	return out, strings.Join(said, "\n") + "\n"
}

// TestGolden compares what is woven with want/, compiles and runs it: a woven
// program prints what the plain one prints, and the hooks see the calls.
func TestGolden(t *testing.T) {
	goldens := loadGoldens(t)
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, data, 0o666); err != nil {
			t.Fatal(err)
		}
		return file
	}
	write("src/go.mod", []byte("module example.com\n\ngo 1.26.0\n"))
	write("src/record/record.go", []byte(record))
	replace := map[string]string{}
	got := map[*golden]map[string]string{}
	for _, g := range goldens {
		for name, data := range g.files {
			write("src/"+name, data)
		}
		out, said := g.woven(t)
		got[g] = map[string]string{"points": said}
		for name, data := range out {
			got[g][strings.TrimPrefix(name, g.name+"/")] = string(data)
			replace[filepath.Join(dir, "src", filepath.FromSlash(name))] = write("woven/"+name, data)
			if a, b := bytes.Count(g.files[name], []byte("\n")), bytes.Count(data, []byte("\n")); b < a {
				t.Errorf("%s: %d lines became %d", name, a, b)
			}
		}
	}
	data, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay := write("overlay.json", data)
	for _, args := range [][]string{{"-o", "../plain/"}, {"-o", "../out/", "-overlay", overlay}} {
		cmd := exec.Command("go", slices.Concat([]string{"build"}, args, []string{"./..."})...)
		cmd.Dir = filepath.Join(dir, "src")
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
		write(args[1][3:]+"x", nil)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	for _, g := range goldens {
		t.Run(g.name, func(t *testing.T) {
			plain, nothing := run(t, filepath.Join(dir, "plain", g.name))
			stdout, stderr := run(t, filepath.Join(dir, "out", g.name))
			if diff := cmp.Diff(plain, stdout); diff != "" {
				t.Errorf("the woven program prints something else: %s", diff)
			}
			if nothing != "" || stderr == "" {
				t.Errorf("the plain program called hooks: %q; the woven one: %q", nothing, stderr)
			}
			got[g]["calls"] = stderr
			if *update {
				g.write(t, got[g])
			} else if diff := cmp.Diff(g.wants, got[g]); diff != "" {
				t.Errorf("-want +got: %s", diff)
			}
		})
	}
}

func run(t *testing.T, program string) (stdout, stderr string) {
	t.Helper()
	var out, problems bytes.Buffer
	cmd := exec.Command(program)
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s%s", err, &out, &problems)
	}
	return out.String(), problems.String()
}

func (g *golden) write(t *testing.T, wants map[string]string) {
	t.Helper()
	a := *g.archive
	a.Files = slices.DeleteFunc(slices.Clone(a.Files), func(f txtar.File) bool { return strings.HasPrefix(f.Name, "want/") })
	for _, name := range slices.Sorted(maps.Keys(wants)) {
		a.Files = append(a.Files, txtar.File{Name: "want/" + name, Data: []byte(wants[name])})
	}
	if err := os.WriteFile(g.file, txtar.Format(&a), 0o666); err != nil {
		t.Fatal(err)
	}
}
