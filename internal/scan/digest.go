package scan

import (
	"crypto/sha256"
	"fmt"
	"io"
	"path/filepath"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// A Digest identifies what the files of folders hold.
type Digest [sha256.Size]byte

// Digests returns for each of roots a digest of its files and of those of every
// first-party package that it imports. A folder that is true in roots counts
// with its tests and what they import.
func (t *Tree) Digests(roots map[*Folder]bool) map[*Folder]Digest {
	var plain, tested []*Folder
	for f, tests := range roots {
		if tests {
			tested = append(tested, f)
		} else {
			plain = append(plain, f)
		}
	}
	needed := t.Closure(plain, false)
	for f := range t.Closure(tested, true) {
		needed[f] = true
	}
	d := digester{tree: t, own: t.contents(needed), deep: make(map[*Folder]Digest, len(needed))}
	all := make(map[*Folder]Digest, len(roots))
	for f, tests := range roots {
		all[f] = d.of(f)
		if tests {
			h := sha256.New()
			fmt.Fprintf(h, "tests %x\n", all[f])
			d.imports(h, f, true)
			all[f] = Digest(h.Sum(nil))
		}
	}
	return all
}

// A digester makes the digest of a package from those of what it imports, each
// once.
type digester struct {
	tree *Tree
	own  map[*Folder]Digest
	deep map[*Folder]Digest
}

func (d *digester) of(f *Folder) Digest {
	if sum, done := d.deep[f]; done {
		return sum
	}
	d.deep[f] = Digest{} // an import cycle ends here: the compiler tells of it
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %x\n", f.Dir, f.ImportPath, d.own[f])
	d.imports(h, f, false)
	sum := Digest(h.Sum(nil))
	d.deep[f] = sum
	return sum
}

// imports writes the digests of what the files of f, or its tests, import.
func (d *digester) imports(w io.Writer, f *Folder, tests bool) {
	for _, file := range f.Files {
		if file.Test != tests {
			continue
		}
		for _, path := range file.Imports {
			if x := d.tree.byPath[path]; x != nil && x != f {
				fmt.Fprintf(w, "%q %x\n", path, d.of(x))
			}
		}
	}
}

// contents hashes the files of folders. Files are read once more: most scans
// need no digest.
func (t *Tree) contents(folders map[*Folder]bool) map[*Folder]Digest {
	var list []*Folder
	for f := range folders {
		if _, done := t.digests[f]; !done {
			list = append(list, f)
		}
	}
	if t.digests == nil {
		t.digests = make(map[*Folder]Digest, len(list))
	}
	sums := make([]Digest, len(list))
	var group errgroup.Group
	group.SetLimit(2 * runtime.GOMAXPROCS(0))
	for i, f := range list {
		group.Go(func() error {
			var buf []byte
			sums[i] = digestFiles(f, func(file *SourceFile) ([]byte, error) { return readInto(&buf, file.path(f.Dir)) })
			return nil
		})
	}
	_ = group.Wait() // what can't be read is part of the digest
	for i, f := range list {
		t.digests[f] = sums[i]
	}
	return t.digests
}

// DigestAll reads folders together, for [Tree.Digest].
func (t *Tree) DigestAll(folders []*Folder) {
	all := make(map[*Folder]bool, len(folders))
	for _, f := range folders {
		all[f] = true
	}
	t.contents(all)
}

// Digest identifies what the folder's own files held when they were first read
// for a digest.
func (t *Tree) Digest(f *Folder) Digest { return t.contents(map[*Folder]bool{f: true})[f] }

// Unchanged reports whether the folder's files, as they were read now, are
// those of [Tree.Digest]: what is made from them may be remembered under it.
func (t *Tree) Unchanged(f *Folder, content map[string][]byte) bool {
	now := digestFiles(f, func(file *SourceFile) ([]byte, error) {
		data, ok := content[filepath.Join(f.Dir, file.Name)]
		if !ok {
			return readInto(new([]byte), file.path(f.Dir))
		}
		return data, nil
	})
	return now == t.Digest(f)
}

func digestFiles(f *Folder, read func(*SourceFile) ([]byte, error)) Digest {
	h := sha256.New()
	for _, file := range f.Files {
		data, err := read(file)
		fmt.Fprintf(h, "%q %d %v\n", file.Name, len(data), err)
		h.Write(data)
	}
	return Digest(h.Sum(nil))
}

// Content returns what the build sees of a folder's file.
func (t *Tree) Content(f *Folder, file *SourceFile) ([]byte, error) {
	var buf []byte
	return readInto(&buf, file.path(f.Dir))
}
