package toolexec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/cachefile"
	"github.com/orchestrall/orchestrall/internal/config"
	"github.com/orchestrall/orchestrall/internal/deep"
	"github.com/orchestrall/orchestrall/internal/hooks"
	"github.com/orchestrall/orchestrall/internal/scan"
	"github.com/orchestrall/orchestrall/templates"
)

// A survey is what the main modules as a whole say of the hooks: a compiler
// sees one package, and whether a library is switched off, instrumented by hand
// or of the wrong version is decided for all of them.
type survey struct {
	Required  bool       // the main modules ask for the runtime at all
	Libraries []surveyed // that apply: the user's own, then those of the tool
	Below     []string   // first-party packages that hook packages are made of: never woven
	Contents  []string   // hashes of the folders of Below
	Traced    bool       // something in the main modules is traced
	Deep      []string   // libraries that are hooked in the standard library
	Link      []string   // hook packages that commands link for their sake
	Warnings  []instrument.Diagnostic
}

// A surveyed library is one whose hooks apply where it is used.
type surveyed struct {
	*hooks.Library
	Own bool
	// Lacks is the module that the hooks need and that go.mod does not ask for.
	Lacks string
	At    token.Position // where go.mod requires the library, or orchestrall.yaml has the hook
}

// survey returns the survey of this build. The first compiler that needs it
// leaves it in the build's folder for the others.
func (c *compilation) survey() *survey { return c.tool.survey(c.unit.work, c.cmd) }

// survey is told the build's folder of one package.
func (t *tool) survey(work string, cmd goCommand) *survey {
	path := filepath.Join(filepath.Dir(work), "orchestrall.survey.json")
	var s survey
	if data, err := os.ReadFile(path); err == nil && json.Unmarshal(data, &s) == nil {
		return &s
	}
	found := t.newSurvey(cmd)
	if data, err := json.Marshal(found); err == nil {
		_ = cachefile.Write(path, data) // or the next one looks again
	}
	return found
}

// newSurvey looks at go.mod, orchestrall.yaml and the imports of the main
// modules. Where the scan fails there are no hooks: the go command or the
// package concerned says what is wrong.
func (t *tool) newSurvey(cmd goCommand) *survey {
	s := &survey{}
	dir, err := workingDir(cmd)
	if err != nil {
		return s
	}
	w := findWorkspace(dir)
	reqs := requirements(w, dir, cmd)
	s.Required = slices.ContainsFunc(reqs, func(r requirement) bool { return r.Path == templates.RuntimePath })
	if !s.Required {
		return s
	}
	opt := scan.Options{Dir: dir, Environ: os.Environ()}
	if alt := cmd.value("modfile"); alt != "" && w.goWork == "" {
		if opt.ModFile = alt; !filepath.IsAbs(alt) {
			opt.ModFile = filepath.Join(dir, alt)
		}
	}
	tree, err := scan.Load(opt)
	if err != nil {
		return s
	}
	s.Warnings = tree.OwnHooks(func() string { return os.Getenv("GOROOT") }) // the go command sets it
	for _, d := range tree.Diagnostics {
		if d.Severity == instrument.Warning {
			s.Warnings = append(s.Warnings, d)
		}
	}
	imported := make(map[string]bool)
	v := &surveyor{survey: s, tree: tree, reqs: reqs, versions: versionsOf(reqs), imported: imported, ctx: buildContext(cmd)}
	v.own()
	for _, f := range tree.Folders {
		for _, file := range f.Files {
			for _, path := range file.Imports {
				imported[path] = true
			}
		}
	}
	for _, name := range deep.Names() {
		if v.choice(name) == config.Deep {
			imported[deep.Package(name)] = true
		}
	}
	for _, l := range t.libraries(imported) {
		v.add(l)
	}
	v.findBelow()
	v.findTraced()
	return s
}

type surveyor struct {
	*survey
	tree     *scan.Tree
	reqs     []requirement
	versions map[string]string
	imported map[string]bool // by first-party packages
	ctx      build.Context
}

// versionsOf returns the versions of the required modules: of those that members
// of a workspace ask for the newest, as the go command takes it. A module that a
// folder replaces has none, "".
func versionsOf(reqs []requirement) map[string]string {
	versions := make(map[string]string)
	for _, r := range reqs {
		// Of a module that another one replaces it stands behind the @.
		version := r.Version.Version[strings.LastIndexByte(r.Version.Version, '@')+1:]
		if r.dir != "" {
			version = ""
		}
		if other, known := versions[r.Path]; !known || semver.Compare(other, version) < 0 {
			versions[r.Path] = version
		}
	}
	return versions
}

// buildContext chooses among files as this build does: the go command hands its
// settings on in the environment.
func buildContext(cmd goCommand) build.Context {
	ctx := build.Default // reads GOOS, GOARCH and CGO_ENABLED
	tags := cmd.value("tags")
	if tags == "" {
		tags = goCommand{flags: environmentFlags(os.Getenv("GOFLAGS"))}.value("tags")
	}
	ctx.BuildTags = strings.FieldsFunc(tags, func(r rune) bool { return r == ',' || r == ' ' })
	for _, name := range []string{"race", "msan", "asan"} {
		if cmd.value(name) == "true" {
			ctx.BuildTags = append(ctx.BuildTags, name)
		}
	}
	return ctx
}

// own takes the hooks of the orchestrall.yaml files.
func (v *surveyor) own() {
	seen := make(map[*config.Config]bool)
	for _, m := range v.tree.Modules {
		if m.Config == nil || seen[m.Config] {
			continue
		}
		seen[m.Config] = true
		for _, l := range m.Config.Hooks.Own {
			v.Libraries = append(v.Libraries, surveyed{Library: l, Own: true, At: l.Pos})
		}
	}
}

// choice is what the configurations say of a library: the first that says
// something counts.
func (v *surveyor) choice(name string) config.Depth {
	for _, m := range v.tree.Modules {
		if m.Config != nil {
			if c := m.Config.Hooks.Choice(name); c != nil {
				return c.Depth
			}
		}
	}
	if of := deep.Follows(name); of != "" && v.choice(of) == config.Deep {
		return config.Deep
	}
	return config.Calls
}

// add takes a library of the tool's unless something speaks against it.
func (v *surveyor) add(l *hooks.Library) {
	isMain := func(path string) bool {
		return slices.ContainsFunc(v.tree.Modules, func(m *scan.Module) bool { return m.Path == path })
	}
	depth := v.choice(l.Name)
	if depth == config.Off || l.Module != "" && isMain(l.Module) {
		return
	}
	of := surveyed{Library: l}
	version, required := v.versions[l.Module]
	used := slices.ContainsFunc(l.Packages(), func(path string) bool { return v.imported[path] })
	earlier, reason := l.Earlier(v.imported, v.versions)
	switch {
	case required && !l.Versions.Contains(version):
		if used {
			v.outOfRange(l, l.Module, version+" is not in "+l.Versions.Text)
		}
		return
	case earlier != "" && !used:
		v.outOfRange(l, earlier, reason)
		return
	}
	if v.byHand(l) {
		return
	}
	if module := l.HookModule(templates.RuntimePath); module != "" && !isMain(module) &&
		!slices.ContainsFunc(v.reqs, func(r requirement) bool { return r.Path == module }) {
		of.Lacks = module
	}
	v.Libraries = append(v.Libraries, of)
	if depth == config.Deep && deep.Known(l.Name) {
		v.Deep = append(v.Deep, l.Name)
		if !slices.Contains(v.Link, l.Hook) {
			v.Link = append(v.Link, l.Hook)
		}
	}
}

// outOfRange says of a library that the build has it in a version without hooks.
func (v *surveyor) outOfRange(l *hooks.Library, module, reason string) {
	d := instrument.Diagnostic{
		Rule:    "no-hooks-for-version",
		Message: l.Name + " is not instrumented: " + module + " " + reason,
		Fix:     "take such a version, or switch the hooks off (hooks: {" + l.Name + ": off} in " + config.FileName + ")",
	}
	for _, m := range v.tree.Modules {
		if d.Pos.Line <= 1 {
			d.Pos = requirementIn(m.GoMod, module)
		}
	}
	v.Warnings = append(v.Warnings, d)
}

// byHand reports whether first-party code, without its tests, installs
// instrumentation of the library itself.
func (v *surveyor) byHand(l *hooks.Library) bool {
	for _, f := range v.tree.Folders {
		if oursBelow(f.ImportPath) {
			continue
		}
		for _, file := range f.Files {
			if file.Test {
				continue
			}
			at := slices.IndexFunc(l.Unless, func(s hooks.Symbol) bool { return slices.Contains(file.Imports, s.Package) })
			if at < 0 {
				continue
			}
			src, err := v.tree.Content(f, file)
			if err != nil {
				continue
			}
			ctx := v.ctx
			ctx.OpenFile = func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(src)), nil }
			if ok, err := ctx.MatchFile(f.Dir, file.Name); ok && err == nil && refersToOne(src, l.Unless) {
				return true
			}
		}
	}
	return false
}

// refersToOne reports whether a file names one of the symbols. It goes by the
// file's imports: the types of other packages are not at hand.
func refersToOne(src []byte, symbols []hooks.Symbol) bool {
	tree, err := parser.ParseFile(token.NewFileSet(), "", src, parser.SkipObjectResolution)
	if tree == nil || err != nil && tree.Name == nil {
		return false
	}
	names := make(map[string]string) // import path → how the file calls it; "" as the package does
	for _, spec := range tree.Imports {
		path := strings.Trim(spec.Path.Value, "\"`")
		names[path] = ""
		if spec.Name != nil {
			names[path] = spec.Name.Name
		}
	}
	means := func(name, qualifier string) bool {
		return slices.ContainsFunc(symbols, func(s hooks.Symbol) bool {
			as, imported := names[s.Package]
			switch {
			case !imported || s.Name != name:
				return false
			case s.Receiver != "":
				return qualifier != ""
			case as == ".":
				return qualifier == ""
			case as == "":
				return qualifier != "" && strings.Contains(s.Package, qualifier)
			}
			return as == qualifier
		})
	}
	found := false
	ast.Inspect(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			qualifier := "."
			if id, ok := n.X.(*ast.Ident); ok {
				qualifier = id.Name
			}
			found = found || means(n.Sel.Name, qualifier)
		case *ast.Ident:
			found = found || means(n.Name, "")
		}
		return !found
	})
	return found
}

// findBelow collects the packages that the user's own hook packages consist of.
func (v *surveyor) findBelow() {
	var roots []*scan.Folder
	for _, l := range v.Libraries {
		if f := v.tree.Folder(l.Hook); f != nil && !slices.Contains(roots, f) {
			roots = append(roots, f)
		}
	}
	digests := make(map[*scan.Folder]bool)
	for f := range v.tree.Closure(roots, false) {
		v.Below = append(v.Below, f.ImportPath)
		digests[f] = false
	}
	slices.Sort(v.Below)
	// What they hold is compiled into packages that do not import them as far as
	// the go command can see.
	for f, digest := range v.tree.Digests(digests) {
		v.Contents = append(v.Contents, fmt.Sprintf("%s %x", f.ImportPath, digest))
	}
	slices.Sort(v.Contents)
}

func (v *surveyor) findTraced() {
	meant := make(map[string]bool)
	for _, l := range v.Libraries {
		if !l.Passive() && l.Lacks == "" {
			for _, path := range l.Packages() {
				meant[path] = true
			}
		}
	}
	for _, f := range v.tree.Folders {
		v.Traced = v.Traced || f.Instrumented()
		for _, file := range f.Files {
			v.Traced = v.Traced || !file.Test && slices.ContainsFunc(file.Imports, func(path string) bool { return meant[path] })
		}
	}
}

// onlyGoroutines reports whether a library is about go statements: it is woven
// where something is traced.
func onlyGoroutines(l *hooks.Library) bool {
	return !slices.ContainsFunc(l.Points, func(p hooks.Point) bool { return p.Kind != hooks.Goroutine })
}

// oursBelow reports whether a package is the runtime's.
func oursBelow(path string) bool {
	return path == templates.RuntimePath || strings.HasPrefix(path, templates.RuntimePath+"/")
}
