package command

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/drift"
)

func (s *session) generateVerb() *cli.Command {
	return &cli.Command{
		Name:      "generate",
		Usage:     "write the instrumentation into the sources, to be read, reviewed and checked in",
		UsageText: "orchestrall generate [PATTERNS]",
		Description: `It rewrites the functions that have a directive in place and writes one
orchestrall_gen.go for each package. Running it again changes nothing; "orchestrall
strip" takes everything out again. Nothing is written while there is a mistake
anywhere.

` + patternsText + ` Under go generate it is the package of the file.`,
		Action: func(c *cli.Context) error { return s.generate(c.Args().Slice()) },
	}
}

func (s *session) generate(patterns []string) error {
	// go generate runs this in the folder of the file that asks for it.
	if len(patterns) == 0 && os.Getenv("GOFILE") != "" && os.Getenv("GOPACKAGE") != "" {
		patterns = []string{"."}
	}
	t, err := s.scanPatterns(patterns, hasWork)
	if err != nil {
		return err
	}
	files := each(s, t, func(p *planned) ([]drift.File, []instrument.Diagnostic) {
		outputs, ds := p.plan.Source()
		return differences(p.pkg, outputs), ds
	})
	if err := s.stop(t.diagnostics); err != nil {
		return err
	}
	return s.write(t, slices.Concat(files...), "up to date")
}

// differences returns the files of a package that are not what outputs want
// them to be. Generated files that are not wanted any more have a nil Want.
func differences(pkg *instrument.Package, outputs []instrument.Output) []drift.File {
	have := make(map[string][]byte)
	for _, f := range slices.Concat(pkg.Files, pkg.Generated) {
		have[f.Path] = f.Src
	}
	var files []drift.File
	wanted := make(map[string]bool)
	for _, out := range outputs {
		wanted[out.Path] = true
		files = append(files, drift.File{Path: out.Path, Have: have[out.Path], Want: out.Src})
	}
	for _, f := range pkg.Generated {
		if !wanted[f.Path] {
			files = append(files, drift.File{Path: f.Path, Have: f.Src})
		}
	}
	return slices.DeleteFunc(files, func(f drift.File) bool { return !f.Differs() })
}

// write brings files to the disk and says which they are.
func (s *session) write(t *tree, files []drift.File, nothing string) error {
	slices.SortFunc(files, func(a, b drift.File) int { return strings.Compare(a.Path, b.Path) })
	changes := make([]change, len(files))
	for i, f := range files {
		changes[i] = change{f.Path, f.Want}
	}
	if err := commit(changes); err != nil {
		return err
	}
	for _, f := range files {
		name := drift.Rel(t.cwd, f.Path)
		var err error
		switch {
		case f.Have == nil:
			_, err = fmt.Fprintf(s.stdout, "wrote %s\n", name)
		case f.Want == nil:
			_, err = fmt.Fprintf(s.stdout, "removed %s\n", name)
		default:
			_, err = fmt.Fprintf(s.stdout, "changed %s\n", name)
		}
		if err != nil {
			return err
		}
	}
	if len(files) == 0 {
		_, err := fmt.Fprintf(s.stdout, "nothing to do: %s\n", nothing)
		return err
	}
	return nil
}
