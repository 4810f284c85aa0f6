// Package lint finds, in type-checked sources, what a directive says that the
// compiler would refuse or a reader would miss: expressions that don't type-check,
// spans that can't have a parent, goroutines that lose theirs.
package lint

import (
	"errors"
	"fmt"
	"go/token"
	"maps"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/checker"
	"golang.org/x/tools/go/packages"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/rewrite"
)

// A Finding is a diagnostic and the edits that settle it, if any.
type Finding struct {
	instrument.Diagnostic
	Edits []Edit
}

// An Edit changes bytes of a file.
type Edit struct {
	File string
	rewrite.Edit
}

// Config says what to look at, and where.
type Config struct {
	Dir       string              // where the patterns are resolved
	Patterns  []string            // packages that hold Functions
	Flags     []string            // build flags, such as -tags=x
	Functions []instrument.Traced // of these packages
}

// A LoadError is what keeps packages from being type-checked.
type LoadError []packages.Error

func (e LoadError) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Run type-checks the packages and returns the findings, sorted.
func Run(cfg Config) ([]Finding, error) {
	pkgs, err := packages.Load(&packages.Config{
		Mode: packages.LoadSyntax | packages.NeedModule,
		Dir:  cfg.Dir, BuildFlags: cfg.Flags, Tests: true,
	}, cfg.Patterns...)
	if err != nil {
		return nil, err
	}
	if err := loadErrors(pkgs); err != nil {
		return nil, err
	}
	graph, err := checker.Analyze(analyzers(index(cfg.Functions)), pkgs, nil)
	if err != nil {
		return nil, err
	}
	return collect(graph)
}

func loadErrors(pkgs []*packages.Package) error {
	var all LoadError
	seen := make(map[string]bool)
	packages.Visit(pkgs, nil, func(p *packages.Package) {
		for _, e := range p.Errors {
			// A package and its variant with tests say the same.
			if key := e.Error(); !seen[key] {
				seen[key] = true
				all = append(all, e)
			}
		}
	})
	if len(all) == 0 {
		return nil
	}
	// What the go command printed while it listed the packages says the same
	// again, without a position of its own.
	if positioned := slices.DeleteFunc(slices.Clone(all), func(e packages.Error) bool { return e.Pos == "" || e.Pos == "-" }); len(positioned) > 0 {
		all = positioned
	}
	slices.SortFunc(all, func(a, b packages.Error) int { return strings.Compare(a.Error(), b.Error()) })
	return all
}

// place identifies a declaration: two of them may share a line.
type place struct {
	file string
	line int
	name string
}

func index(functions []instrument.Traced) map[place]instrument.Traced {
	m := make(map[place]instrument.Traced, len(functions))
	for _, f := range functions {
		m[place{f.File, f.Line, f.Name}] = f
	}
	return m
}

// collect turns what the analyzers reported into findings. A file belongs to a
// package and to its variant with tests, so each finding may come twice.
func collect(graph *checker.Graph) ([]Finding, error) {
	found := make(map[string]Finding)
	var errs []error
	for action := range graph.All() {
		if action.Err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", action, action.Err))
			continue
		}
		for _, d := range action.Diagnostics {
			f := finding(action, d)
			found[f.String()] = f
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	findings := slices.Collect(maps.Values(found))
	slices.SortFunc(findings, func(a, b Finding) int { return compare(a.Diagnostic, b.Diagnostic) })
	return findings, nil
}

func compare(a, b instrument.Diagnostic) int {
	if a.Pos.Filename != b.Pos.Filename {
		return strings.Compare(a.Pos.Filename, b.Pos.Filename)
	}
	if a.Pos.Line != b.Pos.Line {
		return a.Pos.Line - b.Pos.Line
	}
	if a.Pos.Column != b.Pos.Column {
		return a.Pos.Column - b.Pos.Column
	}
	return strings.Compare(a.Message, b.Message)
}

// isCgo reports whether a file is what cgo made of the user's, somewhere in the
// build cache.
func isCgo(file string) bool { return strings.HasSuffix(file, ".cgo1.go") }

// position returns where pos stands in the user's file, whose own //line
// comments are not followed.
func position(fset *token.FileSet, pos token.Pos) token.Position {
	at := fset.PositionFor(pos, false)
	if isCgo(at.Filename) {
		return fset.Position(pos)
	}
	return at
}

func finding(action *checker.Action, d analysis.Diagnostic) Finding {
	fset := action.Package.Fset
	f := Finding{Diagnostic: instrument.Diagnostic{
		Pos:  position(fset, d.Pos),
		Rule: d.Category, Message: d.Message, Severity: instrument.Warning,
	}}
	if d.Category == ruleExpr {
		f.Severity = instrument.Error
	}
	for _, fix := range d.SuggestedFixes {
		f.Fix = fix.Message
		for _, e := range fix.TextEdits {
			start := fset.PositionFor(e.Pos, false)
			if isCgo(start.Filename) {
				continue
			}
			f.Edits = append(f.Edits, Edit{start.Filename, rewrite.Edit{
				Start: start.Offset, End: fset.PositionFor(e.End, false).Offset, Text: string(e.NewText),
			}})
		}
	}
	return f
}
