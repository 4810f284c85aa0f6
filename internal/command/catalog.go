package command

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/catalog"
	"github.com/orchestrall/orchestrall/internal/drift"
)

func (s *session) catalogVerb() *cli.Command {
	return &cli.Command{
		Name:      "catalog",
		Usage:     "describe every operation: metric, labels, attributes, limits, log level, owner",
		UsageText: "orchestrall catalog [PATTERNS] [--format table|json|markdown] [--html FILE]\n    orchestrall catalog [PATTERNS] --missing [--fix] [--format table|json|markdown]",
		Description: `The catalog comes from the plan that a build instruments by. Operations of test
files are left out. Owners are those of the repository's CODEOWNERS file; the last
pattern that fits a file decides.

--missing turns to what is not in it: the exported functions with a context or an
error result in packages that a program of the module compiles, less tests,
generated files, and what //orchestrall:ignore or orchestrall.yaml excludes.

` + patternsText,
		Flags: []cli.Flag{
			formatFlag("print as `FORMAT`: table, json or markdown", "table"),
			&cli.StringFlag{Name: "html", Usage: "write a page to browse, search and sort to `FILE` instead"},
			&cli.BoolFlag{Name: "missing", Usage: "list the functions that have no directive"},
			&cli.BoolFlag{Name: "fix", Usage: "with --missing: put //orchestrall:trace above them"},
		},
		Action: func(c *cli.Context) error {
			format := c.String("format")
			if err := choice("format", format, []string{"table", "json", "markdown"}); err != nil {
				return err
			}
			missing := c.Bool("missing")
			if err := catalogFlags(c.IsSet("html"), c.IsSet("format"), missing, c.Bool("fix")); err != nil {
				return err
			}
			if missing {
				return s.coverage(c.Args().Slice(), format, c.Bool("fix"))
			}
			return s.catalog(c.Args().Slice(), format, c.String("html"))
		},
	}
}

func (s *session) catalog(patterns []string, format, page string) error {
	t, err := s.scanPatterns(patterns, hasWork)
	if err != nil {
		return err
	}
	operations := each(s, t, func(p *planned) ([]catalog.Operation, []instrument.Diagnostic) {
		return described(p), nil
	})
	c := newCatalog(t, slices.Concat(operations...))
	if err := s.stop(t.diagnostics); err != nil {
		return err
	}
	if page != "" {
		src, err := c.Page()
		if err != nil {
			return err
		}
		return s.writePage(t, page, src)
	}
	if format == "table" && len(c.Operations) == 0 {
		fmt.Fprintln(s.stderr, "orchestrall: no operations; put //orchestrall:trace above a function")
		return nil
	}
	return s.show(format, c, func() []byte {
		return c.Table(func(op catalog.Operation) string { return fmt.Sprintf("%s:%d", drift.Rel(t.cwd, op.Path()), op.Line) })
	})
}

// show writes what a verb found in the format that was asked for.
func (s *session) show(format string, found interface {
	JSON() ([]byte, error)
	Markdown() []byte
}, table func() []byte,
) error {
	var out []byte
	switch format {
	case "json":
		var err error
		if out, err = found.JSON(); err != nil {
			return err
		}
	case "markdown":
		out = found.Markdown()
	default:
		out = table()
	}
	_, err := s.stdout.Write(out)
	return err
}

func (s *session) writePage(t *tree, page string, src []byte) error {
	path, err := filepath.Abs(page)
	if err != nil {
		return err
	}
	have, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil && bytes.Equal(have, src) {
		return s.write(t, nil, drift.Rel(t.cwd, path)+" is up to date")
	}
	return s.write(t, []drift.File{{Path: path, Have: have, Want: src}}, "")
}

// described returns what the catalog says of a package, less the owners.
func described(p *planned) []catalog.Operation {
	var found []catalog.Operation
	for _, op := range p.plan.Operations() {
		if o := catalog.New(op, p.pkg.ModuleDir, nil); !o.Test() {
			found = append(found, o)
		}
	}
	return found
}

// newCatalog puts operations in order and gives them their owners. Warnings
// about CODEOWNERS go to the diagnostics of t.
func newCatalog(t *tree, operations []catalog.Operation) *catalog.Catalog {
	c := &catalog.Catalog{Title: t.title(), Operations: operations}
	books := make(map[string]*ownersBook)
	for _, m := range t.scan.Modules {
		root := repository(m.Dir)
		if books[root] == nil {
			books[root] = readOwners(t, root)
		}
		books[m.Dir] = books[root]
	}
	for i := range c.Operations {
		if book := books[c.Operations[i].Dir]; book != nil {
			c.Operations[i].Owners = book.of(c.Operations[i].Path())
		}
	}
	c.Sort()
	return c
}

// An ownersBook is the CODEOWNERS file of one repository.
type ownersBook struct {
	root   string
	owners *catalog.Owners
}

func (b *ownersBook) of(path string) []string {
	rel, err := filepath.Rel(b.root, path)
	if err != nil {
		return nil
	}
	return b.owners.Of(filepath.ToSlash(rel))
}

func readOwners(t *tree, root string) *ownersBook {
	book := &ownersBook{root: root}
	for _, name := range catalog.OwnersFiles {
		path := filepath.Join(root, filepath.FromSlash(name))
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			d := instrument.Diagnostic{Severity: instrument.Warning, Rule: "unreadable-file", Message: "cannot read: " + err.Error(), Fix: "make it readable, or owners are missing"}
			d.Pos.Filename = path
			t.diagnostics = append(t.diagnostics, d)
			continue
		}
		owners, ds := catalog.ParseOwners(path, data)
		book.owners = owners
		t.diagnostics = append(t.diagnostics, ds...)
		break
	}
	return book
}

// repository returns the folder with the .git that dir belongs to, else dir:
// a CODEOWNERS file further up would be a stranger's.
func repository(dir string) string {
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, ".git")); err == nil {
			return at
		}
		if at == filepath.Dir(at) {
			return dir
		}
	}
}
