package overlay

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/cachefile"
	"github.com/orchestrall/orchestrall/internal/scan"
)

// A unit is one package on its way through the engine.
type unit struct {
	folder *scan.Folder
	pkg    *instrument.Package // nil until it is needed: see read
	opt    instrument.Options
	entry  entry
}

// An entry is what the cache remembers of a unit.
type entry struct {
	Outputs  []output
	Warnings []instrument.Diagnostic
}

// An output is a file that the build reads instead of, or besides, the user's.
type output struct {
	Path      string // in the user's tree
	Sum       string // of its content
	Generated bool
}

func (u *unit) changes() bool { return len(u.entry.Outputs) > 0 }

// generates reports whether the package gets files that import the runtime.
func (u *unit) generates() bool {
	return slices.ContainsFunc(u.entry.Outputs, func(o output) bool { return o.Generated })
}

// bootstraps reports whether package main got the start of the SDK.
func (e *entry) bootstraps(u *unit) bool { return u.opt.Bootstrap && len(e.Outputs) > 0 }

// load fills the entry, from the cache when the very same package was rendered
// before. Only what has no errors is remembered.
func (u *unit) load(s *store, tree *scan.Tree) ([]instrument.Diagnostic, error) {
	key := u.key(tree)
	if s.readJSON("unit", key, &u.entry) && s.complete(u.entry.Outputs) {
		return u.entry.Warnings, nil
	}
	u.entry = entry{}
	if ds := u.read(tree); len(ds) > 0 {
		return ds, nil
	}
	content := make(map[string][]byte)
	for _, f := range slices.Concat(u.pkg.Files, u.pkg.Generated) {
		content[f.Path] = f.Src
	}
	if !tree.Unchanged(u.folder, content) {
		return nil, fmt.Errorf("%s changed while it was read; build again", u.folder.Dir)
	}
	plan, ds := instrument.NewPlan(u.pkg, u.opt)
	if instrument.HasErrors(ds) {
		return ds, nil
	}
	rendered, more := plan.Build()
	ds = append(ds, more...)
	if instrument.HasErrors(ds) {
		return ds, nil
	}
	u.entry.Warnings = ds
	for _, out := range rendered {
		sum, err := s.writeContent(out.Path, out.Src)
		if err != nil {
			return nil, err
		}
		u.entry.Outputs = append(u.entry.Outputs, output{Path: out.Path, Sum: sum, Generated: out.Generated})
	}
	return ds, s.writeEntry("unit", key, u.entry)
}

// read gives the unit its files.
func (u *unit) read(tree *scan.Tree) (ds []instrument.Diagnostic) {
	if u.pkg == nil {
		u.pkg, ds = tree.Package(u.folder)
	}
	return ds
}

// key identifies everything that the engine looks at, and the engine.
func (u *unit) key(tree *scan.Tree) string {
	h := sha256.New()
	f := u.folder
	fmt.Fprintf(h, "%q %s %v %v %q %q %q %q %x\n", toolID(), u.opt.Config.Hash(), u.opt.Bootstrap, u.opt.Paths,
		f.ImportPath, f.Dir, f.Module.Path, f.Module.Dir, tree.Digest(f))
	fmt.Fprintf(h, "%q\n", u.opt.Link)
	for _, path := range slices.Sorted(maps.Keys(u.opt.Woven)) {
		fmt.Fprintf(h, "%q %v\n", path, u.opt.Woven[path])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// toolID tells one build of the tool from another. A release has its version;
// anything else is known by its file.
var toolID = sync.OnceValue(func() string {
	if info, ok := debug.ReadBuildInfo(); ok && isRelease(info.Main.Version) {
		return info.Main.Version
	}
	path, err := os.Executable()
	if err != nil {
		return "unknown"
	}
	info, err := os.Stat(path)
	if err != nil {
		return path
	}
	return fmt.Sprint(path, " ", info.Size(), " ", info.ModTime().UnixNano())
})

// A store is the folder of the cache. Files are named by what they hold or
// what they were made from, appear whole by a rename and never change, so that
// any number of builds can share it.
type store struct{ dir string }

func (s *store) path(kind, name string) string { return filepath.Join(s.dir, kind, name[:2], name) }

// content is where a file's content is. It keeps its base name: some tools
// print the path that they read.
func (s *store) content(sum, path string) string {
	return filepath.Join(s.path("file", sum), filepath.Base(path))
}

func (s *store) writeContent(path string, src []byte) (string, error) {
	hash := sha256.Sum256(src)
	sum := hex.EncodeToString(hash[:16])
	to := s.content(sum, path)
	if info, err := os.Stat(to); err == nil && info.Size() == int64(len(src)) {
		s.touch(to, info)
		return sum, nil
	}
	return sum, cachefile.Write(to, src)
}

// complete reports whether all outputs are still there.
func (s *store) complete(outputs []output) bool {
	for _, out := range outputs {
		if !s.keep(s.content(out.Sum, out.Path)) {
			return false
		}
	}
	return true
}

// keep reports whether all files are there, and marks them as used.
func (s *store) keep(paths ...string) bool {
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return false
		}
		s.touch(path, info)
	}
	return true
}

func (s *store) readJSON(kind, key string, to any) bool {
	path := s.path(kind, key)
	data, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(data, to) != nil {
		return false
	}
	if info, err := os.Stat(path); err == nil {
		s.touch(path, info)
	}
	return true
}

func (s *store) writeEntry(kind, key string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return cachefile.Write(s.path(kind, key), data)
}

// writeJSON writes value under a name made from it.
func (s *store) writeJSON(kind string, value any) (string, error) {
	data, err := json.Marshal(value) // maps in order of their keys
	if err != nil {
		return "", err
	}
	hash := sha256.Sum256(data)
	path := s.path(kind, hex.EncodeToString(hash[:16])+".json")
	if info, err := os.Stat(path); err == nil && info.Size() == int64(len(data)) {
		s.touch(path, info)
		return path, nil
	}
	return path, cachefile.Write(path, data)
}
