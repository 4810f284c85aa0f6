package toolexec

import (
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/orchestrall/orchestrall/templates"
)

// A program starts the SDK when a package of it is instrumented. The compiler
// of package main can't see that: it is told about direct imports only, and
// package main is not compiled again when one further down gets its first
// directive. The linker sees the whole program. So a package main that may or
// may not need the start is compiled both ways, and the second one travels
// inside the archive of the first, as a member that linkers skip.

// program compiles a package main that has no directive of its own.
func (c *compilation) program() int {
	if !c.requiresRuntime() || os.Getenv(closureVariable) != "" {
		return c.tool.replace()
	}
	plan, outputs, ok := c.weave(true)
	if !ok {
		return exitFailed
	}
	if len(outputs) == 0 {
		return c.tool.replace()
	}
	certain := len(c.link(true)) > 0 || c.importsInstrumented()
	if !certain {
		if code := c.tool.run(c.tool.args, c.tool.stdout, c.tool.stderr); code != 0 {
			return code
		}
	}
	args, rename, code := c.prepare(plan, outputs, "")
	if code != 0 {
		return code
	}
	if certain {
		return c.run(args, rename)
	}
	variant := filepath.Join(c.folder(""), "main.a")
	args = args.with("o", variant)
	if _, ok := args.value("asmhdr"); ok {
		args = args.with("asmhdr", filepath.Join(c.folder(""), "go_asm.h"))
	}
	if code := c.run(args, rename); code != 0 {
		return code
	}
	out, _ := c.unit.args.value("o")
	if err := appendMember(out, variant); err != nil {
		return c.tool.fail(err)
	}
	return 0
}

// requiresRuntime reports whether the main modules ask for the runtime at all:
// no program of a module that does not has an instrumented package.
func (c *compilation) requiresRuntime() bool {
	dir, err := workingDir(c.cmd)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(requirements(findWorkspace(dir), dir, c.cmd), func(r requirement) bool { return r.Path == templates.RuntimePath })
}

// importsInstrumented reports whether a package that main imports is
// instrumented. Then no question is left to the linker: main is compiled again
// whenever one of these changes.
func (c *compilation) importsInstrumented() bool {
	path, _ := c.unit.args.value("importcfg")
	cfg, err := readImportcfg(path)
	if err != nil {
		return false
	}
	for importPath, archive := range cfg.archives {
		if oursBelow(importPath) {
			continue
		}
		o, err := readObject(archive)
		if err != nil {
			continue
		}
		for imported := range o.imports {
			if oursBelow(imported) {
				return true
			}
		}
	}
	return false
}

// link returns the hook packages that a command has to link although nothing
// calls them.
func (c *compilation) link(bootstrap bool) []string {
	if !bootstrap || !c.requiresRuntime() {
		return nil
	}
	return c.survey().Link
}

// appendMember puts the archive variant into the archive at path.
func appendMember(path, variant string) error {
	data, err := os.ReadFile(variant)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	text := append([]byte(memberHeader(mainMember, int64(len(data)))), data...)
	if len(data)%2 == 1 {
		text = append(text, 0)
	}
	_, err = f.Write(text)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// extractVariant writes the variant inside the archive at path to another file,
// together with what the build added to the archive behind it: objects from
// assembly and C.
func extractVariant(path, to string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	all, err := members(f)
	if err != nil {
		return err
	}
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	at := slices.IndexFunc(all, func(m member) bool { return m.name == mainMember })
	if _, err := io.Copy(out, io.NewSectionReader(f, all[at].off, all[at].size)); err != nil {
		return err
	}
	if all[at].size%2 == 1 {
		if _, err := out.Write([]byte{0}); err != nil {
			return err
		}
	}
	for _, m := range all[at+1:] {
		if _, err := io.Copy(out, io.NewSectionReader(f, m.off-arHeaderSize, m.end()-m.off+arHeaderSize)); err != nil {
			return err
		}
	}
	return out.Close()
}
