// Package overlay is the build front end: orchestrall go build, run, test,
// install, vet and list. It writes instrumented copies of the files that have
// directives into a cache and has the go command read them with -overlay. The
// user's sources, go.mod, go.sum and go.work stay as they are.
package overlay

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/hooks"
	"github.com/orchestrall/orchestrall/internal/scan"
)

// CoverVerb is the hidden verb of the tool that [Run] puts into -toolexec for
// builds with coverage: the command line must hand its arguments to [Cover].
const CoverVerb = "cover-toolexec"

// Trouble is the exit code for mistakes that the tool itself finds. The go
// command's own exit codes pass through.
const Trouble = 2

// An Env is what a command line gives to [Run] and [Cover].
type Env struct {
	Dir     string   // current folder, absolute, as os.Getwd spells it
	Environ []string // as os.Environ
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer

	Config  string // --config; "" for the module's own orchestrall.yaml
	Verbose bool   // say on Stderr what is instrumented
	// Replace lets the go command take the place of this process where the
	// system can do that. The streams must be the process's own.
	Replace bool
	// Libraries are the hooks to weave; nil for those that the tool carries.
	Libraries []*hooks.Library
	// Self is the path of the tool, for -toolexec; "" for this executable.
	Self string
}

// verbs are the go command's verbs that compile or list packages.
var verbs = map[string]bool{"build": true, "run": true, "test": true, "install": true, "vet": true, "list": true}

// Run runs go verb args with the directives compiled in and returns the exit
// code. What is wrong with the user's files is printed as
// file:line:col: message, all of it, and nothing is built. A verb that neither
// compiles nor lists packages goes to the go command as it is.
//
// go vet checks the user's own sources, so that its findings are the plain
// ones; the directives are checked before.
func Run(env Env, verb string, args []string) int {
	if !verbs[verb] {
		return env.plain(verb, args)
	}
	s, err := newSession(env, verb, args)
	if err == nil {
		if s.args.otherModule() {
			return env.plain(verb, args)
		}
		err = s.prepare()
	}
	if errors.Is(err, scan.ErrNoModule) && !s.namesDirectives() {
		return env.plain(verb, args) // the go command says what it thinks of that
	}
	if err != nil {
		return env.fail(err)
	}
	s.note()
	return env.exec(s.goArgs(), s.environ)
}

// namesDirectives reports whether a file that the command line names has a
// directive, which outside a module would have no effect without a word.
func (s *session) namesDirectives() bool {
	return slices.ContainsFunc(s.args.targets, func(target string) bool {
		if !strings.HasSuffix(target, ".go") {
			return false
		}
		src, err := os.ReadFile(absolute(target, s.dir))
		return err == nil && instrument.HasDirective(src)
	})
}

func (env Env) plain(verb string, args []string) int {
	return env.exec(append([]string{verb}, args...), env.Environ)
}

// fail prints err, with one line for each diagnostic in it.
func (env Env) fail(err error) int {
	var found problems
	if errors.As(err, &found) {
		env.print(found)
	} else {
		fmt.Fprintln(env.Stderr, "orchestrall:", err)
	}
	return Trouble
}

// print writes diagnostics with paths relative to the current folder, as the
// go command does where that is shorter.
func (env Env) print(ds []instrument.Diagnostic) {
	instrument.SortDiagnostics(ds)
	for _, d := range ds {
		d.Pos.Filename = env.short(d.Pos.Filename)
		fmt.Fprintln(env.Stderr, d)
	}
}

func (env Env) short(path string) string {
	if rel, err := filepath.Rel(env.Dir, path); err == nil && path != "" && len(rel) < len(path) {
		return rel
	}
	return path
}

// problems are diagnostics as an error.
type problems []instrument.Diagnostic

func (p problems) Error() string {
	if len(p) == 1 {
		return p[0].String()
	}
	return fmt.Sprintf("%s (and %d more)", p[0], len(p)-1)
}

// cacheDir is where everything that the front end writes goes.
func cacheDir(e *scan.Environment) (string, error) {
	if dir := e.Var("ORCHESTRALL_CACHE"); dir != "" {
		if !filepath.IsAbs(dir) {
			return "", errors.New("ORCHESTRALL_CACHE=" + dir + ": must be an absolute path")
		}
		return dir, nil
	}
	// Where there is no home the go command needs GOCACHE, and keeps to names of
	// two digits in it.
	dir := cmp.Or(e.CacheDir(), e.Go("GOCACHE"))
	if !filepath.IsAbs(dir) {
		return "", errors.New("no cache folder: neither ORCHESTRALL_CACHE, XDG_CACHE_HOME, HOME nor GOCACHE is set; set one of them")
	}
	return filepath.Join(dir, "orchestrall"), nil
}

// self is the path that -toolexec starts.
func (env Env) self() (string, error) {
	if env.Self != "" {
		return env.Self, nil
	}
	return os.Executable()
}
