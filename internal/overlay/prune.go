package overlay

import (
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/orchestrall/orchestrall/internal/cachefile"
)

const (
	pruneEvery = 24 * time.Hour
	keepUnused = 14 * 24 * time.Hour
)

// touch marks a file as used. Once a day is enough: prune looks at days.
func (s *store) touch(path string, info fs.FileInfo) {
	if now := time.Now(); now.Sub(info.ModTime()) > pruneEvery {
		_ = os.Chtimes(path, now, now) // at worst it is written again one day
	}
}

// prune removes what no build has used for two weeks. It looks once a day.
func (s *store) prune() {
	stamp := filepath.Join(s.dir, "pruned")
	now := time.Now()
	if info, err := os.Stat(stamp); err == nil && now.Sub(info.ModTime()) < pruneEvery {
		return
	}
	if cachefile.Write(stamp, nil) != nil {
		return
	}
	s.pruneBefore(now.Add(-keepUnused))
}

// pruneBefore removes files that were last used before limit, and the folders
// that this leaves empty. A file that can't be removed stays for another day.
func (s *store) pruneBefore(limit time.Time) {
	var folders []string
	_ = filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // another build may have removed it
		}
		if d.IsDir() {
			folders = append(folders, path)
			return nil
		}
		if info, err := d.Info(); err == nil && info.ModTime().Before(limit) {
			_ = os.Remove(path)
		}
		return nil
	})
	for i := len(folders) - 1; i > 0; i-- {
		_ = os.Remove(folders[i]) // only an empty one goes
	}
}
