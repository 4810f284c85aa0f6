package overlay

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/orchestrall/orchestrall/internal/scan"
)

// externals are the compiled packages outside of the main modules, as the
// build itself compiles them.
type externals struct {
	Export map[string]string // import path to the file with the export data
	Errors map[string]string // import path to why there is none
	Below  map[string]bool   // first-party packages that hook packages import
}

// externalKey identifies everything that the types of packages outside of the
// main modules depend on.
func (s *session) externalKey(paths []string) string {
	h := sha256.New()
	ctx := s.buildContext()
	fmt.Fprintf(h, "%q %q %q %q %v %q %q %q %q\n", toolID(), s.dir, ctx.GOOS, ctx.GOARCH, ctx.CgoEnabled, ctx.BuildTags, s.args.list, s.mod, s.args.mod+" "+s.args.toolexec)
	for _, name := range []string{"GOFLAGS", "GOROOT", "GOTOOLCHAIN", "GOEXPERIMENT", "GOAMD64", "GOARM", "GOARM64", "GO386", "GOCACHE", "GOMODCACHE", "GOPATH", "GOENV", "CC"} {
		fmt.Fprintf(h, "%q\n", s.vars.Go(name))
	}
	if path, err := exec.LookPath("go"); err == nil {
		stamp(h, path)
	}
	for _, m := range s.tree.Modules {
		for _, path := range []string{m.GoMod, strings.TrimSuffix(m.GoMod, ".mod") + ".sum"} {
			data := s.effective(path)
			fmt.Fprintf(h, "%q %q\n", path, data)
			if f, err := modfile.ParseLax(path, data, nil); err == nil && path == m.GoMod {
				for _, r := range f.Replace {
					if r.New.Version == "" {
						s.stampFolder(h, absolute(filepath.FromSlash(r.New.Path), m.Dir))
					}
				}
			}
		}
	}
	if s.tree.Work != "" {
		fmt.Fprintf(h, "%q %q\n", s.effective(s.tree.Work), scan.NewEnvironment(s.environ).Var("GOWORK"))
		if rt, err := findRuntime(s.vars); err == nil && rt.Dir != "" {
			s.stampFolder(h, rt.Dir)
		}
	}
	fmt.Fprintf(h, "%q\n", paths)
	s.stampStandard(h)
	return hex.EncodeToString(h.Sum(nil))
}

// effective is the content that the go command reads at path in this build.
func (s *session) effective(path string) []byte {
	if to := s.replace[path]; to != "" {
		data, _ := os.ReadFile(to) // it was written a moment ago
		return data
	}
	data, _ := s.tree.Read(path) // a missing go.sum is an empty one
	return data
}

// stamp identifies a file without reading it.
func stamp(w io.Writer, path string) {
	if info, err := os.Stat(path); err == nil {
		fmt.Fprintf(w, "%q %d %d\n", path, info.Size(), info.ModTime().UnixNano())
	}
}

// stampFolder identifies the Go files of a folder that replaces a module.
func (s *session) stampFolder(w io.Writer, dir string) {
	for _, m := range s.tree.Modules {
		if m.Dir == dir {
			return // its packages are looked at one by one
		}
	}
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // the go command tells what is wrong with it
		}
		name := d.Name()
		if d.IsDir() && path != dir {
			if name == "testdata" || name == "vendor" || strings.HasPrefix(name, ".") {
				return fs.SkipDir
			}
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
				return fs.SkipDir // another module
			}
			return nil
		}
		if strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") || name == "go.mod" {
			stamp(w, path)
		}
		return nil
	})
}

// externals returns where the compiled packages are, and compiles what was not
// compiled before: the build that follows needs the same.
func (s *session) externals(key string, paths, hookPackages []string) (*externals, error) {
	var found externals
	if s.store.readJSON("export", key, &found) && s.present(&found) {
		return &found, nil
	}
	found = externals{Export: make(map[string]string), Errors: make(map[string]string), Below: make(map[string]bool)}
	overlay, err := s.store.writeJSON("overlay", overlayFile{Replace: s.replace})
	if err != nil {
		return nil, err
	}
	args := slices.Concat([]string{"list", "-e", "-export", "-deps", "-json=ImportPath,Export,Imports,ImportMap,Error", "-overlay=" + overlay}, s.args.list)
	if s.args.toolexec != "" {
		args = append(args, "-toolexec="+s.args.toolexec)
	}
	switch {
	case s.mod != "":
		args = append(args, "-mod="+s.mod)
	case s.args.mod != "":
		args = append(args, "-mod="+s.args.mod)
	}
	cmd := exec.Command("go", append(append(args, "--"), paths...)...)
	cmd.Dir = s.dir
	cmd.Env = append(slices.Clone(s.environ), "PWD="+s.dir)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		text, _, _ := strings.Cut(strings.TrimSpace(problems.String()), "\n")
		return nil, fmt.Errorf("go list: %w: %s", err, text)
	}
	if err := found.read(&out, s.tree, hookPackages); err != nil {
		return nil, err
	}
	for _, path := range paths {
		if found.Export[path] == "" && found.Errors[path] == "" {
			return nil, fmt.Errorf("go list: it says nothing of %s", path)
		}
	}
	return &found, s.store.writeEntry("export", key, &found)
}

// read takes the output of go list.
func (x *externals) read(out io.Reader, tree *scan.Tree, hookPackages []string) error {
	imports := make(map[string][]string)
	for dec := json.NewDecoder(out); ; {
		var p struct {
			ImportPath, Export string
			Imports            []string
			Error              *struct{ Err string }
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("reading the output of go list: %w", err)
		}
		imports[p.ImportPath] = p.Imports
		switch {
		case p.Error != nil:
			x.Errors[p.ImportPath] = p.Error.Err
		case p.Export != "":
			x.Export[p.ImportPath] = p.Export
		}
	}
	next := slices.Clone(hookPackages)
	for i := 0; i < len(next); i++ {
		if tree.Folder(next[i]) != nil {
			x.Below[next[i]] = true
		}
		for _, path := range imports[next[i]] {
			if !slices.Contains(next, path) {
				next = append(next, path)
			}
		}
	}
	return nil
}

// present reports whether the files are still in the build cache.
func (s *session) present(x *externals) bool {
	for _, path := range x.Export {
		if _, err := os.Stat(path); err != nil {
			return false
		}
	}
	return true
}

// external returns the import paths outside of the main modules that the
// folders, or their tests where they are true, import in this build.
func (l *loader) external(folders map[*scan.Folder]bool) []string {
	seen := make(map[string]bool)
	for f, tests := range folders {
		for _, file := range f.Files {
			if file.Test && !tests {
				continue
			}
			fresh := false
			for _, path := range file.Imports {
				fresh = fresh || !seen[path] && l.tree.Folder(path) == nil
			}
			if !fresh {
				continue
			}
			if src, err := l.tree.Content(f, file); err != nil || !l.builds(f, file, src) {
				continue
			}
			for _, path := range file.Imports {
				if path != "C" && path != "unsafe" && l.tree.Folder(path) == nil {
					seen[path] = true
				}
			}
		}
	}
	var paths []string
	for path := range seen {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}
