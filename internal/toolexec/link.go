package toolexec

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
)

// link runs the linker, with the archives that instrumented packages import and
// the go command does not know of. Which these are stands in the archives
// themselves, so it does not matter whether this build compiled them or found
// them in its cache.
func link(t *tool, args arguments) int {
	path, ok := args.value("importcfg")
	if mode, _ := args.value("buildmode"); !ok || len(args.files) != 1 || mode == "shared" {
		return t.replace()
	}
	cfg, err := readImportcfg(path)
	if err != nil {
		return t.fail(err)
	}
	if strings.Contains(string(cfg.text), "packageshlib ") {
		return t.replace() // what a shared library holds can't be read from archives
	}
	p, err := readLinked(cfg, args.files[0])
	if err != nil {
		return t.fail(err)
	}
	folder := filepath.Join(filepath.Dir(path), "orchestrall.link")
	if p.main.variant && p.instrumented {
		if err := os.MkdirAll(folder, 0o777); err != nil {
			return t.fail(err)
		}
		woven := filepath.Join(folder, "main.a")
		if err := extractVariant(args.files[0], woven); err != nil {
			return t.fail(err)
		}
		if p, err = readLinked(cfg, woven); err != nil {
			return t.fail(err)
		}
		args.files = []string{woven}
	}
	if len(p.missing) == 0 {
		return t.replaceWith(args.list())
	}
	cmd := findGoCommand()
	main := strings.TrimSuffix(os.Getenv("TOOLEXEC_IMPORTPATH"), ".test")
	q := question{tool: t, cmd: cmd, profile: defaultProfile(cmd, main), needed: p.missing}
	added, err := p.complete(cfg, q.answer)
	if err != nil {
		added, err = p.complete(cfg, q.again)
	}
	if err != nil {
		return t.fail(fmt.Errorf("linking %s with what its instrumented packages import: %w", main, err))
	}
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return t.fail(err)
	}
	path = filepath.Join(folder, "importcfg.link")
	if err := cfg.write(path, added); err != nil {
		return t.fail(err)
	}
	list, err := shorten(args.with("importcfg", path).list(), filepath.Join(folder, "args"))
	if err != nil {
		return t.fail(err)
	}
	return t.replaceWith(list)
}

// A linked is a program as the linker is given it.
type linked struct {
	objects      map[string]object // by import path; the main package's is "main"
	main         object
	instrumented bool            // a package imports the runtime
	missing      map[string]bool // imported, but with no archive
}

func readLinked(cfg *importcfg, mainArchive string) (*linked, error) {
	main, err := readObject(mainArchive)
	if err != nil {
		return nil, err
	}
	p := &linked{objects: map[string]object{"main": main}, main: main, missing: make(map[string]bool)}
	for importPath, archive := range cfg.archives {
		if archive == mainArchive {
			continue
		}
		if p.objects[importPath], err = readObject(archive); err != nil {
			return nil, err
		}
	}
	for importPath, o := range p.objects {
		for imported := range o.imports {
			if oursBelow(imported) && !oursBelow(importPath) {
				p.instrumented = true
			}
			if _, ok := cfg.archives[imported]; !ok && imported != "unsafe" {
				p.missing[imported] = true
			}
		}
	}
	return p, nil
}

// complete returns the archives to add to cfg.
func (p *linked) complete(cfg *importcfg, ask func() (map[string]string, error)) (map[string]string, error) {
	added, err := ask()
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(added, func(importPath, _ string) bool { return cfg.archives[importPath] != "" })
	return added, p.check(added)
}

// check compares what each package was compiled against with the archives that
// are to be linked. The linker would do the same, in words that help nobody.
func (p *linked) check(added map[string]string) error {
	for importPath, archive := range added {
		o, err := readObject(archive)
		if err != nil {
			return err
		}
		p.objects[importPath] = o
	}
	var errs []error
	for _, importPath := range sortedKeys(p.objects) {
		for _, imported := range sortedKeys(p.objects[importPath].imports) {
			o, ok := p.objects[imported]
			if !ok {
				errs = append(errs, fmt.Errorf("%s imports %s, of which there is no archive", importPath, imported))
			} else if want := p.objects[importPath].imports[imported]; want != o.fingerprint {
				errs = append(errs, fmt.Errorf("%s was compiled against another build of %s", importPath, imported))
			}
		}
	}
	if len(errs) > 0 {
		errs = append(errs, errors.New("this should not happen; go clean -cache helps, and a report of the build's flags helps us"))
	}
	return errors.Join(errs...)
}
