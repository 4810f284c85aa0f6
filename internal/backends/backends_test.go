package backends

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestDir(t *testing.T) {
	t.Setenv(DirVariable, "relative")
	dir, err := Dir()
	if err != nil || !filepath.IsAbs(dir) || filepath.Base(dir) != "relative" {
		t.Errorf("%s, %v", dir, err)
	}
	t.Setenv(DirVariable, "")
	t.Setenv("XDG_CACHE_HOME", "/cache")
	if dir, err := Dir(); err != nil || dir != "/cache/orchestrall/backends" {
		t.Errorf("%s, %v", dir, err)
	}
}

// A program is found where its part is whole, and another recipe is another folder.
func TestLocate(t *testing.T) {
	dir := t.TempDir()
	programs, missing := Locate(dir, Parts())
	if len(programs) != 0 || !slices.Contains(missing, "loki") || !slices.Contains(missing, "amtool") {
		t.Errorf("%v, %v", programs, missing)
	}
	p := Part{Name: "tool", Version: "v1", Programs: []string{"tool"}}
	changed := p
	changed.recipe = "with more"
	if p.folder(dir) == changed.folder(dir) {
		t.Errorf("both recipes are in %s", p.folder(dir))
	}
}

// A part that fails or is interrupted leaves nothing that looks whole.
func TestBring(t *testing.T) {
	dir, trouble := t.TempDir(), errors.New("no network")
	fail := true
	p := Part{Name: "tool", Version: "v1", Programs: []string{"tool"}, install: func(_ context.Context, w *work) error {
		if err := os.WriteFile(filepath.Join(w.bin, "tool"), nil, 0o755); err != nil {
			return err
		}
		if fail {
			return trouble
		}
		return nil
	}}
	var out strings.Builder
	if err := p.bring(t.Context(), dir, &out); !errors.Is(err, trouble) {
		t.Fatal(err)
	}
	if _, err := os.Stat(p.folder(dir)); err == nil {
		t.Fatal("half a part is there")
	}
	fail = false
	if err := p.bring(t.Context(), dir, &out); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(p.folder(dir), "tool")); err != nil {
		t.Fatal(err)
	}
	p.Programs, p.Version = []string{"tool", "other"}, "v2"
	if err := p.bring(t.Context(), dir, &out); err == nil || !strings.Contains(err.Error(), "other is missing") {
		t.Errorf("%v", err)
	}
}

func TestWrap(t *testing.T) {
	got := string(wrap([]byte("module github.com/a/b\n\ngo 1.24\n\ntoolchain go1.25\n\nrequire c.example v1.0.0\n\n"+
		"replace d.example => ./pkg/d\n\nreplace (\n\te.example => ../e\n\tf.example => g.example v1.2.3\n)\n\nreplace h.example => i.example v0.1.0\n"), "github.com/a/b", "v1.2.3"))
	for _, want := range []string{"module backends.invalid/build\n", "require github.com/a/b v1.2.3\n", "require c.example v1.0.0\n", "f.example => g.example v1.2.3\n", "replace h.example => i.example v0.1.0\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing:\n%s", want, got)
		}
	}
	for _, bad := range []string{"toolchain", "d.example", "e.example =>"} {
		if strings.Contains(got, bad) {
			t.Errorf("%q is still there:\n%s", bad, got)
		}
	}
}

// Kubernetes' own modules are taken from where they are published.
func TestPublished(t *testing.T) {
	got := string(wrap(published([]byte("module k8s.io/kubernetes\n\nreplace (\n\tk8s.io/api => ./staging/src/k8s.io/api\n)\n")), "k8s.io/kubernetes", KubernetesVersion))
	if !strings.Contains(got, "\tk8s.io/api => k8s.io/api v0.36.3\n") {
		t.Error(got)
	}
}

// What the go command says beside the names of packages is kept for the error.
func TestFollow(t *testing.T) {
	var out strings.Builder
	w := &work{label: "x", out: &out}
	said := w.follow(strings.NewReader(strings.Repeat("example.com/p\n", 450)+"# example.com/p\np.go:1:1: wrong\n"), 900)
	if said != "# example.com/p\np.go:1:1: wrong" || out.String() != "x: 200 of 900 packages\nx: 400 of 900 packages\n" {
		t.Errorf("%q, %q", said, out.String())
	}
}
