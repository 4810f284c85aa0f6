package command

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/mod/modfile"

	"github.com/orchestrall/orchestrall/internal/config"
	"github.com/orchestrall/orchestrall/internal/drift"
	"github.com/orchestrall/orchestrall/internal/overlay"
	"github.com/orchestrall/orchestrall/templates"
)

func (s *session) initVerb() *cli.Command {
	return &cli.Command{
		Name:      "init",
		Usage:     "prepare a module: requirement, //go:generate line, starter orchestrall.yaml",
		UsageText: "orchestrall init",
		Description: `It is the only verb that writes go.mod and go.sum, and it says what it did. Builds
with "orchestrall go" need none of it. Running it again changes nothing.`,
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return s.init()
		},
	}
}

func (s *session) init() error {
	cwd, err := os.Getwd()
	if err != nil {
		return err
	}
	root, err := moduleRoot(cwd)
	if err != nil {
		return err
	}
	var changes []change
	var did []string
	host, existing, err := findHost(root)
	if err != nil {
		return err
	}
	switch {
	case existing != "":
		s.logf("%s has a //go:generate line", drift.Rel(cwd, existing))
	case host.path == "":
		did = append(did, "no //go:generate line: the module has no package for it yet")
	default:
		src, err := os.ReadFile(host.path)
		if err != nil {
			return err
		}
		if src, err = addGenerateLine(host.path, src, host.pattern); err != nil {
			return err
		}
		changes = append(changes, change{host.path, src})
		did = append(did, drift.Rel(cwd, host.path)+": added //go:generate orchestrall generate "+host.pattern)
	}
	if config.Find(root) == "" {
		path := filepath.Join(root, config.FileName)
		changes = append(changes, change{path, []byte(starterConfig)})
		did = append(did, drift.Rel(cwd, path)+": wrote a starter configuration, which changes nothing yet")
	}
	wanted := wantedHooks(root)
	if anchor, err := anchorFile(cmp.Or(host.path, existing), wanted); err != nil {
		return err
	} else if anchor.path != "" {
		changes = append(changes, anchor)
		did = append(did, drift.Rel(cwd, anchor.path)+": keeps go mod tidy and go mod vendor from dropping the requirement; it is never built")
	}
	required, err := s.require(root, cwd, wanted)
	if err != nil {
		return err
	}
	if err := commit(changes); err != nil {
		return err
	}
	if len(required) == 0 && len(changes) == 0 {
		did = append(did, "nothing to do: the module is prepared")
	}
	for _, line := range append(required, did...) {
		if _, err := fmt.Fprintln(s.stdout, line); err != nil {
			return err
		}
	}
	return nil
}

// anchorName is the file that imports the runtime for the go command's module
// verbs, because no file of the user's does.
const anchorName = "orchestrall_require.go"

// anchorFile returns that file for the package of beside, or nothing when it is
// there with everything in it or there is no package.
func anchorFile(beside string, wanted []hookModule) (change, error) {
	if beside == "" {
		return change{}, nil
	}
	path := filepath.Join(filepath.Dir(beside), anchorName)
	was, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return change{}, err
	}
	paths := []string{templates.BootstrapPath}
	for _, m := range wanted {
		paths = append(paths, m.packages...)
	}
	slices.Sort(paths)
	if err == nil && !slices.ContainsFunc(paths, func(path string) bool { return !bytes.Contains(was, []byte(`"`+path+`"`)) }) {
		return change{}, nil
	}
	imports := "import _ \"" + paths[0] + "\"\n"
	if len(paths) > 1 {
		imports = "import (\n\t_ \"" + strings.Join(paths, "\"\n\t_ \"") + "\"\n)\n"
	}
	file, err := parser.ParseFile(token.NewFileSet(), beside, nil, parser.PackageClauseOnly)
	if err != nil {
		return change{}, err
	}
	return change{path, []byte(`//go:build orchestrall_require

// This file is never built. Instrumented code imports the runtime, but no file
// of this module does: without this one go mod tidy would drop the requirement,
// and go mod vendor would leave the runtime out.

package ` + file.Name.Name + `

` + imports)}, nil
}

// wantedHooks are the hook modules of the libraries that the module uses. A
// go.mod with a mistake has none: what reads it next tells.
func wantedHooks(root string) []hookModule {
	path := filepath.Join(root, "go.mod")
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	f, err := modfile.Parse(path, data, nil)
	if err != nil {
		return nil
	}
	return hookModules(root, f)
}

// require adds the runtime and the hook modules to go.mod unless they are
// there, and returns what that changed. When it fails, or would raise a version
// that the user pinned, go.mod and go.sum are what they were.
func (s *session) require(root, cwd string, wanted []hookModule) (did []string, err error) {
	mod, sum := filepath.Join(root, "go.mod"), filepath.Join(root, "go.sum")
	before, err := os.ReadFile(mod)
	if err != nil {
		return nil, err
	}
	old, err := modfile.Parse(mod, before, nil)
	if err != nil {
		return nil, err
	}
	var lacking []string
	if !slices.ContainsFunc(old.Require, func(r *modfile.Require) bool { return r.Mod.Path == templates.RuntimePath }) {
		lacking = append(lacking, templates.RuntimePath)
	}
	for _, m := range wanted {
		if !m.required {
			lacking = append(lacking, m.path)
		}
	}
	if len(lacking) == 0 {
		return nil, nil
	}
	if _, err := exec.LookPath("go"); err != nil {
		return nil, errNoGo
	}
	sums, err := os.ReadFile(sum)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	defer func() {
		if err == nil {
			return
		}
		undo := []change{{mod, before}, {sum, sums}}
		err = errors.Join(err, commit(undo))
	}()
	show := s.progress()
	defer show.done()
	from, err := overlay.FindRuntime(os.Environ())
	if err != nil {
		return nil, err
	}
	for _, module := range lacking {
		show.say("adding %s to go.mod", module)
		if err := s.goGet(root, module, from); err != nil {
			return nil, err
		}
	}
	after, err := os.ReadFile(mod)
	if err != nil {
		return nil, err
	}
	now, err := modfile.Parse(mod, after, nil)
	if err != nil {
		return nil, err
	}
	refused, err := overlay.Raised(s.buildEnv(root), old, now)
	if err != nil {
		return nil, err
	}
	if err := s.stop(refused); err != nil {
		return nil, err
	}
	did = describe(drift.Rel(cwd, mod), old, now)
	if _, err := os.Stat(filepath.Join(root, "vendor", "modules.txt")); err == nil {
		did = append(did, "vendor: run go mod vendor to copy the runtime there")
	}
	return did, nil
}

// goGet adds the runtime with its bootstrap, or a hook module, replaced by its
// folder in a checkout if there is one.
func (s *session) goGet(root, module string, from overlay.Runtime) error {
	if from.Dir != "" {
		dir := filepath.Join(from.Dir, filepath.FromSlash(strings.TrimPrefix(module, templates.RuntimePath)))
		dir = relativeTo(root, dir, filepath.Dir(from.Dir))
		if err := s.runQuietly(root, "mod", "edit", "-require="+module+"@"+from.Version, "-replace="+module+"="+dir); err != nil {
			return err
		}
	}
	// With the dots every package counts, so that go.mod holds what the bootstrap
	// needs too.
	return s.runQuietly(root, "get", module+"/...@"+from.Version)
}

// runQuietly runs the go command and shows what it says when it fails.
func (s *session) runQuietly(dir string, args ...string) error {
	s.logf("go %s", strings.Join(args, " "))
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	// With a vendor folder the go command would not look for modules at all.
	cmd.Env = append(os.Environ(), "GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -mod=mod"))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, bytes.TrimSpace(out.Bytes()))
	}
	return nil
}

// describe lists what changed between two states of a go.mod.
func describe(name string, old, now *modfile.File) []string {
	had, indirect := make(map[string]string), make(map[string]bool)
	for _, r := range old.Require {
		had[r.Mod.Path], indirect[r.Mod.Path] = r.Mod.Version, r.Indirect
	}
	replaced := make(map[string]string)
	for _, r := range now.Replace {
		replaced[r.Old.Path] = r.New.Path
	}
	var did, raised []string
	lines, added := 0, 0
	for _, r := range now.Require {
		version, found := had[r.Mod.Path]
		switch {
		case !found && (r.Mod.Path == templates.RuntimePath || strings.HasPrefix(r.Mod.Path, templates.RuntimePath+"/")):
			line := fmt.Sprintf("%s: requires %s %s", name, r.Mod.Path, r.Mod.Version)
			if to := replaced[r.Mod.Path]; to != "" {
				line += ", replaced by " + to
			}
			did = slices.Insert(did, lines, line)
			lines++
		case !found:
			added++
		case version != r.Mod.Version && indirect[r.Mod.Path]:
			raised = append(raised, fmt.Sprintf("%s from %s to %s", r.Mod.Path, version, r.Mod.Version))
		case version != r.Mod.Version:
			did = append(did, fmt.Sprintf("%s: raised %s from %s to %s", name, r.Mod.Path, version, r.Mod.Version))
		}
	}
	if len(raised) > 0 {
		did = append(did, fmt.Sprintf("%s: raised, indirect: %s", name, strings.Join(raised, ", ")))
	}
	if added > 0 {
		did = append(did, fmt.Sprintf("%s: %d modules that the runtime needs", name, added))
	}
	if old.Go != nil && now.Go != nil && old.Go.Version != now.Go.Version {
		did = append(did, fmt.Sprintf("%s: raised go from %s to %s", name, old.Go.Version, now.Go.Version))
	}
	return did
}
