package config

import (
	"bytes"
	"errors"
	"fmt"
	"go/token"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/orchestrall/orchestrall/internal/nearest"
)

// Parse reads the content of the file at path. It finds all mistakes, not only
// the first one, and always returns a usable [Config].
func Parse(path string, data []byte) (*Config, []Problem) {
	return parseAt(path, "", data)
}

func parseAt(path, root string, data []byte) (*Config, []Problem) {
	c := Default()
	c.Path, c.Root = path, root
	if root == "" {
		if abs, err := filepath.Abs(path); err == nil {
			c.Root = filepath.Dir(abs)
		}
	}
	p := &fileParser{path: path, config: c}
	doc := p.document(data)
	if doc != nil {
		p.file(doc)
	}
	return c, p.sorted()
}

// sorted returns the problems in the order of the file.
func (p *fileParser) sorted() []Problem {
	slices.SortStableFunc(p.problems, func(a, b Problem) int {
		if a.Pos.Line != b.Pos.Line {
			return a.Pos.Line - b.Pos.Line
		}
		return a.Pos.Column - b.Pos.Column
	})
	return p.problems
}

type fileParser struct {
	path     string
	config   *Config
	problems []Problem
}

func (p *fileParser) add(pos token.Position, rule, fix, format string, args ...any) {
	p.problems = append(p.problems, Problem{Pos: pos, Rule: rule, Message: fmt.Sprintf(format, args...), Fix: fix})
}

func (p *fileParser) pos(n *yaml.Node) token.Position {
	return token.Position{Filename: p.path, Line: n.Line, Column: n.Column}
}

var yamlErrorLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// document returns the mapping of the only document, or nil.
func (p *fileParser) document(data []byte) *yaml.Node {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return nil // nothing but comments
	}
	if err == nil {
		if next := dec.Decode(&second); next == nil {
			p.add(p.pos(&second), "bad-yaml", "write one document", "a second document")
			return nil
		} else if !errors.Is(next, io.EOF) {
			err = next
		}
	}
	if err != nil {
		pos := token.Position{Filename: p.path, Line: 1, Column: 1}
		text := err.Error()
		if m := yamlErrorLine.FindStringSubmatch(text); m != nil {
			text = text[len(m[0]):]
			if line, err := strconv.Atoi(m[1]); err == nil {
				pos.Line = line
			}
		}
		p.add(pos, "bad-yaml", "correct the YAML", "%s", text)
		return nil
	}
	if len(doc.Content) == 0 {
		return nil
	}
	root := resolve(doc.Content[0])
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return nil
	}
	return root
}

func resolve(n *yaml.Node) *yaml.Node {
	for range 100 { // an alias of an alias, not a loop
		if n.Kind != yaml.AliasNode || n.Alias == nil {
			break
		}
		n = n.Alias
	}
	return n
}

// A field reads the value of one key.
type field struct {
	name string
	read func(key, value *yaml.Node)
}

// mapping reads n key by key, and reports unknown and repeated keys.
func (p *fileParser) mapping(n *yaml.Node, what string, fields []field) bool {
	if n.Kind != yaml.MappingNode {
		p.add(p.pos(n), "wrong-type", "write key: value", "%s must be a mapping, not %s", what, describe(n))
		return false
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	first := make(map[string]token.Position)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], resolve(n.Content[i+1])
		if pos, twice := first[key.Value]; twice {
			p.add(p.pos(key), "duplicate-key", "keep one of the two", "%s is given twice, first on line %d", quote(key.Value), pos.Line)
			continue
		}
		first[key.Value] = p.pos(key)
		at := slices.Index(names, key.Value)
		if at < 0 {
			p.add(p.pos(key), "unknown-key", nearest.Fix(key.Value, names), "unknown key %s in %s", quote(key.Value), what)
			continue
		}
		fields[at].read(key, value)
	}
	return true
}

func (p *fileParser) file(n *yaml.Node) {
	c := p.config
	p.mapping(n, FileName, []field{
		{"bootstrap", func(_, v *yaml.Node) { p.boolean("bootstrap", v, &c.Bootstrap) }},
		{"generate", func(_, v *yaml.Node) {
			seen := make(map[string]bool)
			for _, item := range p.list("generate", v) {
				if pattern := p.pattern(item); pattern != nil {
					if seen[pattern.Text] {
						p.add(pattern.Pos, "duplicate-rule", "remove it", "package pattern %s is listed twice", quote(pattern.Text))
						continue
					}
					seen[pattern.Text] = true
					c.Generate = append(c.Generate, *pattern)
				}
			}
		}},
		{"select", func(_, v *yaml.Node) {
			for _, item := range p.list("select", v) {
				p.rule(item)
			}
		}},
		{"contexts", func(_, v *yaml.Node) {
			for _, item := range p.list("contexts", v) {
				p.context(item)
			}
		}},
		{"dashboards", func(_, v *yaml.Node) { p.dashboards(v) }},
		{"hooks", func(_, v *yaml.Node) { p.hooks(v) }},
		{"upgrades", func(_, v *yaml.Node) { c.Upgrades = p.modules("upgrades", v) }},
		{"pinned", func(_, v *yaml.Node) { c.Pinned = p.modules("pinned", v) }},
	})
}

func (p *fileParser) rule(n *yaml.Node) {
	before := len(p.problems)
	r := Rule{Pos: p.pos(n)}
	ok := p.mapping(n, "a select rule", []field{
		{"package", func(_, v *yaml.Node) { r.Package = p.pattern(v) }},
		{"file", func(_, v *yaml.Node) { r.File = p.glob("file", v) }},
		{"receiver", func(_, v *yaml.Node) {
			if v.Kind == yaml.ScalarNode && v.Tag == "!!str" && v.Value == "" {
				r.Receiver = &Glob{Pos: p.pos(v)}
				return
			}
			r.Receiver = p.glob("receiver", v)
		}},
		{"name", func(_, v *yaml.Node) { r.Name = p.glob("name", v) }},
		{"exported", func(_, v *yaml.Node) { r.Exported = p.condition("exported", v) }},
		{"context", func(_, v *yaml.Node) { r.Context = p.condition("context", v) }},
		{"error", func(_, v *yaml.Node) { r.Error = p.condition("error", v) }},
		{"exclude", func(_, v *yaml.Node) { p.boolean("exclude", v, &r.Exclude) }},
		{"directive", func(_, v *yaml.Node) {
			if p.text("directive", v, &r.Directive) {
				r.DirectivePos = p.pos(v)
				if v.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
					r.DirectivePos.Column++
				}
				r.Directive = strings.TrimSpace(r.Directive)
				if strings.Contains(r.Directive, "\n") {
					p.add(p.pos(v), "bad-directive", "write it on one line", "a directive of several lines")
				}
			}
		}},
	})
	switch {
	case !ok || len(p.problems) > before:
		return
	case r.Package == nil && r.wholePackage():
		p.add(r.Pos, "empty-rule", "add package:, file:, receiver:, name:, exported:, context: or error:", "a rule with no condition")
		return
	case r.Exclude && r.Directive != "":
		p.add(r.DirectivePos, "bad-rule", "remove one of the two", "a rule with exclude: true has no use for a directive")
		return
	}
	for i := range p.config.Select {
		if other := &p.config.Select[i]; sameRule(other, &r) {
			p.add(r.Pos, "duplicate-rule", "remove it", "the same rule as on line %d", other.Pos.Line)
			return
		}
	}
	p.config.Select = append(p.config.Select, r)
}

func sameRule(a, b *Rule) bool {
	text := func(p *Pattern) string {
		if p == nil {
			return ""
		}
		return p.Text
	}
	glob := func(x, y *Glob) bool { return (x == nil) == (y == nil) && (x == nil || x.Text == y.Text) }
	flag := func(x, y *bool) bool { return (x == nil) == (y == nil) && (x == nil || *x == *y) }
	return a.Exclude == b.Exclude && a.Directive == b.Directive && text(a.Package) == text(b.Package) &&
		glob(a.File, b.File) && glob(a.Receiver, b.Receiver) && glob(a.Name, b.Name) &&
		flag(a.Exported, b.Exported) && flag(a.Context, b.Context) && flag(a.Error, b.Error)
}

func (p *fileParser) context(n *yaml.Node) {
	before := len(p.problems)
	x := Context{Pos: p.pos(n)}
	check := func(v *yaml.Node, problem, fix string) {
		if problem != "" {
			p.add(p.pos(v), "bad-context", fix, "%s", problem)
		}
	}
	ok := p.mapping(n, "a context type", []field{
		{"type", func(_, v *yaml.Node) {
			if p.text("type", v, &x.Type) {
				check(v, typeProblem(x.Type), "")
			}
		}},
		{"get", func(_, v *yaml.Node) {
			if p.text("get", v, &x.Get) {
				check(v, exprProblem(x.Get, false), `write it over {}, such as "{}.Request.Context()"`)
			}
		}},
		{"set", func(_, v *yaml.Node) {
			if p.text("set", v, &x.Set) {
				check(v, exprProblem(x.Set, true), `write it over {} and ctx, such as "{}.SetContext(ctx)"`)
			}
		}},
	})
	if !ok || len(p.problems) > before {
		return
	}
	if x.Type == "" || x.Get == "" {
		p.add(x.Pos, "empty-rule", "add type: and get:", "a context type without %s", map[bool]string{true: "type:", false: "get:"}[x.Type == ""])
		return
	}
	for _, other := range p.config.Contexts {
		if other.Type == x.Type {
			p.add(x.Pos, "duplicate-rule", "keep one of the two", "%s is listed twice, first on line %d", x.Type, other.Pos.Line)
			return
		}
	}
	p.config.Contexts = append(p.config.Contexts, x)
}

func (p *fileParser) list(key string, n *yaml.Node) []*yaml.Node {
	if n.Kind != yaml.SequenceNode {
		p.add(p.pos(n), "wrong-type", "write a list", "%s: must be a list, not %s", key, describe(n))
		return nil
	}
	items := make([]*yaml.Node, len(n.Content))
	for i, item := range n.Content {
		items[i] = resolve(item)
	}
	return items
}

func (p *fileParser) text(key string, n *yaml.Node, to *string) bool {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		p.add(p.pos(n), "wrong-type", "write a text", "%s: must be a text, not %s", key, describe(n))
		return false
	}
	if strings.TrimSpace(n.Value) == "" {
		p.add(p.pos(n), "empty-value", "write a value or remove the key", "%s: is empty", key)
		return false
	}
	*to = n.Value
	return true
}

func (p *fileParser) boolean(key string, n *yaml.Node, to *bool) bool {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!bool" {
		if b, err := strconv.ParseBool(strings.ToLower(n.Value)); err == nil {
			*to = b
			return true
		}
	}
	p.add(p.pos(n), "wrong-type", "write true or false", "%s: must be true or false, not %s", key, describe(n))
	return false
}

func (p *fileParser) condition(key string, n *yaml.Node) *bool {
	var b bool
	if !p.boolean(key, n, &b) {
		return nil
	}
	return &b
}

func (p *fileParser) pattern(n *yaml.Node) *Pattern {
	var text string
	if !p.text("package", n, &text) {
		return nil
	}
	pattern, problem := NewPattern(text, p.config.Root)
	if pattern == nil {
		p.add(p.pos(n), "bad-pattern", "write ./..., ./folder or an import path", "%s", problem)
		return nil
	}
	pattern.Pos = p.pos(n)
	return pattern
}

// modules reads a list of patterns of module paths.
func (p *fileParser) modules(key string, n *yaml.Node) []Pattern {
	var all []Pattern
	for _, item := range p.list(key, n) {
		var text string
		if !p.text(key, item, &text) {
			continue
		}
		pattern, problem := NewModulePattern(text)
		if pattern == nil {
			p.add(p.pos(item), "bad-pattern", "write a module path, example.com/..., or ... for all", "%s: %s", key, problem)
			continue
		}
		pattern.Pos = p.pos(item)
		all = append(all, *pattern)
	}
	return all
}

func (p *fileParser) glob(key string, n *yaml.Node) *Glob {
	var text string
	if !p.text(key, n, &text) {
		return nil
	}
	g := Glob{Text: text, Pos: p.pos(n)}
	if problem := g.problem(); problem != "" {
		p.add(g.Pos, "bad-glob", "* stands for any text, ? for one character, [a-z] for one of these", "%s: %s", key, problem)
		return nil
	}
	return &g
}

func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.Tag {
	case "!!null":
		return "nothing"
	case "!!bool":
		return n.Value
	case "!!int", "!!float":
		return "the number " + n.Value
	}
	return quote(n.Value)
}

func quote(s string) string { return strconv.Quote(s) }
