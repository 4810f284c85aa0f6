package command

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/catalog"
	"github.com/orchestrall/orchestrall/internal/drift"
	"github.com/orchestrall/orchestrall/internal/scan"
)

// serves chooses the folders that a program of the module compiles; in a module
// without any program, a library, every folder is part of what it offers.
func serves() func(*scan.Tree, *scan.Folder) bool {
	var part map[*scan.Folder]bool
	return func(t *scan.Tree, f *scan.Folder) bool {
		if part == nil {
			var programs []*scan.Folder
			for _, f := range t.Folders {
				if f.Main() {
					programs = append(programs, f)
				}
			}
			part = t.Closure(programs, false)
		}
		return len(part) == 0 || part[f]
	}
}

// An uncovered package is what coverage found in it, and how it would look if
// nothing were missing.
type uncovered struct {
	traced  int
	missing []catalog.Missing
	files   []drift.File
}

func (s *session) coverage(patterns []string, format string, fix bool) error {
	t, err := s.scanPatterns(patterns, serves())
	if err != nil {
		return err
	}
	packages := each(s, t, func(p *planned) (uncovered, []instrument.Diagnostic) {
		found, ds := p.plan.Coverage()
		u := uncovered{traced: found.Traced}
		for _, m := range found.Missing {
			u.missing = append(u.missing, catalog.NewMissing(m, p.pkg.ModuleDir))
		}
		if fix && !p.broken && len(found.Missing) > 0 {
			outputs, bad := annotate(t, p, found.Missing)
			ds = append(ds, bad...)
			for _, out := range outputs {
				u.files = append(u.files, drift.File{Path: out.Path, Have: sourceOf(p.pkg, out.Path), Want: out.Src})
			}
		}
		return u, ds
	})
	if err := s.stop(t.diagnostics); err != nil {
		return err
	}
	c := &catalog.Coverage{Title: t.title()}
	var files []drift.File
	for _, u := range packages {
		c.Traced += u.traced
		c.Missing = append(c.Missing, u.missing...)
		files = append(files, u.files...)
	}
	c.Sort()
	if fix {
		return s.write(t, files, "every exported function with a context or an error result is traced, or says why not")
	}
	return s.show(format, c, func() []byte {
		return c.Table(func(m catalog.Missing) string { return fmt.Sprintf("%s:%d", drift.Rel(t.cwd, m.Path), m.Line) })
	})
}

// annotate adds the directives and plans the package anew: what it can't be
// built with is not written.
func annotate(t *tree, p *planned, missing []instrument.Untraced) ([]instrument.Output, []instrument.Diagnostic) {
	outputs, ds := p.plan.Annotate(missing)
	after := *p.pkg
	after.Files = slices.Clone(p.pkg.Files)
	for i, f := range after.Files {
		for _, out := range outputs {
			if out.Path == f.Path {
				after.Files[i].Src = out.Src
			}
		}
	}
	_, bad := instrument.NewPlan(&after, t.scan.Options(p.folder))
	if instrument.HasErrors(bad) {
		return nil, append(ds, bad...)
	}
	return outputs, ds
}

func sourceOf(pkg *instrument.Package, path string) []byte {
	for _, f := range pkg.Files {
		if f.Path == path {
			return f.Src
		}
	}
	return nil
}

// title names the modules of t.
func (t *tree) title() string {
	var paths []string
	for _, m := range t.scan.Modules {
		paths = append(paths, m.Path)
	}
	return strings.Join(paths, ", ")
}

// catalogFlags tells which flags of the catalog make no sense together.
func catalogFlags(page, formatSet, missing, fix bool) error {
	switch {
	case page && formatSet:
		return errors.New("--html and --format exclude each other")
	case page && missing:
		return errors.New("--html and --missing exclude each other")
	case fix && !missing:
		return errors.New("--fix adds what --missing finds; write --missing --fix")
	case fix && formatSet:
		return errors.New("--fix and --format exclude each other")
	}
	return nil
}
