package toolexec

import (
	"path/filepath"
	"strings"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/templates"
)

// requirement says at the package's first directive why the runtime could not
// be had, and what to do.
func (c *compilation) requirement(plan *instrument.Plan, list *listError) instrument.Diagnostic {
	d := instrument.Diagnostic{Pos: c.first(plan), Rule: "missing-requirement"}
	mod, text := c.unit.pkg.Module, list.output
	in := ""
	if dir, err := workingDir(c.cmd); err == nil && dir != c.unit.pkg.ModuleDir {
		in = " in " + shown(c.unit.pkg.ModuleDir, dir)
	}
	switch {
	case strings.Contains(text, "-mod=vendor") || strings.Contains(text, "vendor/modules.txt") || strings.Contains(text, "inconsistent vendoring"):
		d.Message = "the vendor folder of " + mod + " lacks " + templates.RuntimePath + ", which instrumented code imports"
		d.Fix = "run" + in + ": orchestrall init && go mod vendor; or build with -mod=mod"
	case strings.Contains(text, "no required module provides package "+templates.RuntimePath),
		strings.Contains(text, "cannot find module providing package "+templates.RuntimePath),
		strings.Contains(text, "is not in std") && strings.Contains(text, templates.RuntimePath):
		d.Message = "module " + mod + " does not require " + templates.RuntimePath + ", which instrumented code imports"
		d.Fix = "run" + in + ": orchestrall init; or: go get " + templates.BootstrapPath
	case strings.Contains(text, "missing go.sum entry") || strings.Contains(text, "updates to go.mod needed"):
		d.Message = "go.mod and go.sum of " + mod + " do not know everything that " + templates.RuntimePath + " needs (" + firstLine(text) + ")"
		d.Fix = "run" + in + ": go get " + templates.BootstrapPath
	default:
		d.Message = "the packages that instrumented code imports do not build:\n\t" + strings.ReplaceAll(text, "\n", "\n\t")
	}
	return d
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return strings.TrimPrefix(strings.TrimSuffix(line, ":"), "go: ")
}

// shown writes path as one would type it in dir.
func shown(path, dir string) string {
	if rel, err := filepath.Rel(dir, path); err == nil && !strings.HasPrefix(rel, "..") {
		return rel
	}
	return path
}
