// Package library holds the hooks that the tool carries: one YAML file for
// each library.
package library

import (
	"bytes"
	"embed"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/orchestrall/orchestrall/internal/config"
	"github.com/orchestrall/orchestrall/internal/deep"
	"github.com/orchestrall/orchestrall/internal/hooks"
	"github.com/orchestrall/orchestrall/internal/nearest"
)

//go:embed *.yaml
var files embed.FS

// Load reads every file, sorted by the libraries' names. Problems name the
// files: they are mistakes of the tool's own.
func Load() ([]*hooks.Library, []config.Problem) { return load(files) }

func load(from fs.FS) ([]*hooks.Library, []config.Problem) {
	var all []*hooks.Library
	var problems []config.Problem
	names, _ := fs.Glob(from, "*.yaml") // the pattern is well formed
	for _, name := range names {
		data, err := fs.ReadFile(from, name)
		if err != nil {
			problems = append(problems, config.Problem{Rule: "unreadable-file", Message: err.Error()})
			continue
		}
		l, bad := config.ParseLibrary("library/"+name, data)
		problems = append(problems, bad...)
		if len(bad) > 0 {
			continue
		}
		if at := slices.IndexFunc(all, func(o *hooks.Library) bool { return o.Name == l.Name }); at >= 0 {
			problems = append(problems, config.Problem{Pos: l.Pos, Rule: "duplicate-library", Message: "the library " + l.Name + " stands in " + all[at].Pos.Filename + ", too"})
			continue
		}
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b *hooks.Library) int { return strings.Compare(a.Name, b.Name) })
	return all, problems
}

// All returns the libraries whose files are in order; a test holds that all of
// them are.
var All = sync.OnceValue(func() []*hooks.Library {
	all, _ := Load()
	return all
})

// Importing returns the libraries with a point in one of the packages. It
// parses no other file: reading YAML is what takes the time.
func Importing(packages map[string]bool) []*hooks.Library {
	var all []*hooks.Library
	names, _ := fs.Glob(files, "*.yaml") // the pattern is well formed
	for _, name := range names {
		data, err := fs.ReadFile(files, name)
		if err != nil || !mentions(data, packages) {
			continue
		}
		if l, problems := config.ParseLibrary("library/"+name, data); len(problems) == 0 {
			all = append(all, l)
		}
	}
	slices.SortFunc(all, func(a, b *hooks.Library) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// mentions reports whether a symbol of one of the packages may stand in data.
func mentions(data []byte, packages map[string]bool) bool {
	for path := range packages {
		if path == "" {
			continue
		}
		for rest := data; ; {
			i := bytes.Index(rest, []byte(path))
			if i < 0 {
				break
			}
			end := i + len(path)
			// A symbol, or the package of an import.
			if (end == len(rest) || bytes.IndexByte([]byte(".\r\n '\""), rest[end]) >= 0) && (i == 0 || bytes.IndexByte([]byte(" \t(*'\""), rest[i-1]) >= 0) {
				return true
			}
			rest = rest[end:]
		}
	}
	return false
}

// Names returns the names of the libraries.
func Names() []string {
	var names []string
	for _, l := range All() {
		names = append(names, l.Name)
	}
	return names
}

// Check finds the libraries that hooks: in a configuration names and that are
// not known.
func Check(c *config.Config) []config.Problem {
	var problems []config.Problem
	if c == nil || len(c.Hooks.Choices) == 0 {
		return nil
	}
	known := Names()
	for _, choice := range c.Hooks.Choices {
		if !slices.Contains(known, choice.Library) {
			problems = append(problems, config.Problem{
				Pos: choice.Pos, Rule: "unknown-library", Message: "no hooks are known for " + choice.Library,
				Fix: nearest.Fix(choice.Library, append([]string{"off", "own"}, known...)),
			})
			continue
		}
		if choice.Depth == config.Deep && !deep.Known(choice.Library) {
			problems = append(problems, config.Problem{
				Pos: choice.Pos, Rule: "no-deep-hooks", Message: choice.Library + " cannot be hooked deep",
				Fix: "write " + choice.Library + ": calls; deep are " + strings.Join(deep.Names(), ", "),
			})
		}
	}
	return problems
}
