package command

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/drift"
	"github.com/orchestrall/orchestrall/internal/overlay"
	"github.com/orchestrall/orchestrall/internal/scan"
)

func (s *session) diffVerb() *cli.Command {
	return &cli.Command{
		Name:      "diff",
		Usage:     "show what a build would compile, as a unified diff of the sources",
		UsageText: "orchestrall diff [PATTERNS]",
		Description: `It shows what becomes of directives and of the calls that hooks mean, without the comments
that tell the compiler the lines and columns of the sources. Nothing is written. A package whose instrumentation is checked in is compiled as it stands and so shows no difference.

` + patternsText,
		Action: func(c *cli.Context) error { return s.diff(c.Args().Slice()) },
	}
}

var lineComment = regexp.MustCompile(`/\*line [^*]*\*/`)

func (s *session) diff(patterns []string) error {
	t, err := s.scanPatterns(patterns, func(*scan.Tree, *scan.Folder) bool { return true })
	if err != nil {
		return err
	}
	if instrument.HasErrors(t.diagnostics) {
		return s.stop(t.diagnostics)
	}
	var paths []string
	for _, f := range t.folders {
		paths = append(paths, f.ImportPath)
		if f.Generated {
			s.logf("%s: checked in, compiled as it stands", f.ImportPath)
		}
	}
	if len(paths) == 0 {
		return nil
	}
	show := s.progress()
	show.say("reading the types of libraries")
	packages, ds, err := overlay.Preview(s.buildEnv(t.cwd), paths)
	show.done()
	if err != nil {
		return err
	}
	if err := s.stop(ds); err != nil {
		return err
	}
	var files []drift.File
	for _, p := range packages {
		files = append(files, differences(p.Package, p.Outputs)...)
	}
	slices.SortFunc(files, func(a, b drift.File) int { return strings.Compare(a.Path, b.Path) })
	for _, f := range files {
		if !bytes.Contains(f.Have, []byte("/*line ")) { // it may have its own
			f.Want = lineComment.ReplaceAll(f.Want, nil)
		}
		if _, err := fmt.Fprint(s.stdout, f.Unified(t.cwd)); err != nil {
			return err
		}
	}
	return nil
}
