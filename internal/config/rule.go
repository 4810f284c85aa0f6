package config

import (
	"go/token"
	"path/filepath"
	"strings"
)

// A Rule selects functions, or takes them out again. Every condition that is
// given must hold.
type Rule struct {
	Pos     token.Position `json:"-"`
	Exclude bool

	Package  *Pattern
	File     *Glob // over the base name, or over the path from the file's folder when it has a slash
	Receiver *Glob // over the type's name; "" in the file selects plain functions
	Name     *Glob

	Exported *bool
	Context  *bool // takes a context
	Error    *bool // returns an error

	Directive    string         // as behind //orchestrall:trace
	DirectivePos token.Position `json:"-"` // of its first character
}

// A Function is what a [Rule] may ask about a function or method.
type Function struct {
	ImportPath string
	Dir        string // absolute folder of the package
	File       string // base name
	Receiver   string // type name without star and type parameters; "" for a function
	Name       string
	Exported   bool
	Context    bool // takes a context.Context or another type that carries one
	Error      bool // its last result implements error
}

// A Selection is what orchestrall.yaml says of a function.
type Selection struct {
	Directive string         // as behind //orchestrall:trace; may be empty
	Pos       token.Position // of the directive's first character, else of the rule
}

// Match returns the selection of f by the last rule that fits it. Test files,
// init and main are selected only by a rule that names them (file: "*_test.go",
// name: main), so that "everything" means the program's own work.
func (c *Config) Match(f Function) (Selection, bool) {
	if c == nil {
		return Selection{}, false
	}
	for i := len(c.Select) - 1; i >= 0; i-- {
		r := &c.Select[i]
		if !r.match(c.Root, f) {
			continue
		}
		if r.Exclude {
			return Selection{}, false
		}
		pos := r.Pos
		if r.DirectivePos.IsValid() {
			pos = r.DirectivePos
		}
		return Selection{Directive: r.Directive, Pos: pos}, true
	}
	return Selection{}, false
}

func (r *Rule) match(root string, f Function) bool {
	if !r.Exclude {
		if strings.HasSuffix(f.File, "_test.go") && (r.File == nil || !strings.Contains(r.File.Text, "_test")) {
			return false
		}
		if f.Receiver == "" && (f.Name == "init" || f.Name == "main") && (r.Name == nil || r.Name.Text != f.Name) {
			return false
		}
	}
	if r.Package != nil && !r.Package.Match(f.ImportPath, f.Dir) {
		return false
	}
	if r.File != nil {
		name := f.File
		if strings.Contains(r.File.Text, "/") {
			rel, err := filepath.Rel(root, filepath.Join(f.Dir, f.File))
			if err != nil {
				return false
			}
			name = filepath.ToSlash(rel)
		}
		if !r.File.Match(name) {
			return false
		}
	}
	if r.Receiver != nil && ((r.Receiver.Text == "") != (f.Receiver == "") || !r.Receiver.Match(f.Receiver)) {
		return false
	}
	return (r.Name == nil || r.Name.Match(f.Name)) &&
		(r.Exported == nil || *r.Exported == f.Exported) &&
		(r.Context == nil || *r.Context == f.Context) &&
		(r.Error == nil || *r.Error == f.Error)
}

// wholePackage reports whether r asks nothing about single functions.
func (r *Rule) wholePackage() bool {
	return r.File == nil && r.Receiver == nil && r.Name == nil && r.Exported == nil && r.Context == nil && r.Error == nil
}

// SelectsIn reports whether a rule may select a function of that package. It
// answers without reading the package, so that a scan opens no file for
// nothing.
func (c *Config) SelectsIn(importPath, dir string) bool {
	if c == nil {
		return false
	}
	selected := false
	for i := range c.Select {
		r := &c.Select[i]
		if r.Package != nil && !r.Package.Match(importPath, dir) {
			continue
		}
		if !r.Exclude {
			selected = true
		} else if r.wholePackage() {
			selected = false
		}
	}
	return selected
}

// ChecksIn reports whether generate: lists that package.
func (c *Config) ChecksIn(importPath, dir string) bool {
	if c == nil {
		return false
	}
	for i := range c.Generate {
		if c.Generate[i].Match(importPath, dir) {
			return true
		}
	}
	return false
}

// Patterns returns every package pattern of the file with its position, so
// that a scan can tell those that match nothing.
func (c *Config) Patterns() []*Pattern {
	if c == nil {
		return nil
	}
	var all []*Pattern
	for i := range c.Generate {
		all = append(all, &c.Generate[i])
	}
	for i := range c.Select {
		if p := c.Select[i].Package; p != nil {
			all = append(all, p)
		}
	}
	return all
}
