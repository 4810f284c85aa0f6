package overlay

import (
	"cmp"
	"fmt"
	"go/token"
	"go/version"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/config"
	"github.com/orchestrall/orchestrall/templates"
)

// A change is a version that the runtime's requirement would raise.
type change struct {
	path, was, now string
	pos            token.Position // of the user's own requirement
}

// loopVersion is the first language version with a variable per iteration:
// compiling older code as newer code changes what it does.
const loopVersion = "1.22"

// changes compares the versions in a go.mod. Since go 1.17 it lists every
// module that has a part in the program.
func changes(before, after *modfile.File) []change {
	now := make(map[string]string)
	for _, req := range after.Require {
		now[req.Mod.Path] = req.Mod.Version
	}
	var all []change
	for _, req := range before.Require {
		path, was := req.Mod.Path, req.Mod.Version
		if semver.Compare(now[path], was) > 0 && !replaced(before, path, was, now[path]) {
			all = append(all, change{path, was, now[path], position(before, req.Syntax)})
		}
	}
	if was, now := goVersion(before), goVersion(after); version.Compare("go"+now, "go"+was) > 0 {
		c := change{path: "go", was: was, now: now, pos: token.Position{Filename: before.Syntax.Name}}
		if before.Go != nil {
			c.pos = position(before, before.Go.Syntax)
		}
		all = append(all, c)
	}
	return all
}

// position is that of the module or version, behind the line's keyword.
func position(f *modfile.File, line *modfile.Line) token.Position {
	pos := token.Position{Filename: f.Syntax.Name, Line: line.Start.Line, Column: line.Start.LineRune}
	if !line.InBlock && len(line.Token) > 1 {
		pos.Column += len(line.Token[0]) + 1
	}
	return pos
}

// judge refuses to raise what the user has not allowed to be raised, and notes
// the rest.
func (r *requirer) judge(changes []change, res *resolution) error {
	var refused problems
	var paths []string
	needs := cmp.Or(r.blame, "the runtime ("+templates.RuntimePath+" "+r.runtime.Version+") needs it")
	for _, c := range changes {
		allow := fmt.Sprintf("or allow it for builds (upgrades: [%s] in %s, or ORCHESTRALL_UPGRADES=%s)", c.path, config.FileName, c.path)
		switch loops := version.Compare("go"+c.was, "go"+loopVersion) < 0; {
		case c.path == "go" && loops && !r.upgrades("go"):
			refused = append(refused, instrument.Diagnostic{
				Pos: c.pos, Rule: "raised-go",
				Message: fmt.Sprintf("go %s would become go %s, and loops change their meaning at go %s: %s", c.was, c.now, loopVersion, needs),
				Fix:     fmt.Sprintf("raise it yourself (go get go@%s), %s", c.now, allow),
			})
			paths = append(paths, c.path)
		case c.path == "go" && version.Compare(version.Lang("go"+c.was), version.Lang("go"+c.now)) == 0:
			// go 1.26 becomes go 1.26.0: the same language, the same GODEBUG.
		case c.path == "go":
			res.Notes = append(res.Notes, fmt.Sprintf("go %s is built as go %s, with GODEBUG as in go %s: %s", c.was, c.now, c.was, needs))
		case r.upgrades(c.path):
			res.Notes = append(res.Notes, fmt.Sprintf("%s %s is built as %s: %s", c.path, c.was, c.now, needs))
		default:
			refused = append(refused, instrument.Diagnostic{
				Pos: c.pos, Rule: "raised-version",
				Message: fmt.Sprintf("%s %s would become %s: %s", c.path, c.was, c.now, needs),
				Fix:     fmt.Sprintf("raise it yourself (go get %s@%s), %s", c.path, c.now, allow),
			})
			paths = append(paths, c.path)
		}
	}
	if n := len(refused); n > 1 { // or else the user allows one after the other
		refused[n-1].Fix += fmt.Sprintf("; all %d at once: upgrades: [%s]", n, strings.Join(paths, ", "))
	}
	if len(refused) > 0 {
		return refused
	}
	return nil
}

// replaced reports whether a replace directive gives path the same content at
// both versions.
func replaced(f *modfile.File, path, was, now string) bool {
	content := func(v string) string {
		found := ""
		for _, r := range f.Replace {
			if r.Old.Path == path && (r.Old.Version == v || r.Old.Version == "" && found == "") {
				found = r.New.String()
			}
		}
		return found
	}
	return content(was) != "" && content(was) == content(now)
}

// keepGODEBUG formats after with the run-time settings that before's go line
// stands for: a raised go line must not change them.
func keepGODEBUG(before, after *modfile.File) ([]byte, error) {
	was := "go" + goVersion(before)
	if version.Compare("go"+goVersion(after), was) > 0 && !slices.ContainsFunc(before.Godebug, func(g *modfile.Godebug) bool { return g.Key == "default" }) {
		if err := after.AddGodebug("default", version.Lang(was)); err != nil {
			return nil, err
		}
	}
	return after.Format()
}
