package toolexec

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/orchestrall/orchestrall/internal/cachefile"
	"github.com/orchestrall/orchestrall/templates"
)

// closureVariable is set in the go commands that compile the runtime for a
// build, so that a package which turns up there is known to be one of its
// dependencies.
const closureVariable = "ORCHESTRALL_TOOLEXEC_CLOSURE"

// A question is which archives packages need that the go command does not give
// them.
type question struct {
	tool    *tool
	cmd     goCommand
	profile string // see request
	needed  map[string]bool
}

// answer returns the archives of the needed packages and of what they need.
func (q question) answer() (map[string]string, error) { return q.ask(false) }

// again does the same without what was kept of earlier builds: it did not fit
// this one.
func (q question) again() (map[string]string, error) { return q.ask(true) }

func (q question) ask(fresh bool) (map[string]string, error) {
	all := make(map[string]string)
	ask := func(roots ...string) error {
		archives, err := request{tool: q.tool, cmd: q.cmd, roots: roots, profile: q.profile}.resolve(fresh)
		maps.Copy(all, archives)
		return err
	}
	// Almost always the runtime needs the others too, and one question answers
	// all.
	var err error
	switch {
	case q.needed[templates.BootstrapPath]:
		err = ask(templates.RuntimePath, templates.BootstrapPath)
	case q.needed[templates.RuntimePath]:
		err = ask(templates.RuntimePath)
	}
	if err != nil {
		return nil, err
	}
	others := slices.DeleteFunc(sortedKeys(q.needed), func(path string) bool { return all[path] != "" })
	if len(others) > 0 {
		err = ask(others...)
	}
	return all, err
}

// A request asks the go command for the archives of packages that the build's
// own packages do not import, and of everything these need.
type request struct {
	tool  *tool
	cmd   goCommand
	roots []string // import paths, sorted
	// profile is the PGO profile that this build compiles dependencies with.
	profile string
}

// A listError is what go list printed.
type listError struct{ output string }

func (e *listError) Error() string { return e.output }

// resolve returns the archive of every package that the roots need, themselves
// included. The answer is kept for the following compilers of this build and
// for later builds; fresh asks the go command again.
func (r request) resolve(fresh bool) (map[string]string, error) {
	key, err := r.key()
	if err != nil {
		return nil, err
	}
	dir, err := answerFolder()
	if err != nil {
		return r.list() // no home, nothing to keep
	}
	path := filepath.Join(dir, key+".json")
	if !fresh {
		if archives := readAnswer(path); archives != nil {
			return archives, nil
		}
	}
	// The go command runs compilers side by side; one of them asks.
	unlock, err := lockedfile.MutexAt(path + ".lock").Lock()
	if err != nil {
		return r.list()
	}
	defer unlock()
	if !fresh {
		if archives := readAnswer(path); archives != nil {
			return archives, nil
		}
	}
	archives, err := r.list()
	if err != nil {
		return nil, err
	}
	return archives, writeAnswer(path, archives)
}

// answerFolder is where answers are kept.
func answerFolder() (string, error) {
	dir := os.Getenv("ORCHESTRALL_CACHE")
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(cache, "orchestrall")
	}
	dir = filepath.Join(dir, "toolexec")
	return dir, os.MkdirAll(dir, 0o777)
}

// An answer older than this is not used: the go command throws away archives
// that it has not touched for some days, and does not know that we read them.
const answerAge = 24 * time.Hour

// readAnswer returns nil when there is no answer that can be used.
func readAnswer(path string) map[string]string {
	info, err := os.Stat(path)
	if err != nil || time.Since(info.ModTime()) > answerAge {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var archives map[string]string
	if json.Unmarshal(data, &archives) != nil {
		return nil
	}
	for _, archive := range archives {
		if _, err := os.Stat(archive); err != nil {
			return nil
		}
	}
	return archives
}

func writeAnswer(path string, archives map[string]string) error {
	dropOld(filepath.Dir(path))
	data, err := json.Marshal(archives)
	if err != nil {
		return err
	}
	return cachefile.Write(path, data)
}

// dropOld removes what no build will ask for again: an answer is for one
// version of this program and one state of go.mod.
func dropOld(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && time.Since(info.ModTime()) > 7*answerAge {
			os.Remove(filepath.Join(dir, entry.Name()))
		}
	}
}

// list runs go list, which compiles what is not in the build cache.
func (r request) list() (map[string]string, error) {
	id, err := r.tool.identity(r.cmd)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(r.goTool(), r.arguments()...)
	if cmd.Dir, err = workingDir(r.cmd); err != nil {
		return nil, err
	}
	for _, variable := range os.Environ() {
		switch name, _, _ := strings.Cut(variable, "="); name {
		// The go command sets these for its tools; of ours it must not see
		// the settings of another package.
		case "TOOLEXEC_IMPORTPATH", "GOROOT", "PWD":
		default:
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env, "PWD="+cmd.Dir, identityVariable+"="+id)
	if slices.ContainsFunc(r.roots, oursBelow) {
		cmd.Env = append(cmd.Env, closureVariable+"=1")
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if text := strings.TrimSpace(stderr.String()); text != "" {
			return nil, &listError{text}
		}
		return nil, fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
	}
	archives := make(map[string]string)
	for line := range strings.Lines(stdout.String()) {
		if importPath, archive, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
			archives[importPath] = archive
		}
	}
	return archives, nil
}

// arguments are those of go list under the flags of the build.
func (r request) arguments() []string {
	args := []string{"list", "-export", "-deps", "-f", "{{if .Export}}{{.ImportPath}}\t{{.Export}}{{end}}"}
	inherited := environmentFlags(os.Getenv("GOFLAGS"))
	if !r.cmd.found && !slices.ContainsFunc(inherited, func(f goFlag) bool { return f.name == "toolexec" }) {
		if exe, err := os.Executable(); err == nil {
			args = append(args, "-toolexec="+quoteWord(exe)+" toolexec")
		}
	}
	args = append(args, r.cmd.nested(inherited)...)
	if r.profile != "" {
		args = append(args, "-pgo="+r.profile)
	}
	return append(append(args, "--"), r.roots...)
}

// quoteWord protects spaces in one word of a -toolexec value.
func quoteWord(s string) string {
	if strings.ContainsAny(s, " \t") {
		return `"` + s + `"`
	}
	return s
}

// goTool is the go command of the toolchain that this build uses.
func (r request) goTool() string {
	// GOROOT/pkg/tool/linux_amd64/compile
	root := filepath.Dir(filepath.Dir(filepath.Dir(filepath.Dir(r.tool.path))))
	for _, name := range []string{"go", "go.exe"} {
		path := filepath.Join(root, "bin", name)
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return path
		}
	}
	return "go"
}

// key names everything that the answer depends on.
func (r request) key() (string, error) {
	id, err := r.tool.identity(r.cmd)
	if err != nil {
		return "", err
	}
	dir, err := workingDir(r.cmd)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n%s\n%q\n", id, dir, r.goTool(), r.arguments())
	if info, err := os.Stat(r.goTool()); err == nil {
		fmt.Fprintln(h, info.Size(), info.ModTime().UnixNano())
	}
	for _, variable := range slices.Sorted(slices.Values(os.Environ())) {
		name, _, _ := strings.Cut(variable, "=")
		switch {
		case name == "GOROOT" || strings.HasPrefix(name, "GOTOOLCHAIN_INTERNAL"):
		case strings.HasPrefix(name, "GO"), strings.HasPrefix(name, "CGO_"), name == "CC", name == "CXX", name == "AR", name == "PKG_CONFIG":
			fmt.Fprintln(h, variable)
		}
	}
	w := findWorkspace(dir)
	files := []string{w.goWork, filepath.Join(filepath.Dir(w.goWork), "vendor", "modules.txt"), r.cmd.value("modfile"), r.cmd.value("overlay"), r.profile, r.cmd.value("pgo")}
	for _, root := range w.roots {
		files = append(files, filepath.Join(root, "go.mod"), filepath.Join(root, "go.sum"), filepath.Join(root, "vendor", "modules.txt"))
	}
	if config, err := os.UserConfigDir(); err == nil {
		files = append(files, filepath.Join(config, "go", "env"))
	}
	for _, path := range files {
		if path == "" {
			continue
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		if f, err := os.Open(path); err == nil {
			fmt.Fprintln(h, path)
			_, err = io.Copy(h, f)
			f.Close()
			if err != nil {
				return "", err
			}
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}
