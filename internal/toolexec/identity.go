package toolexec

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"go/token"
	"hash"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"

	"github.com/orchestrall/orchestrall/internal/config"
	"github.com/orchestrall/orchestrall/templates"
)

// identityVariable hands the identity of a build to the go commands that it
// starts, so that all agree on it.
const identityVariable = "ORCHESTRALL_TOOLEXEC_ID"

// identity returns a hash of everything beside a package's own files that
// changes what becomes of it.
func (t *tool) identity(cmd goCommand) (string, error) {
	if id := os.Getenv(identityVariable); id != "" {
		return id, nil
	}
	engine, err := engineID()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintln(h, "engine", engine)
	dir, err := workingDir(cmd)
	if err != nil {
		return "", err
	}
	w := findWorkspace(dir)
	for _, root := range w.roots {
		path := config.Find(root)
		if path == "" {
			continue
		}
		// A file with mistakes counts by its bytes: packages that it reaches
		// do not compile, and are tried again when it has changed.
		c, problems := config.Load(path, root)
		if len(problems) > 0 {
			if err := hashFile(h, path); err != nil {
				return "", err
			}
			continue
		}
		rel, _ := filepath.Rel(dir, root)
		fmt.Fprintln(h, "config", filepath.ToSlash(rel), c.Hash())
	}
	if err := hashRuntime(h, w, requirements(w, dir, cmd)); err != nil {
		return "", err
	}
	// Whether hooks apply is decided for all packages at once.
	s := t.newSurvey(cmd)
	for i := range s.Libraries {
		s.Libraries[i].At = token.Position{} // where it is written down changes no package
	}
	data, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(h, "hooks %s\n", data)
	return hex.EncodeToString(h.Sum(nil)[:10]), nil
}

// workingDir is where the go command works. It starts most tools there, so that
// a folder which is reached through a link keeps the name that the user gave it.
func workingDir(cmd goCommand) (string, error) {
	dir, err := os.Getwd()
	if cmd.dir == "" {
		return dir, err
	}
	if err == nil {
		own, ownErr := os.Stat(dir)
		other, otherErr := os.Stat(cmd.dir)
		if ownErr == nil && otherErr == nil && os.SameFile(own, other) {
			return dir, nil
		}
	}
	return cmd.dir, nil
}

// A requirement is a module version that the main modules ask for, or the
// folder that stands in for it.
type requirement struct {
	module.Version
	dir string
}

// requirements lists what the main modules require, after replacement.
func requirements(w workspace, dir string, cmd goCommand) []requirement {
	type mods struct {
		root string
		file *modfile.File
	}
	var files []mods
	replace := make(map[module.Version]*modfile.Replace)
	bases := make(map[*modfile.Replace]string)
	addReplace := func(base string, list []*modfile.Replace) {
		for _, r := range list {
			replace[r.Old] = r
			bases[r] = base
		}
	}
	for _, root := range w.roots {
		path := filepath.Join(root, "go.mod")
		if alt := cmd.value("modfile"); alt != "" && w.goWork == "" {
			if !filepath.IsAbs(alt) {
				alt = filepath.Join(dir, alt)
			}
			path = alt
		}
		data, err := os.ReadFile(path)
		if err != nil {
			continue // the go command tells what is wrong
		}
		file, err := modfile.Parse(path, data, nil)
		if err != nil {
			continue
		}
		files = append(files, mods{root, file})
		addReplace(root, file.Replace)
	}
	if w.goWork != "" {
		if data, err := os.ReadFile(w.goWork); err == nil {
			if file, err := modfile.ParseWork(w.goWork, data, nil); err == nil {
				addReplace(filepath.Dir(w.goWork), file.Replace)
			}
		}
	}
	var out []requirement
	for _, m := range files {
		for _, r := range m.file.Require {
			req := requirement{Version: r.Mod}
			by := replace[r.Mod]
			if by == nil {
				by = replace[module.Version{Path: r.Mod.Path}]
			}
			switch {
			case by == nil:
			case by.New.Version == "":
				req.dir = filepath.FromSlash(by.New.Path)
				if !filepath.IsAbs(req.dir) {
					req.dir = filepath.Join(bases[by], req.dir)
				}
			default:
				req.Version = module.Version{Path: r.Mod.Path, Version: by.New.Path + "@" + by.New.Version}
			}
			if !slices.Contains(out, req) {
				out = append(out, req)
			}
		}
	}
	// A member of the workspace needs no requirement to be used.
	for _, m := range files {
		if m.file.Module != nil && m.file.Module.Mod.Path == templates.RuntimePath {
			out = append(out, requirement{Version: module.Version{Path: templates.RuntimePath}, dir: m.root})
		}
	}
	return out
}

// hashRuntime writes the versions of the runtime, of the hook modules and of what they require. An
// instrumented package does not import the runtime as far as the go command can
// see, so nothing else would have it compiled again after an upgrade.
func hashRuntime(h hash.Hash, w workspace, reqs []requirement) error {
	if !slices.ContainsFunc(reqs, func(r requirement) bool { return r.Path == templates.RuntimePath }) {
		return nil
	}
	needs, known := make(map[string]bool), true
	for _, r := range reqs {
		if oursBelow(r.Path) {
			of := runtimeNeeds(r)
			known = known && of != nil
			maps.Copy(needs, of)
		}
	}
	for _, r := range reqs {
		if !oursBelow(r.Path) && known && !needs[r.Path] {
			continue
		}
		if r.dir == "" {
			fmt.Fprintln(h, "module", r.Path, r.Version.Version)
			continue
		}
		fmt.Fprintln(h, "folder", r.Path)
		if err := hashFolder(h, r.dir); err != nil {
			return err
		}
	}
	return nil
}

// runtimeNeeds returns the modules that the runtime requires, or nil when its
// go.mod is not at hand.
func runtimeNeeds(r requirement) map[string]bool {
	var path string
	if r.dir != "" {
		path = filepath.Join(r.dir, "go.mod")
	} else {
		escaped, err := module.EscapePath(r.Path)
		if err != nil {
			return nil
		}
		path = filepath.Join(moduleCache(), "cache", "download", filepath.FromSlash(escaped), "@v", r.Version.Version+".mod")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	file, err := modfile.ParseLax(path, data, nil)
	if err != nil {
		return nil
	}
	needs := make(map[string]bool, len(file.Require))
	for _, req := range file.Require {
		needs[req.Mod.Path] = true
	}
	return needs
}

// moduleCache is where the go command keeps modules. A folder that was set with
// go env -w is not found here, which costs no more than a larger hash.
func moduleCache() string {
	if dir := os.Getenv("GOMODCACHE"); dir != "" {
		return dir
	}
	if list := filepath.SplitList(os.Getenv("GOPATH")); len(list) > 0 {
		return filepath.Join(list[0], "pkg", "mod")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, "go", "pkg", "mod")
}

// hashFolder writes the sources of the module in dir.
func hashFolder(h hash.Hash, dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		name := d.Name()
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if path != dir && (name == "testdata" || name == "vendor" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")) {
				return filepath.SkipDir
			}
			return nil
		case strings.HasSuffix(name, "_test.go") || !strings.HasSuffix(name, ".go") && name != "go.mod":
			return nil
		}
		return hashFile(h, path)
	})
}

func hashFile(h hash.Hash, path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	fmt.Fprintln(h, "file", filepath.Base(path), hex.EncodeToString(sum[:]))
	return nil
}
