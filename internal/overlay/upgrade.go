package overlay

import (
	"cmp"
	"errors"
	"fmt"
	"go/token"
	"go/version"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/config"
	"github.com/orchestrall/orchestrall/internal/scan"
)

// A change is a version that the runtime's requirement would raise.
type change struct {
	path, was, now string
	pinned         bool           // the user chose it
	how            string         // see pin
	pos            token.Position // of the user's own requirement
}

// loopVersion is the first language version with a variable per iteration:
// compiling older code as newer code changes what it does.
const loopVersion = "1.22"

// changes compares the versions in a go.mod. Since go 1.17 it lists every
// module that has a part in the program.
func (s *session) changes(m *scan.Module, before, after *modfile.File) []change {
	now := make(map[string]string)
	for _, req := range after.Require {
		now[req.Mod.Path] = req.Mod.Version
	}
	var all []change
	pinner := s.pinner(m, before)
	for _, req := range before.Require {
		c := change{path: req.Mod.Path, was: req.Mod.Version, now: now[req.Mod.Path], pos: position(before, req.Syntax)}
		if semver.Compare(c.now, c.was) <= 0 {
			continue
		}
		is, will := content(before, c.path, c.was), content(before, c.path, c.now)
		if is != "" && is == will {
			continue // the same files under both versions
		}
		if c.how, c.pinned = pinner.pin(req); !c.pinned && is+will != "" {
			c.how, c.pinned = " (go.mod replaces it)", true
		}
		all = append(all, c)
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

// judge refuses to raise what the user pinned and has not allowed to be raised,
// and notes the rest.
func (r *requirer) judge(changes []change, res *resolution) error {
	var refused problems
	var pinned, raised []string
	needs := "the runtime needs it"
	if r.blame != "" {
		needs = "the hooks for " + r.blame + " need it"
	}
	refuse := func(c change, rule, becomes string) {
		refused = append(refused, instrument.Diagnostic{
			Pos: c.pos, Rule: rule,
			Message: fmt.Sprintf("%s %s%s would become %s: %s", c.path, c.was, c.how, becomes, needs),
			Fix:     fmt.Sprintf("raise it yourself (go get %s@%s), %s", c.path, cmp.Or(floors[c.path], c.now), allow("it", c.path)),
		})
		pinned = append(pinned, c.path)
	}
	for _, c := range changes {
		switch loops := version.Compare("go"+c.was, "go"+loopVersion) < 0; {
		case c.path == "go" && loops && !r.upgrades("go"):
			refuse(c, "raised-go", "go "+c.now+", and loops change their meaning at go "+loopVersion)
		case c.path == "go" && version.Compare(version.Lang("go"+c.was), version.Lang("go"+c.now)) == 0:
			// go 1.26 becomes go 1.26.0: the same language, the same GODEBUG.
		case c.path == "go":
			res.Notes = append(res.Notes, fmt.Sprintf("go %s is built as go %s, with GODEBUG as in go %s: the runtime needs it", c.was, c.now, c.was))
		case c.pinned && !r.upgrades(c.path):
			refuse(c, "raised-version", c.now)
		default:
			raised = append(raised, fmt.Sprintf("%s %s (was %s)", c.path, c.now, c.was))
		}
	}
	if n := len(refused); n > 1 { // or else the user allows one after the other
		for i := range refused {
			refused[i].Fix, _, _ = strings.Cut(refused[i].Fix, ", ")
		}
		refused[n-1].Fix += "; " + allow("all "+strconv.Itoa(n), pinned...)
	}
	if len(refused) > 0 {
		return refused
	}
	if len(raised) > 0 {
		slices.Sort(raised)
		res.Notes = append(res.Notes, "what is woven in needs newer modules than go.mod names, so this build has "+strings.Join(raised, ", ")+
			"; packages that import them are compiled anew; pinned: in "+config.FileName+" keeps versions")
	}
	return nil
}

// Raised judges a go.mod that has become another one, for the module in
// env.Dir: the diagnostics are the versions that the user pinned and has not
// allowed to be raised.
func Raised(env Env, before, after *modfile.File) ([]instrument.Diagnostic, error) {
	s, err := newSession(env, "list", nil)
	if err != nil {
		return nil, err
	}
	// What else is wrong with the module the builds tell.
	if s.tree, err = scan.Load(scan.Options{Dir: env.Dir, Config: env.Config, Environ: append(slices.Clone(env.Environ), "GOWORK=off")}); err != nil {
		return nil, err
	}
	if len(s.tree.Modules) == 0 {
		return nil, nil
	}
	r := &requirer{session: s}
	var found problems
	if err := r.judge(r.changes(s.tree.Modules[0], before, after), new(resolution)); errors.As(err, &found) {
		return found, nil
	}
	return nil, nil
}

// allow tells how a build may raise modules.
func allow(what string, paths ...string) string {
	return fmt.Sprintf("or allow %s for builds (upgrades: [%s] in %s, or ORCHESTRALL_UPGRADES=%s)",
		what, strings.Join(paths, ", "), config.FileName, strings.Join(paths, ","))
}

// content is what a replace directive puts in the place of a version, "" for
// none.
func content(f *modfile.File, path, version string) string {
	found := ""
	for _, r := range f.Replace {
		if r.Old.Path == path && (r.Old.Version == version || r.Old.Version == "" && found == "") {
			found = r.New.String()
		}
	}
	return found
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
