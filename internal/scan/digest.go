package scan

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"
)

// A Digest identifies what the files of folders hold.
type Digest [sha256.Size]byte

// Digests returns for each of roots a digest of its files and of those of every
// first-party package that it imports. A folder that is true in roots counts
// with its tests and what they import.
func (t *Tree) Digests(roots map[*Folder]bool) map[*Folder]Digest {
	needed := make(map[*Folder]bool)
	for f, tests := range roots {
		t.visit([]*Folder{f}, tests, func(x *Folder) bool {
			needed[x] = true
			return true
		})
	}
	own := t.contents(needed)
	all := make(map[*Folder]Digest, len(roots))
	for f, tests := range roots {
		var below []*Folder
		t.visit([]*Folder{f}, tests, func(x *Folder) bool {
			below = append(below, x)
			return true
		})
		slices.SortFunc(below, func(a, b *Folder) int { return compareDirs(a, b) })
		h := sha256.New()
		for _, x := range below {
			sum := own[x]
			fmt.Fprintf(h, "%q %x\n", x.Dir, sum)
		}
		fmt.Fprintf(h, "%q %v\n", f.Dir, tests)
		all[f] = Digest(h.Sum(nil))
	}
	return all
}

// contents hashes the files of folders. Files are read once more: most scans
// need no digest.
func (t *Tree) contents(folders map[*Folder]bool) map[*Folder]Digest {
	list := make([]*Folder, 0, len(folders))
	for f := range folders {
		list = append(list, f)
	}
	sums := make([]Digest, len(list))
	var group errgroup.Group
	group.SetLimit(2 * runtime.GOMAXPROCS(0))
	for i, f := range list {
		group.Go(func() error {
			var buf []byte
			h := sha256.New()
			for _, file := range f.Files {
				data, err := readInto(&buf, file.path(f.Dir))
				fmt.Fprintf(h, "%q %d %v\n", filepath.Base(file.Name), len(data), err)
				h.Write(data)
			}
			sums[i] = Digest(h.Sum(nil))
			return nil
		})
	}
	_ = group.Wait() // what can't be read is part of the digest
	all := make(map[*Folder]Digest, len(list))
	for i, f := range list {
		all[f] = sums[i]
	}
	return all
}

func compareDirs(a, b *Folder) int {
	switch {
	case a.Dir < b.Dir:
		return -1
	case a.Dir > b.Dir:
		return 1
	}
	return 0
}

// Content returns what the build sees of a folder's file.
func (t *Tree) Content(f *Folder, file *SourceFile) ([]byte, error) {
	var buf []byte
	return readInto(&buf, file.path(f.Dir))
}
