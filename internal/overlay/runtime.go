package overlay

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"github.com/orchestrall/orchestrall/internal/scan"
	"github.com/orchestrall/orchestrall/templates"
)

// A Runtime is the module that instrumented programs import: a released
// version of it, or a folder.
type Runtime struct {
	Version string // what to require; v0.0.0 with Dir
	Dir     string // folder to replace it by; "" for a released version
}

// FindRuntime returns the runtime that belongs to this tool, for a module that
// does not require one yet: the folder in ORCHESTRALL_RUNTIME_DIR, else the
// runtime folder of the checkout that the tool was built from, else the
// released version that the tool has itself.
func FindRuntime(environ []string) (Runtime, error) {
	return findRuntime(scan.NewEnvironment(environ))
}

func findRuntime(env *scan.Environment) (Runtime, error) {
	if dir := env.Var("ORCHESTRALL_RUNTIME_DIR"); dir != "" {
		if !filepath.IsAbs(dir) {
			return Runtime{}, errors.New("ORCHESTRALL_RUNTIME_DIR=" + dir + ": must be an absolute path")
		}
		if err := checkRuntimeDir(dir); err != nil {
			return Runtime{}, fmt.Errorf("ORCHESTRALL_RUNTIME_DIR: %w", err)
		}
		return Runtime{Version: "v0.0.0", Dir: filepath.Clean(dir)}, nil
	}
	// The compiler wrote down where this file was; -trimpath leaves no folder.
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) {
		dir := filepath.Join(filepath.Dir(file), "..", "..", "runtime")
		if checkRuntimeDir(dir) == nil {
			return Runtime{Version: "v0.0.0", Dir: dir}, nil
		}
	}
	if info, ok := debug.ReadBuildInfo(); ok && isRelease(info.Main.Version) {
		return Runtime{Version: info.Main.Version}, nil
	}
	return Runtime{}, errors.New("this build of the tool does not know its runtime: it is no released version, and the checkout that it was built from is gone; set ORCHESTRALL_RUNTIME_DIR to the runtime folder of a checkout, or install a release")
}

func checkRuntimeDir(dir string) error {
	path := filepath.Join(dir, "go.mod")
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if got := modfile.ModulePath(data); got != templates.RuntimePath {
		return fmt.Errorf("%s is the module %s, not %s", dir, got, templates.RuntimePath)
	}
	return nil
}

// isRelease reports whether a module of that version can be downloaded.
func isRelease(version string) bool {
	return semver.IsValid(version) && !strings.HasSuffix(version, "+dirty")
}

// folder is where the runtime, or a hook module below its path, is; "" for a
// released version.
func (r Runtime) folder(module string) string {
	if r.Dir == "" {
		return ""
	}
	return filepath.Join(r.Dir, filepath.FromSlash(strings.TrimPrefix(module, templates.RuntimePath)))
}

// require adds the requirement of the runtime or a hook module to f, and the
// replacement by a folder. Hook modules require the runtime, so its own
// replacement is wanted, too.
func (r Runtime) require(f *modfile.File, module string) error {
	if err := f.AddRequire(module, r.Version); err != nil {
		return err
	}
	if r.Dir == "" {
		return nil
	}
	return f.AddReplace(module, "", r.folder(module), "")
}

// sums returns the module's own go.sum, which holds what its packages need.
// That of a released version is in the module cache once it was downloaded.
func (r Runtime) sums(path, modCache string) []byte {
	dir := r.folder(path)
	if dir == "" {
		if escaped, err := module.EscapePath(path); err == nil {
			dir = filepath.Join(modCache, filepath.FromSlash(escaped)+"@"+r.Version)
		}
	}
	data, _ := os.ReadFile(filepath.Join(dir, "go.sum")) // without it the go command looks the sums up
	return data
}
