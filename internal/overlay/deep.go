package overlay

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/config"
	"github.com/orchestrall/orchestrall/internal/deep"
	"github.com/orchestrall/orchestrall/templates"
)

// chosen is what the configurations say of a library: of itself, or of the one
// with which it becomes deep.
func (s *session) chosen(name string) *config.Choice {
	if c := s.choice(name); c != nil {
		return c
	}
	if of := deep.Follows(name); of != "" {
		if c := s.choice(of); c != nil && c.Depth == config.Deep {
			return c
		}
	}
	return nil
}

// deepPackages adds to imported the standard packages that are hooked deep:
// whoever imports them, their hooks apply.
func (s *session) deepPackages(imported map[string]bool) {
	for _, name := range deep.Names() {
		if c := s.chosen(name); c != nil && c.Depth == config.Deep {
			imported[deep.Package(name)] = true
		}
	}
}

// deep returns the active libraries that are hooked deep.
func (w *weaving) deep() []*Hooked {
	var all []*Hooked
	for _, h := range w.active() {
		if h.Depth == config.Deep {
			all = append(all, h)
		}
	}
	return all
}

// deepens reports whether the build has deep hooks, and a command that starts
// the SDK and so links them, or a package in which something is woven.
func (w *weaving) deepens() bool {
	if len(w.deep()) == 0 {
		return false
	}
	for f := range w.packages {
		if f.Main() && f.Module.Config.WantsBootstrap() {
			return true
		}
	}
	return len(w.candidates) > 0
}

// deepen puts the edited files of the standard library into the overlay. Where
// this release of Go has other functions there, calls are hooked.
func (w *weaving) deepen() error {
	w.standard, w.link = nil, nil
	hooked := w.deep()
	if len(hooked) == 0 {
		return nil
	}
	root, release, err := w.toolchain()
	if err != nil {
		return err
	}
	w.standard = make(map[string]string)
	for _, pkg := range deep.Packages(libraryNames(hooked)) {
		if err := w.deepenPackage(root, release, pkg, hooked); err != nil {
			return err
		}
	}
	for _, h := range w.deep() {
		w.link = append(w.link, h.lib.Hook)
	}
	slices.Sort(w.link)
	w.link = slices.Compact(w.link)
	return nil
}

func libraryNames(all []*Hooked) []string {
	var names []string
	for _, h := range all {
		names = append(names, h.Library)
	}
	return names
}

// deepenPackage edits one standard package for the libraries that mean it.
func (w *weaving) deepenPackage(root, release, pkg string, hooked []*Hooked) error {
	dir := filepath.Join(root, "src", filepath.FromSlash(pkg))
	files, err := deep.Files(pkg, libraryNames(hooked), func(name string) ([]byte, error) {
		path := filepath.Join(dir, name)
		return os.ReadFile(cmp.Or(w.user[path], path))
	})
	if err != nil {
		hooked = slices.DeleteFunc(slices.Clone(hooked), func(h *Hooked) bool { return deep.Package(h.Library) != pkg })
		w.warnings = append(w.warnings, instrument.Diagnostic{
			Severity: instrument.Warning, Rule: "no-deep-hooks", Pos: w.chosen(hooked[0].Library).Pos,
			Message: fmt.Sprintf("%s of %s cannot be hooked deep: %s", pkg, release, strings.ReplaceAll(err.Error(), "\n", "; ")),
			Fix:     "calls of it are hooked; a newer version of the tool may know this release",
		})
		for _, h := range hooked {
			h.Depth = config.Calls
			if !w.direct[pkg] {
				h.is(NotImported, "", w.chosen(h.Library).Pos)
			}
		}
		return nil
	}
	for _, f := range files {
		path := filepath.Join(dir, f.Name)
		sum, err := w.store.writeContent(path, f.Src)
		if err != nil {
			return err
		}
		w.standard[path] = w.store.content(sum, path)
	}
	return nil
}

// toolchain returns the root and the release of the Go that builds.
func (s *session) toolchain() (root, release string, err error) {
	cmd := exec.Command("go", "env", "GOROOT", "GOVERSION")
	cmd.Dir, cmd.Env = s.dir, append(slices.Clone(s.environ), "PWD="+s.dir)
	out, err := cmd.Output()
	if err != nil {
		return "", "", fmt.Errorf("go env: %w", err)
	}
	root, release, _ = strings.Cut(strings.TrimSpace(string(out)), "\n")
	if root = strings.TrimSpace(root); root == "" {
		return "", "", errors.New("go env: no GOROOT")
	}
	return root, strings.TrimSpace(release), nil
}

// announce says before the first build with deep hooks what it compiles anew.
func (w *weaving) announce() error {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q\n", w.tree.Modules[0].Dir, w.args.list)
	for _, name := range []string{"GOOS", "GOARCH", "CGO_ENABLED", "GOFLAGS", "GOCACHE"} {
		fmt.Fprintf(h, "%q\n", w.vars.Go(name))
	}
	w.stampStandard(h)
	key := hex.EncodeToString(h.Sum(nil))
	var said bool
	if w.store.readJSON("deep", key, &said) {
		return nil
	}
	n, err := w.rebuilt()
	if err != nil {
		return nil //nolint:nilerr // the build tells what is wrong
	}
	edited := deep.Packages(libraryNames(w.deep()))
	are, packages := "is", "packages are"
	if len(edited) > 1 {
		are = "are"
	}
	if n == 1 {
		packages = "package is"
	}
	fmt.Fprintf(w.env.Stderr, "orchestrall: %s %s hooked deep: %d %s compiled anew the first time\n", strings.Join(edited, " and "), are, n, packages)
	return w.store.writeEntry("deep", key, true)
}

// stampStandard identifies the edited files of the standard library.
func (s *session) stampStandard(to interface{ Write([]byte) (int, error) }) {
	var paths []string
	for path, at := range s.standard {
		paths = append(paths, path+" "+at)
	}
	slices.Sort(paths)
	fmt.Fprintf(to, "%q\n", paths)
}

// rebuilt counts the packages outside of the main modules that depend on what
// is edited.
func (w *weaving) rebuilt() (int, error) {
	overlay, err := w.store.writeJSON("overlay", overlayFile{Replace: w.replace})
	if err != nil {
		return 0, err
	}
	args := slices.Concat([]string{"list", "-e", "-deps", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "-overlay=" + overlay}, w.args.list)
	if mod := cmp.Or(w.mod, w.args.mod); mod != "" {
		args = append(args, "-mod="+mod)
	}
	args = append(args, "--", templates.BootstrapPath)
	args = append(args, w.link...)
	imported := make(map[string]bool)
	for f := range w.packages {
		for _, file := range f.Files {
			for _, path := range file.Imports {
				if path != "C" && !file.Test && w.tree.Folder(path) == nil {
					imported[path] = true
				}
			}
		}
	}
	for path := range imported {
		args = append(args, path)
	}
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = w.dir, append(slices.Clone(w.environ), "PWD="+w.dir)
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		return 0, err
	}
	anew := pathSet(deep.Packages(libraryNames(w.deep())))
	for line := range strings.Lines(out.String()) { // what is imported comes first
		fields := strings.Fields(line)
		if len(fields) > 0 && w.tree.Folder(fields[0]) == nil && slices.ContainsFunc(fields[1:], func(path string) bool { return anew[path] }) {
			anew[fields[0]] = true
		}
	}
	return len(anew), nil
}
