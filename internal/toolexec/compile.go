package toolexec

import (
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/config"
	"github.com/orchestrall/orchestrall/rewrite"
	"github.com/orchestrall/orchestrall/templates"
)

// compile runs the compiler, for a package of the user's with instrumented
// copies of its files.
func compile(t *tool, args arguments) int {
	// What is not in a main module ends here, after a few calls of stat.
	if args.has("std") {
		return t.standard(args)
	}
	dir, err := os.Getwd() // the go command starts compilers where it works itself
	if err != nil {
		return t.fail(err)
	}
	u, problems, err := newUnit(args, dir)
	if err != nil {
		return t.fail(err)
	}
	if u == nil {
		return t.replace()
	}
	c := &compilation{tool: t, unit: u, cmd: findGoCommand()}
	if len(problems) == 0 {
		c.woven = c.hookEdits()
	}
	concerned := !u.checkedIn() && u.concerned() || len(c.woven) > 0
	program := u.program() && !u.checkedIn() && u.config.WantsBootstrap() && !slices.Contains(u.imports(), templates.BootstrapPath)
	if !concerned && !program {
		return t.replace()
	}
	if len(problems) > 0 {
		return c.problems(problems)
	}
	if program && !concerned {
		return c.program()
	}
	return c.instrumented(program)
}

// A compilation is the work on one unit.
type compilation struct {
	tool  *tool
	unit  *unit
	cmd   goCommand
	woven map[string][]rewrite.Edit // what hooks change, by file
	hooks map[string]string         // archives of the hook packages and of what they need
}

func (c *compilation) problems(problems []config.Problem) int {
	for _, p := range problems {
		fmt.Fprintln(c.tool.stderr, p)
	}
	return exitFailed
}

// instrumented compiles a package that directives or rules may reach.
func (c *compilation) instrumented(bootstrap bool) int {
	if bootstrap && len(c.woven) == 0 {
		// A package main that asks for nothing itself is up to the program.
		plan, ds := instrument.NewPlan(c.unit.pkg, instrument.Options{Config: c.unit.config})
		if plan.Empty() && len(ds) == 0 {
			return c.program()
		}
	}
	plan, outputs, ok := c.weave(bootstrap)
	if !ok {
		return exitFailed
	}
	if len(outputs) == 0 {
		return c.tool.replace()
	}
	if os.Getenv(closureVariable) != "" {
		return c.diagnose(instrument.Diagnostic{
			Pos: c.first(plan), Rule: "runtime-dependency",
			Message: "package " + c.unit.pkg.ImportPath + " can't be instrumented: " + templates.RuntimePath + " itself depends on it",
			Fix:     "remove its directives and exclude it in " + config.FileName,
		})
	}
	args, rename, code := c.prepare(plan, outputs, "")
	if code != 0 {
		return code
	}
	return c.run(args, rename)
}

// weave asks the engine for the files to compile. It prints what the engine
// finds, and returns false when that is an error.
func (c *compilation) weave(bootstrap bool) (*instrument.Plan, []instrument.Output, bool) {
	plan, ds := instrument.NewPlan(c.unit.pkg, instrument.Options{Config: c.unit.config, Bootstrap: bootstrap, Woven: c.woven, Link: c.link(bootstrap)})
	var outputs []instrument.Output
	if !instrument.HasErrors(ds) {
		var more []instrument.Diagnostic
		outputs, more = plan.Build()
		ds = append(ds, more...)
	}
	for _, d := range ds {
		fmt.Fprintln(c.tool.stderr, d)
	}
	return plan, outputs, !instrument.HasErrors(ds)
}

// prepare writes outputs into the build's folder and returns the arguments
// that compile them. Name tells apart two compilations of the same package.
func (c *compilation) prepare(plan *instrument.Plan, outputs []instrument.Output, name string) (arguments, []string, int) {
	args, rename, err := c.copies(outputs, name)
	if err != nil {
		return args, nil, c.tool.fail(err)
	}
	added, err := c.missing(outputs)
	if err != nil {
		var list *listError
		if errors.As(err, &list) {
			return args, nil, c.diagnose(c.requirement(plan, list))
		}
		return args, nil, c.tool.fail(err)
	}
	if len(added) > 0 {
		path, _ := args.value("importcfg")
		cfg, err := readImportcfg(path)
		if err != nil {
			return args, nil, c.tool.fail(err)
		}
		path = filepath.Join(c.folder(name), "importcfg")
		if err := cfg.write(path, added); err != nil {
			return args, nil, c.tool.fail(err)
		}
		args = args.with("importcfg", path)
	}
	return args, rename, 0
}

// folder is where the copies go.
func (c *compilation) folder(name string) string {
	return filepath.Join(c.unit.work, "orchestrall"+name)
}

// copies writes outputs and puts them in the place of the user's files. The
// compiler records them under the user's names.
func (c *compilation) copies(outputs []instrument.Output, name string) (arguments, []string, error) {
	args := c.unit.args
	args.files = slices.Clone(args.files)
	dir := c.folder(name)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return args, nil, err
	}
	trim, _ := args.value("trimpath")
	before := rewrites(trim)
	after := before
	var rename, added []string
	for _, out := range outputs {
		src := out.Src
		at := slices.IndexFunc(c.unit.sources, func(s source) bool { return s.path == out.Path })
		base := filepath.Base(out.Path)
		if at >= 0 {
			src = slices.Concat(c.unit.sources[at].head, src)
			base = filepath.Base(c.unit.sources[at].arg)
		}
		tmp := filepath.Join(dir, base)
		if err := os.WriteFile(tmp, src, 0o666); err != nil {
			return args, nil, err
		}
		if at < 0 {
			added = append(added, tmp)
		} else {
			args.files[slices.Index(args.files, c.unit.sources[at].arg)] = tmp
		}
		shown, _ := before.apply(out.Path)
		after = rewrites(tmp+"=>"+shown+";") + after
		rename = append(rename, tmp, out.Path)
	}
	// Where the go command would have put them: the order of files is that of
	// their init functions.
	for _, file := range added {
		at := slices.IndexFunc(args.files, func(other string) bool { return filepath.Base(other) > filepath.Base(file) })
		if at < 0 {
			at = len(args.files)
		}
		args.files = slices.Insert(args.files, at, file)
	}
	return args.with("trimpath", string(after)), rename, nil
}

// imports lists what the package may import already.
func (u *unit) imports() []string {
	if u.have != nil {
		return u.have
	}
	path, ok := u.args.value("importcfg")
	if !ok {
		return nil
	}
	cfg, err := readImportcfg(path)
	if err != nil {
		return nil
	}
	u.have = sortedKeys(cfg.archives)
	return u.have
}

// missing returns the archives of the imports that generated files and hooks
// add to the package.
func (c *compilation) missing(outputs []instrument.Output) (map[string]string, error) {
	have := c.unit.imports()
	needed := make(map[string]bool)
	for _, out := range outputs {
		tree, err := parser.ParseFile(token.NewFileSet(), out.Path, out.Src, parser.ImportsOnly)
		if err != nil {
			return nil, err
		}
		for _, spec := range tree.Imports {
			importPath, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return nil, err
			}
			if importPath != "unsafe" && !slices.Contains(have, importPath) {
				needed[importPath] = true
			}
		}
	}
	if len(needed) == 0 {
		return nil, nil
	}
	all := make(map[string]string)
	for importPath := range needed {
		if archive := c.hooks[importPath]; archive != "" {
			all[importPath] = archive
		}
	}
	if len(all) == len(needed) && c.fit(all) {
		return all, nil
	}
	q := question{tool: c.tool, cmd: c.cmd, profile: c.profile(), needed: needed}
	all, err := q.answer()
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(all, func(importPath, _ string) bool { return !needed[importPath] })
	if !c.fit(all) {
		if all, err = q.again(); err != nil {
			return nil, err
		}
	}
	maps.DeleteFunc(all, func(importPath, _ string) bool { return !needed[importPath] })
	return all, nil
}

// fit reports whether archives were compiled against the archives that the go
// command gives this package.
func (c *compilation) fit(archives map[string]string) bool {
	path, _ := c.unit.args.value("importcfg")
	cfg, err := readImportcfg(path)
	if err != nil {
		return false
	}
	for _, archive := range archives {
		of, err := readObject(archive)
		if err != nil {
			return false
		}
		for importPath, want := range of.imports {
			archive := cfg.archives[importPath]
			if archive == "" {
				continue
			}
			if o, err := readObject(archive); err != nil || o.fingerprint != want {
				return false
			}
		}
	}
	return true
}

// run compiles, and lets messages name the user's files.
func (c *compilation) run(args arguments, rename []string) int {
	list, err := shorten(args.list(), filepath.Join(c.unit.work, "orchestrall.args"))
	if err != nil {
		return c.tool.fail(err)
	}
	stdout, stderr := &renamer{to: c.tool.stdout, old: rename}, &renamer{to: c.tool.stderr, old: rename}
	code := c.tool.run(list, stdout, stderr)
	if err := errors.Join(stdout.flush(), stderr.flush()); err != nil {
		return c.tool.fail(err)
	}
	return code
}

// diagnose prints d and fails.
func (c *compilation) diagnose(d instrument.Diagnostic) int {
	fmt.Fprintln(c.tool.stderr, d)
	return exitFailed
}

// first is the place of the package's first directive, or of its first
// instrumented function where a rule selected it.
func (c *compilation) first(plan *instrument.Plan) token.Position {
	for _, s := range c.unit.sources {
		line := 0
		for text := range strings.Lines(string(s.body)) {
			line++
			trimmed := strings.TrimLeft(text, " \t")
			if strings.HasPrefix(trimmed, "//orchestrall:") {
				return token.Position{Filename: s.path, Line: line, Column: 1 + len(text) - len(trimmed)}
			}
		}
	}
	for _, op := range plan.Operations() {
		return token.Position{Filename: filepath.Join(c.unit.pkg.ModuleDir, filepath.FromSlash(op.File)), Line: op.Line, Column: 1}
	}
	if len(c.unit.sources) > 0 {
		return token.Position{Filename: c.unit.sources[0].path, Line: 1, Column: 1}
	}
	return token.Position{}
}
