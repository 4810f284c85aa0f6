package config

import (
	"cmp"
	"go/token"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/orchestrall/orchestrall/internal/hooks"
	"github.com/orchestrall/orchestrall/internal/nearest"
)

// Hooks is the hooks: section: which libraries are woven, and the user's own.
type Hooks struct {
	Choices []Choice
	// Own holds one library for each entry of own:, in the order of the file.
	Own []*hooks.Library
}

// A Choice switches the hooks of one library.
type Choice struct {
	Library string
	Depth   Depth
	Pos     token.Position `json:"-"`
}

// A Depth says how far the hooks of a library reach.
type Depth string

// The depths, as orchestrall.yaml spells them.
const (
	Off   Depth = "off"   // not at all
	Calls Depth = "calls" // first-party calls
	Deep  Depth = "deep"  // the definition in the standard library, whoever calls it
)

// Choice returns what the file says of a library, and nil when it says
// nothing.
func (h *Hooks) Choice(library string) *Choice {
	for i := range h.Choices {
		if h.Choices[i].Library == library {
			return &h.Choices[i]
		}
	}
	return nil
}

// ParseLibrary reads one file of hooks: what the tool carries for a library.
func ParseLibrary(path string, data []byte) (*hooks.Library, []Problem) {
	l := &hooks.Library{Pos: token.Position{Filename: path, Line: 1, Column: 1}}
	p := &fileParser{path: path, config: Default()}
	doc := p.document(data)
	if doc == nil {
		if len(p.problems) == 0 {
			p.add(l.Pos, "empty-rule", "add library:, hook: and points:", "an empty file")
		}
		return l, p.problems
	}
	ok := p.mapping(doc, "a library", []field{
		{"library", func(_, v *yaml.Node) { p.text("library", v, &l.Name) }},
		{"module", func(_, v *yaml.Node) {
			if v.Kind == yaml.ScalarNode && v.Tag == "!!str" && v.Value == "" {
				return // of the standard library
			}
			p.text("module", v, &l.Module)
		}},
		{"versions", func(_, v *yaml.Node) {
			var text string
			if !p.text("versions", v, &text) {
				return
			}
			var problem string
			if l.Versions, problem = hooks.ParseRange(text); problem != "" {
				p.add(p.pos(v), "bad-versions", `write comparisons that must all hold, such as ">=v1.60.0 <v2.0.0"`, "versions: %s", problem)
			}
		}},
		{"hook", func(_, v *yaml.Node) { p.text("hook", v, &l.Hook) }},
		{"unless", func(_, v *yaml.Node) {
			for _, item := range p.list("unless", v) {
				if s, ok := p.symbol("unless", item); ok {
					l.Unless = append(l.Unless, s)
				}
			}
		}},
		{"covers", func(_, v *yaml.Node) { l.Covers = p.paths("covers", v) }},
		{"via", func(_, v *yaml.Node) { l.Via = p.paths("via", v) }},
		{"older", func(_, v *yaml.Node) { l.Older = p.paths("older", v) }},
		{"own_spans", func(_, v *yaml.Node) { p.boolean("own_spans", v, &l.OwnSpans) }},
		{"points", func(_, v *yaml.Node) {
			for _, item := range p.list("points", v) {
				if point, ok := p.point(item, "a point", nil); ok {
					l.Points = append(l.Points, point)
				}
			}
		}},
	})
	if ok && len(p.problems) == 0 {
		switch {
		case l.Name == "":
			p.add(l.Pos, "empty-rule", "add library:", "hooks without the name of their library")
		case l.Hook == "":
			p.add(l.Pos, "empty-rule", "add hook:", "hooks without the package that woven code calls")
		case len(l.Points) == 0:
			p.add(l.Pos, "empty-rule", "add points:", "hooks without a point")
		}
	}
	return l, p.sorted()
}

// paths reads a list of import paths.
func (p *fileParser) paths(key string, n *yaml.Node) []string {
	var all []string
	for _, item := range p.list(key, n) {
		var path string
		if p.text(key, item, &path) {
			all = append(all, path)
		}
	}
	return all
}

// hooks reads the section of orchestrall.yaml.
func (p *fileParser) hooks(n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		p.add(p.pos(n), "wrong-type", "write off: [LIBRARY], LIBRARY: off or own:", "hooks: must be a mapping, not %s", describe(n))
		return
	}
	h := &p.config.Hooks
	choose := func(c Choice) {
		if first := h.Choice(c.Library); first != nil {
			p.add(c.Pos, "duplicate-rule", "keep one of the two", "%s is chosen twice, first on line %d", quote(c.Library), first.Pos.Line)
			return
		}
		h.Choices = append(h.Choices, c)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, v := n.Content[i], resolve(n.Content[i+1])
		switch key.Value {
		case "off":
			for _, item := range p.list("off", v) {
				c := Choice{Depth: Off, Pos: p.pos(item)}
				if p.text("off", item, &c.Library) {
					choose(c)
				}
			}
		case "own":
			for _, item := range p.list("own", v) {
				p.ownHook(item)
			}
		default:
			if v.Kind != yaml.ScalarNode {
				p.add(p.pos(key), "unknown-key", nearest.Fix(key.Value, []string{"off", "own"}), "unknown key %s in hooks:, a library has one word", quote(key.Value))
				continue
			}
			c := Choice{Library: key.Value, Pos: p.pos(key)}
			var text string
			if !p.text(key.Value, v, &text) {
				continue
			}
			switch depth := Depth(text); depth {
			case Off, Calls, Deep:
				c.Depth = depth
				choose(c)
			default:
				p.add(p.pos(v), "bad-value", nearest.Fix(text, []string{string(Off), string(Calls), string(Deep)}), "%s: no depth of hooks: %s", key.Value, quote(text))
			}
		}
	}
}

func (p *fileParser) ownHook(n *yaml.Node) {
	l := &hooks.Library{Pos: p.pos(n)}
	before := len(p.problems)
	point, ok := p.point(n, "a hook of your own", func(_, v *yaml.Node) {
		p.text("hook", v, &l.Hook)
		l.HookPos = p.pos(v)
	})
	if !ok {
		return
	}
	if l.Hook == "" && len(p.problems) == before {
		p.add(l.Pos, "empty-rule", "add hook: with the import path of the package that has "+point.Func, "a hook without its package")
		return
	}
	l.Name = point.Target.String()
	if point.Kind == hooks.Import {
		l.Name = "import of " + l.Name
	}
	if point.Field != "" {
		l.Name += "." + point.Field
	}
	l.Points = []hooks.Point{point}
	for _, other := range p.config.Hooks.Own {
		if o := other.Points[0]; o.Kind == point.Kind && o.Target == point.Target && o.Field == point.Field {
			p.add(l.Pos, "duplicate-rule", "keep one of the two", "%s %s is hooked twice, first on line %d", point.Kind, point.Target, other.Pos.Line)
			return
		}
	}
	p.config.Hooks.Own = append(p.config.Hooks.Own, l)
}

// The verb with which each kind of point names its function.
var pointVerbs = []struct {
	kind hooks.Kind
	verb string
}{
	{hooks.Function, "replace"},
	{hooks.Method, "replace"},
	{hooks.Literal, "wrap"},
	{hooks.Result, "wrap"},
	{hooks.Entry, "before"},
	{hooks.Goroutine, "replace"},
	{hooks.Parameter, "replace"},
	{hooks.Import, ""},
}

// point reads one place that is woven. The key hook belongs to the entries of
// orchestrall.yaml alone.
func (p *fileParser) point(n *yaml.Node, what string, hook func(key, value *yaml.Node)) (hooks.Point, bool) {
	before := len(p.problems)
	x := hooks.Point{Pos: p.pos(n)}
	verb, verbPos := "", x.Pos
	var fieldPos, absentPos, contextPos, implementsPos, interfacesPos token.Position
	var fields []field
	for _, k := range pointVerbs {
		fields = append(fields, field{string(k.kind), func(key, v *yaml.Node) {
			if x.Kind != "" {
				p.add(p.pos(key), "bad-rule", "make two of them", "a point is one of %s and %s, not both", x.Kind, k.kind)
				return
			}
			x.Kind, x.TargetPos = k.kind, p.pos(v)
			if k.kind == hooks.Import {
				p.text("import", v, &x.Target.Package)
				return
			}
			if s, ok := p.symbol(string(k.kind), v); ok {
				x.Target = s
				p.checkTarget(v, k.kind, s)
			}
		}})
	}
	for _, name := range []string{"replace", "wrap", "before"} {
		fields = append(fields, field{name, func(key, v *yaml.Node) {
			if verb != "" {
				p.add(p.pos(key), "bad-rule", "remove one of the two", "a point with %s: and %s:", verb, name)
				return
			}
			verb, verbPos = name, p.pos(key)
			p.exported(name, v, &x.Func)
		}})
	}
	fields = append(fields,
		field{"field", func(key, v *yaml.Node) {
			fieldPos = p.pos(key)
			p.text("field", v, &x.Field)
		}},
		field{"absent", func(key, v *yaml.Node) {
			absentPos = p.pos(key)
			p.boolean("absent", v, &x.Absent)
		}},
		field{"context", func(key, v *yaml.Node) {
			contextPos = p.pos(key)
			var text string
			if v.Kind == yaml.ScalarNode {
				text = v.Value
			}
			switch x.Context = hooks.Caller(text); x.Context {
			case hooks.Anybody, hooks.Carrying:
			default:
				p.add(p.pos(v), "bad-value", "write true, or required where calls without a context stay as they are", "context: %s is neither true nor required", quote(text))
			}
		}},
		field{"implements", func(key, v *yaml.Node) {
			implementsPos = p.pos(key)
			p.boolean("implements", v, &x.Implements)
		}},
		field{"interfaces", func(key, v *yaml.Node) {
			interfacesPos = p.pos(key)
			p.exported("interfaces", v, &x.Interfaces)
		}},
	)
	if hook != nil {
		fields = append(fields, field{"hook", hook})
	}
	if !p.mapping(n, what, fields) || len(p.problems) > before {
		return x, false
	}
	at := slices.IndexFunc(pointVerbs, func(k struct {
		kind hooks.Kind
		verb string
	},
	) bool {
		return k.kind == x.Kind
	})
	switch {
	case at < 0:
		p.add(x.Pos, "empty-rule", "add function:, method:, literal:, result:, entry:, parameter: or import:", "a point without what it looks for")
	case pointVerbs[at].verb == "" && verb != "":
		p.add(verbPos, "bad-rule", "remove it", "an %s has no %s:", x.Kind, verb)
	case verb == "" && pointVerbs[at].verb != "":
		p.add(x.Pos, "empty-rule", "add "+pointVerbs[at].verb+":", "a %s without the function that takes its place", x.Kind)
	case verb != pointVerbs[at].verb:
		p.add(verbPos, "bad-rule", "write "+pointVerbs[at].verb+":", "a %s has no %s:", x.Kind, verb)
	case x.Kind == hooks.Literal && x.Field == "":
		p.add(x.Pos, "empty-rule", "add field:", "a literal without the field to wrap")
	case x.Kind != hooks.Literal && (fieldPos.IsValid() || absentPos.IsValid()):
		p.add(cmp.Or(fieldPos, absentPos), "bad-rule", "remove it", "only a literal has field: and absent:")
	case contextPos.IsValid() && x.Kind != hooks.Function && x.Kind != hooks.Method:
		p.add(contextPos, "bad-rule", "remove it", "only a function or a method has context:")
	case implementsPos.IsValid() && (x.Kind != hooks.Method || x.Target.Pointer):
		p.add(implementsPos, "bad-rule", "remove it", "only a method of an interface has implements:")
	case interfacesPos.IsValid() && (x.Kind != hooks.Method || x.Implements || !token.IsExported(x.Target.Name)):
		p.add(interfacesPos, "bad-rule", "remove it", "only an exported method of a type that is no interface has interfaces:")
	}
	return x, len(p.problems) == before
}

// exported reads the name of a function of the hook package.
func (p *fileParser) exported(key string, n *yaml.Node, to *string) {
	if p.text(key, n, to) && (!token.IsIdentifier(*to) || !token.IsExported(*to)) {
		p.add(p.pos(n), "bad-value", "write the name of an exported function of the hook package", "%s: %s is no exported name", key, quote(*to))
	}
}

func (p *fileParser) symbol(key string, n *yaml.Node) (hooks.Symbol, bool) {
	var text string
	if !p.text(key, n, &text) {
		return hooks.Symbol{}, false
	}
	s, problem := hooks.ParseSymbol(text)
	if problem != "" {
		p.add(p.pos(n), "bad-symbol", "write it with its whole import path: net/http.Get, (*net/http.Client).Do", "%s: %s is %s", key, quote(text), problem)
		return s, false
	}
	return s, true
}

func (p *fileParser) checkTarget(n *yaml.Node, kind hooks.Kind, s hooks.Symbol) {
	switch {
	case kind == hooks.Method && s.Receiver == "":
		named := s.Package + ".TYPE"
		if at := strings.LastIndexByte(s.Package, '.'); at > strings.LastIndexByte(s.Package, '/') && token.IsExported(s.Package[at+1:]) {
			named = s.Package // path.Type.Method: the type without its parentheses
		}
		p.add(p.pos(n), "bad-symbol", "write (*"+named+")."+s.Name, "method: %s has no receiver", quote(s.String()))
	case s.Receiver == "" && s.Pointer && kind != hooks.Parameter:
		p.add(p.pos(n), "bad-symbol", "remove the *", "%s: %s is a pointer", kind, quote(s.String()))
	case (kind == hooks.Function || kind == hooks.Literal || kind == hooks.Goroutine || kind == hooks.Parameter) && s.Receiver != "":
		p.add(p.pos(n), "bad-symbol", "write method: for a method", "%s: %s has a receiver", kind, quote(s.String()))
	}
}
