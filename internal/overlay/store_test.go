package overlay

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

func TestPrune(t *testing.T) {
	s := &store{dir: t.TempDir()}
	now := time.Now()
	used, err := s.writeContent("a.go", []byte("used"))
	if err != nil {
		t.Fatal(err)
	}
	unused, err := s.writeContent("a.go", []byte("unused"))
	if err != nil {
		t.Fatal(err)
	}
	old := now.Add(-30 * 24 * time.Hour)
	for _, sum := range []string{used, unused} {
		if err := os.Chtimes(s.content(sum, "a.go"), old, old); err != nil {
			t.Fatal(err)
		}
	}
	if !s.complete([]output{{Path: "a.go", Sum: used}}) {
		t.Fatal("a file is gone")
	}
	s.prune()
	if _, err := os.Stat(s.content(used, "a.go")); err != nil {
		t.Error("a file that is in use was removed")
	}
	if _, err := os.Stat(filepath.Dir(s.content(unused, "a.go"))); err == nil {
		t.Error("an unused file stays")
	}
}

func TestBuildsShareTheCache(t *testing.T) {
	s := &store{dir: t.TempDir()}
	src := make([]byte, 1<<20)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 20 {
				sum, err := s.writeContent("a.go", src)
				if err != nil {
					t.Error(err)
					return
				}
				data, err := os.ReadFile(s.content(sum, "a.go"))
				if err != nil || len(data) != len(src) {
					t.Errorf("read %d bytes, %v", len(data), err)
				}
			}
		})
	}
	wait.Wait()
	err := filepath.WalkDir(s.dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Base(path) != "a.go" {
			t.Errorf("%s is left over", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
