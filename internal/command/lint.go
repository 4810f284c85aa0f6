package command

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/drift"
	"github.com/orchestrall/orchestrall/internal/lint"
	"github.com/orchestrall/orchestrall/internal/scan"
)

func (s *session) lintVerb() *cli.Command {
	return &cli.Command{
		Name:      "lint",
		Usage:     "type-check directives and find spans without a parent and goroutines that lose theirs",
		UsageText: "orchestrall lint [PATTERNS] [--fix] [--tags LIST] [--format text|json|github|sarif]",
		Description: `The rules:

    expr-type        an expression of a directive does not type-check in its function
    root-span        a traced function has nothing to take a context from
    dropped-context  a goroutine of a traced function starts from an empty context
    unbounded-label  a metric label looks different on every call

and everything that check says of directives.

` + patternsText + `

Exit codes: 0 nothing found, 1 findings, 2 trouble.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "fix", Usage: "apply the suggested fixes to the sources"},
			&cli.StringFlag{Name: "tags", Usage: "consider the build tags of the comma-separated `LIST` satisfied"},
			formatFlag("print as `FORMAT`: text, json, github (workflow annotations) or sarif", string(drift.Text)),
		},
		Action: func(c *cli.Context) error {
			if err := choice("format", c.String("format"), drift.Formats); err != nil {
				return err
			}
			return s.lint(c.Args().Slice(), lintOptions{fix: c.Bool("fix"), tags: c.String("tags"), format: drift.Format(c.String("format"))})
		},
	}
}

type lintOptions struct {
	fix    bool
	tags   string
	format drift.Format
}

func (s *session) lint(patterns []string, opt lintOptions) error {
	if _, err := exec.LookPath("go"); err != nil {
		return errNoGo
	}
	t, err := s.scanPatterns(patterns, hasWork)
	if err != nil {
		return err
	}
	functions := each(s, t, functionsOf)
	version, _ := toolVersion()
	r := &drift.Report{Command: "lint", Version: version, Root: t.cwd}
	r.Add(t.diagnostics...)
	findings, err := s.typed(t, functions, opt.tags)
	if err != nil {
		s.diagnose(t.diagnostics)
		return s.loadFailure(t, err)
	}
	if opt.fix {
		if findings, err = s.fix(t, findings); err != nil {
			return err
		}
	}
	for _, f := range findings {
		r.Add(f.Diagnostic)
	}
	out := s.stdout
	if err := r.Write(out, out, opt.format); err != nil {
		return err
	}
	switch {
	case slices.ContainsFunc(t.diagnostics, isTrouble):
		return exit(exitTrouble)
	case len(r.Findings) > 0:
		return exit(exitFound)
	}
	return nil
}

// typed runs the rules that need types on the packages that have functions.
func (s *session) typed(t *tree, functions [][]instrument.Traced, tags string) ([]lint.Finding, error) {
	paths := make(map[*scan.Module][]string)
	for i, f := range t.folders {
		if len(functions[i]) > 0 {
			paths[f.Module] = append(paths[f.Module], f.ImportPath)
		}
	}
	var flags []string
	if tags != "" {
		flags = append(flags, "-tags="+tags)
	}
	show := s.progress()
	defer show.done()
	all := slices.Concat(functions...)
	var findings []lint.Finding
	for _, m := range t.scan.Modules {
		if len(paths[m]) == 0 {
			continue
		}
		show.say("type-checking %d packages of %s", len(paths[m]), m.Path)
		found, err := lint.Run(lint.Config{Dir: m.Dir, Patterns: paths[m], Flags: flags, Functions: all})
		if err != nil {
			return nil, err
		}
		findings = append(findings, found...)
	}
	return findings, nil
}

// functionsOf returns the traced functions of a package.
func functionsOf(p *planned) ([]instrument.Traced, []instrument.Diagnostic) {
	if p.broken {
		return nil, nil
	}
	return p.plan.Traced(), nil
}

// loadFailure prints why packages can't be type-checked.
func (s *session) loadFailure(t *tree, err error) error {
	var failed lint.LoadError
	if !errors.As(err, &failed) {
		return err
	}
	for _, one := range failed {
		fmt.Fprintln(s.stderr, strings.ReplaceAll(one.Error(), t.cwd+string(os.PathSeparator), ""))
	}
	return fmt.Errorf("the packages do not compile, so their directives can't be type-checked")
}

// fix applies what findings suggest, says which files changed and returns the
// findings that are left.
func (s *session) fix(t *tree, findings []lint.Finding) ([]lint.Finding, error) {
	changed, left, err := lint.Fix(findings, os.ReadFile)
	if err != nil {
		return nil, err
	}
	var files []drift.File
	for path, src := range changed {
		have, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		files = append(files, drift.File{Path: path, Have: have, Want: src})
	}
	if len(files) == 0 {
		return left, nil
	}
	return left, s.write(t, files, "")
}
