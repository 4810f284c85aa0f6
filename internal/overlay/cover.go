package overlay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/config"
	"github.com/orchestrall/orchestrall/rewrite"
)

// Two tools must see the user's own files, and nothing of the tool's: cover,
// whose profile would count statements that the user never wrote, and the vet
// of go test, whose findings would name files in the cache. The go command
// hands cover the files on disk anyway, past the overlay, and so loses the
// instrumentation. Builds with coverage and tests therefore run the tools
// through this one: the real cover tool counts in the user's files, and what
// comes out is instrumented.

// A coverPlan tells [Cover] what the session found.
type coverPlan struct {
	Packages map[string]*coverPackage
	// Own maps the files of the cache to the user's, and generated ones to "".
	Own map[string]string
}

// A coverPackage is one instrumented package, by its folder.
type coverPackage struct {
	ImportPath, Module, ModuleDir string
	Bootstrap                     bool
	Woven                         map[string][]rewrite.Edit
	ConfigPath, ConfigRoot        string
	Files                         map[string]string // path to where the content is
	Generated                     map[string]string // likewise, of files that are not on disk
}

// coverToolexec returns the -toolexec for a build with coverage and for tests.
func (s *session) coverToolexec() (string, error) {
	plan := coverPlan{Packages: make(map[string]*coverPackage), Own: make(map[string]string)}
	for _, u := range s.units {
		if !u.changes() {
			continue
		}
		if ds := u.read(s.tree); len(ds) > 0 {
			return "", problems(ds)
		}
		p := &coverPackage{
			ImportPath: u.pkg.ImportPath, Module: u.pkg.Module, ModuleDir: u.pkg.ModuleDir, Bootstrap: u.opt.Bootstrap, Woven: u.opt.Woven,
			Files: make(map[string]string), Generated: make(map[string]string),
		}
		if c := u.opt.Config; c != nil {
			p.ConfigPath, p.ConfigRoot = c.Path, c.Root
		}
		for _, f := range u.pkg.Files {
			p.Files[f.Path] = f.Path
			if to := s.user[f.Path]; to != "" {
				p.Files[f.Path] = to
			}
		}
		for _, out := range u.entry.Outputs {
			at := s.replace[out.Path]
			if out.Generated {
				p.Generated[out.Path], plan.Own[at] = at, ""
			} else {
				plan.Own[at] = p.Files[out.Path]
			}
		}
		plan.Packages[u.pkg.Dir] = p
	}
	path, err := s.store.writeJSON("cover", plan)
	if err != nil {
		return "", err
	}
	self, err := s.env.self()
	if err != nil {
		return "", err
	}
	users, err := splitQuoted(s.args.toolexec)
	if err != nil {
		return "", fmt.Errorf("-toolexec: %w", err)
	}
	return joinQuoted(slices.Concat([]string{self, CoverVerb, path}, users, []string{"--"}))
}

// Cover is what -toolexec runs in builds with coverage and in tests. Its
// arguments are PLAN [the user's own -toolexec]... -- TOOL ARGS.... Every tool
// but cover and vet, and every question for a version, goes to the real one at
// once, so that cache entries are those of the plain build.
func Cover(env Env, args []string) int {
	at := slices.Index(args, "--")
	if at < 1 || at+1 >= len(args) {
		return env.fail(errors.New(CoverVerb + " is for the tool's own use"))
	}
	command := slices.Concat(args[1:at], args[at+1:])
	tool, toolArgs := args[at+1], args[at+2:]
	name := strings.TrimSuffix(filepath.Base(tool), ".exe")
	if name != "cover" && name != "vet" || slices.ContainsFunc(toolArgs, func(a string) bool { return strings.HasPrefix(a, "-V") }) {
		return env.program(command)
	}
	var plan coverPlan
	data, err := os.ReadFile(args[0])
	if err == nil {
		err = json.Unmarshal(data, &plan)
	}
	if err != nil {
		return env.fail(err)
	}
	if name == "vet" {
		return env.vet(&plan, command)
	}
	c := &coverRun{env: env, prefix: command[:len(command)-len(toolArgs)]}
	if err := c.parse(toolArgs); err != nil {
		return env.fail(err)
	}
	if len(c.in) > 0 {
		c.pkg = plan.Packages[filepath.Dir(c.in[0])]
	}
	if c.pkg == nil {
		return env.program(command)
	}
	return c.run()
}

// vet has the real tool look at the user's own files.
func (env Env) vet(plan *coverPlan, command []string) int {
	last := len(command) - 1
	data, err := os.ReadFile(command[last])
	if err != nil {
		return env.program(command)
	}
	var settings map[string]json.RawMessage
	var files []string
	if json.Unmarshal(data, &settings) != nil || json.Unmarshal(settings["GoFiles"], &files) != nil {
		return env.program(command) // not a form that this tool knows: let vet judge
	}
	var dir string
	_ = json.Unmarshal(settings["Dir"], &dir)
	var own []string
	changed := false
	for _, file := range files {
		to, ours := plan.Own[file]
		if !ours && plan.throughCgo(dir, file) {
			return env.program(command) // the file needs the generated ones, and has the user's lines
		}
		changed = changed || ours
		switch {
		case !ours:
			own = append(own, file)
		case to != "":
			own = append(own, to)
		}
	}
	if !changed {
		return env.program(command)
	}
	if settings["GoFiles"], err = json.Marshal(own); err == nil {
		data, err = json.Marshal(settings)
	}
	if err != nil {
		return env.fail(err)
	}
	// The folder is the go command's, and goes with it.
	command[last] = filepath.Join(filepath.Dir(command[last]), "orchestrall-vet.cfg")
	if err := os.WriteFile(command[last], data, 0o666); err != nil {
		return env.fail(err)
	}
	return env.program(command)
}

// throughCgo reports whether file is what cgo made of an instrumented one.
func (plan *coverPlan) throughCgo(dir, file string) bool {
	base, made := strings.CutSuffix(filepath.Base(file), ".cgo1.go")
	p := plan.Packages[dir]
	if !made || p == nil {
		return false
	}
	own := p.Files[filepath.Join(dir, base+".go")]
	for _, to := range plan.Own {
		if own != "" && to == own {
			return true
		}
	}
	return false
}

func (env Env) program(command []string) int {
	path, err := exec.LookPath(command[0])
	if err != nil {
		return env.fail(err)
	}
	return env.execute(path, command, env.Environ)
}

// A coverRun is one call of the cover tool.
type coverRun struct {
	env    Env
	prefix []string // the user's -toolexec and the tool
	flags  []string
	list   int      // index in flags of the -outfilelist value
	in     []string // the files to count in
	out    []string // where they go, behind the file with the counters
	pkg    *coverPackage
}

// parse reads cover's command line, from a response file too.
func (c *coverRun) parse(args []string) error {
	if len(args) == 1 && strings.HasPrefix(args[0], "@") {
		data, err := os.ReadFile(args[0][1:])
		if err != nil {
			return err
		}
		args = nil
		unescape := strings.NewReplacer(`\\`, `\`, `\n`, "\n")
		for line := range strings.Lines(string(data)) {
			args = append(args, unescape.Replace(strings.TrimSuffix(line, "\n")))
		}
	}
	c.list = -1
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case !strings.HasPrefix(arg, "-"):
			c.in = append(c.in, arg)
		case strings.Contains(arg, "=") || i+1 == len(args):
			c.flags = append(c.flags, arg)
		default:
			i++
			c.flags = append(c.flags, arg, args[i])
			if arg == "-outfilelist" {
				c.list = len(c.flags) - 1
			}
		}
	}
	if c.list < 0 {
		return nil
	}
	data, err := os.ReadFile(c.flags[c.list])
	if err != nil {
		return err
	}
	c.out = strings.Split(strings.TrimSpace(string(data)), "\n")
	if len(c.out) != len(c.in)+1 {
		return fmt.Errorf("the cover tool was asked for %d files out of %d: this version of Go is not known to %s", len(c.out), len(c.in), CoverVerb)
	}
	return nil
}

// run counts in the user's files and instruments the result.
func (c *coverRun) run() int {
	if c.list < 0 {
		return c.env.fail(errors.New("the cover tool was called without -outfilelist: this version of Go is not known to " + CoverVerb))
	}
	work, err := os.MkdirTemp(filepath.Dir(c.out[0]), "orchestrall-*")
	if err != nil {
		return c.env.fail(err)
	}
	defer os.RemoveAll(work)
	var in []string
	out := []string{c.out[0]}
	for i, path := range c.in {
		if c.pkg.Generated[path] == "" {
			in, out = append(in, path), append(out, c.out[i+1])
		}
	}
	list := filepath.Join(work, "outfiles")
	if err := os.WriteFile(list, []byte(strings.Join(out, "\n")+"\n"), 0o666); err != nil {
		return c.env.fail(err)
	}
	flags := slices.Clone(c.flags)
	flags[c.list] = list
	child := c.env
	child.Replace = false
	if code := child.program(slices.Concat(c.prefix, flags, in)); code != 0 {
		return code
	}
	if err := c.instrument(); err != nil {
		return c.env.fail(err)
	}
	return 0
}

// instrument puts the package through the engine, with the counted files in
// place of the user's.
func (c *coverRun) instrument() error {
	outOf := make(map[string]string, len(c.in))
	for i, path := range c.in {
		outOf[path] = c.out[i+1]
	}
	pkg := &instrument.Package{Dir: filepath.Dir(c.in[0]), ImportPath: c.pkg.ImportPath, Module: c.pkg.Module, ModuleDir: c.pkg.ModuleDir}
	counted := make(map[string][]byte)
	woven := make(map[string][]rewrite.Edit)
	for path, at := range c.pkg.Files {
		if outOf[path] != "" {
			at = outOf[path]
		}
		src, err := os.ReadFile(at)
		if err != nil {
			return err
		}
		if outOf[path] != "" {
			own, err := os.ReadFile(c.pkg.Files[path])
			if err != nil {
				return err
			}
			counted[path] = src
			if woven[path], err = align(own, src, c.pkg.Woven[path]); err != nil {
				return fmt.Errorf("%s: counting in a file with hooks: %w", path, err)
			}
		}
		pkg.Files = append(pkg.Files, instrument.File{Path: path, Src: src})
	}
	slices.SortFunc(pkg.Files, func(a, b instrument.File) int { return strings.Compare(a.Path, b.Path) })
	opt := instrument.Options{Bootstrap: c.pkg.Bootstrap, Woven: woven}
	if c.pkg.ConfigPath != "" {
		opt.Config, _ = config.Load(c.pkg.ConfigPath, c.pkg.ConfigRoot) // the session found no problem in it
	}
	plan, ds := instrument.NewPlan(pkg, opt)
	if instrument.HasErrors(ds) {
		return problems(ds)
	}
	outputs, ds := plan.Build()
	if instrument.HasErrors(ds) {
		return problems(ds)
	}
	for _, o := range outputs {
		to := outOf[o.Path]
		if to == "" || bytes.Equal(counted[o.Path], o.Src) {
			continue // a test file, or one that is left out of this build
		}
		if err := os.WriteFile(to, o.Src, 0o666); err != nil {
			return err
		}
	}
	return nil
}
