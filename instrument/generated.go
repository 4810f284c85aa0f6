package instrument

import (
	"go/token"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orchestrall/orchestrall/templates"
)

// generated renders the files that hold the package's operations. mains says
// which func main is woven, and line where a function stands in the layout.
func (p *Plan) generated(mains []mainFunc, place func(*function) (string, int)) ([]Output, []Diagnostic) {
	groups := make(map[string]*templates.File)
	group := func(f *pkgFile) *templates.File {
		name, condition := p.generatedName(f)
		g := groups[name]
		if g == nil {
			g = &templates.File{Package: f.packageName(), Condition: condition}
			groups[name] = g
		}
		return g
	}
	done := make(map[*templates.File]map[string]bool)
	for _, fn := range p.funcs {
		g := group(fn.file)
		if done[g] == nil {
			done[g] = make(map[string]bool)
		}
		if !done[g][fn.opVar] {
			done[g][fn.opVar] = true
			op, imports := p.registered(fn, place)
			g.Operations = append(g.Operations, op)
			for _, i := range imports {
				if !slices.Contains(g.Imports, i) {
					g.Imports = append(g.Imports, i)
				}
			}
		}
	}
	for _, m := range mains {
		g := group(m.file)
		g.Bootstrap, g.Service = true, p.pkg.ImportPath
		for _, path := range p.opt.Link {
			if blank := (templates.Import{Name: "_", Path: path}); !slices.Contains(g.Imports, blank) {
				g.Imports = append(g.Imports, blank)
			}
		}
	}
	p.addHelpers(groups)
	var out []Output
	var ds []Diagnostic
	for name, g := range groups {
		slices.SortFunc(g.Operations, func(a, b templates.Operation) int { return strings.Compare(a.Var, b.Var) })
		src, err := g.Source()
		if err != nil {
			ds = append(ds, errorf(token.Position{Filename: filepath.Join(p.pkg.Dir, name)}, "internal", "report it as a bug with the directives of this package", "the generated file does not parse: %v", err))
			continue
		}
		out = append(out, Output{Path: filepath.Join(p.pkg.Dir, name), Src: src, Generated: true})
	}
	return out, ds
}

const (
	generatedName     = "orchestrall_gen.go"
	generatedTest     = "orchestrall_gen_test.go"
	generatedExternal = "orchestrall_gen_x_test.go"
)

// generatedName chooses the generated file for the operations of f: one for
// the package, one for each kind of test, and one for each file that is only
// sometimes built, with that file's condition.
func (p *Plan) generatedName(f *pkgFile) (name, condition string) {
	c := f.condition()
	switch {
	case !c.none():
		c.nameTags = nil // the name goes on to say them
		return "orchestrall_gen_" + filepath.Base(f.Path), c.String()
	case !f.isTest():
		return generatedName, ""
	case strings.HasSuffix(f.packageName(), "_test"):
		return generatedExternal, ""
	}
	return generatedTest, ""
}

// addHelpers puts each helper into one file that is built whenever the helper
// is needed.
func (p *Plan) addHelpers(groups map[string]*templates.File) {
	needs := make(map[string]map[string]bool) // home → helpers
	packages := make(map[string]string)       // home → package name
	for _, fn := range p.funcs {
		home := generatedName
		if fn.file.isTest() {
			home = generatedTest
			if strings.HasSuffix(fn.file.packageName(), "_test") {
				home = generatedExternal
			}
		}
		packages[home] = fn.file.packageName()
		if needs[home] == nil {
			needs[home] = make(map[string]bool)
		}
		for _, h := range fn.prologue(func(f field) string { return f.code }).Helpers() {
			needs[home][h] = true
		}
	}
	for h := range needs[generatedName] {
		delete(needs[generatedTest], h) // a test is built together with its package
	}
	for home, helpers := range needs {
		if len(helpers) == 0 {
			continue
		}
		g := groups[home]
		if g == nil {
			g = &templates.File{Package: packages[home]}
			if home == generatedName {
				g.Condition = p.anyCondition()
			}
			groups[home] = g
		}
		for h := range helpers {
			g.Helpers = append(g.Helpers, h)
		}
		slices.Sort(g.Helpers)
	}
}

// anyCondition is under what condition the package has a file at all: "" when
// one has no condition.
func (p *Plan) anyCondition() string {
	var all []string
	for _, f := range p.pkg.Files {
		if strings.HasSuffix(f.Path, "_test.go") {
			continue
		}
		pf := p.m.file(f)
		if pf == nil {
			continue
		}
		c := pf.condition()
		if c.none() {
			return ""
		}
		if text := "(" + c.String() + ")"; !c.ignored() && !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return strings.Join(all, " || ")
}

var roleNames = map[role]string{
	roleAttribute: "Attribute", roleCarried: "Carried", roleLabel: "Label", roleEvent: "Event", roleNamePart: "NamePart",
}

var maskNames = map[mask]string{maskPlain: "", maskRedact: "Redact", maskHash: "Hash"}

// registered is fn as the generated file registers it, with the imports that
// its ignored errors need.
func (p *Plan) registered(fn *function, place func(*function) (string, int)) (templates.Operation, []templates.Import) {
	d := fn.d
	op := templates.Operation{
		Var: fn.opVar, Name: fn.name, Kind: d.kind, Function: p.funcName(fn), Metric: d.metric, Log: d.log,
		Sample: d.sample, SLO: d.slo, Slow: d.slow, Hang: d.hang, Min: d.min,
	}
	op.File, op.Line = place(fn)
	if d.spanName != "" {
		op.SpanName = d.spanTemplate()
	}
	for _, f := range d.fields {
		op.Fields = append(op.Fields, templates.Field{Role: roleNames[f.role], Key: f.key, Mask: maskNames[f.mask], AtEnd: f.atEnd, Max: f.max})
	}
	var imports []templates.Import
	for _, e := range d.ignore {
		name, i := fn.ignored(e)
		op.Ignore = append(op.Ignore, name)
		if i.Path != "" {
			imports = append(imports, i)
		}
	}
	return op, imports
}

// ignored returns how the generated file names an error of ignore=. It gives
// the import a name of its own, since two files of a package may import
// different packages under one name.
func (fn *function) ignored(e source) (string, templates.Import) {
	pkg, name, qualified := strings.Cut(e.text, ".")
	if !qualified {
		return e.text, templates.Import{}
	}
	path, ok := fn.file.importPath(pkg)
	if !ok {
		path = ignorable[pkg]
	}
	alias := "orchestrall_" + strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, path)
	return alias + "." + name, templates.Import{Name: alias, Path: path}
}
