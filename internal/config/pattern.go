package config

import (
	"go/token"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// A Pattern names packages as the go command's patterns do: ./..., ./agent,
// example.com/app/..., with "..." standing for any text.
type Pattern struct {
	Text string
	Pos  token.Position `json:"-"`

	root string // of a pattern that starts with "."
	re   *regexp.Regexp
}

// NewPattern compiles text. A pattern that starts with "." is relative to
// root, an absolute folder. It returns nil and what is wrong with a pattern
// that can't be one.
func NewPattern(text, root string) (*Pattern, string) {
	slashed := filepath.ToSlash(text)
	switch {
	case strings.TrimSpace(text) == "":
		return nil, "empty package pattern"
	case strings.ContainsAny(slashed, "*?[]{} \t"):
		return nil, "bad package pattern " + quote(text) + ": a pattern is an import path or a folder, and ... stands for anything"
	}
	p := &Pattern{Text: text}
	if filepath.IsAbs(text) {
		p.root = string(filepath.Separator)
		if vol := filepath.VolumeName(text); vol != "" {
			p.root = vol + p.root
		}
		rel, err := filepath.Rel(p.root, text)
		if err != nil {
			return nil, "bad package pattern " + quote(text) + ": " + err.Error()
		}
		slashed = filepath.ToSlash(rel)
	} else if relative(slashed) {
		p.root = root
		slashed = path.Clean(slashed)
	}
	// The go command's rule: /... at the end also matches without it.
	expr := strings.ReplaceAll(regexp.QuoteMeta(slashed), `\.\.\.`, `.*`)
	if strings.HasSuffix(expr, "/.*") {
		expr = strings.TrimSuffix(expr, "/.*") + "(/.*)?"
	}
	re, err := regexp.Compile("^(?:" + expr + ")$")
	if err != nil {
		return nil, "bad package pattern " + quote(text) + ": " + err.Error()
	}
	p.re = re
	return p, ""
}

// relative reports whether a pattern names folders.
func relative(slashed string) bool {
	return slashed == "." || slashed == ".." || strings.HasPrefix(slashed, "./") || strings.HasPrefix(slashed, "../")
}

// NewModulePattern is [NewPattern] for module paths, which know no folders.
func NewModulePattern(text string) (*Pattern, string) {
	p, problem := NewPattern(text, "")
	if p == nil {
		return nil, strings.Replace(strings.Replace(problem, "package pattern", "module pattern", 1), "an import path or a folder", "a module path", 1)
	}
	if filepath.IsAbs(text) || relative(filepath.ToSlash(text)) {
		return nil, "bad module pattern " + quote(text) + ": a pattern is a module path, and ... stands for anything"
	}
	return p, ""
}

// Match reports whether the package of that import path in the absolute
// folder dir is one of the pattern's.
func (p *Pattern) Match(importPath, dir string) bool {
	if p.root == "" {
		return p.re.MatchString(importPath)
	}
	rel, err := filepath.Rel(p.root, dir)
	if err != nil {
		return false
	}
	rel = filepath.ToSlash(rel)
	if (rel == ".." || strings.HasPrefix(rel, "../")) && !strings.HasPrefix(filepath.ToSlash(p.Text), "..") {
		return false // ./... stays inside its folder
	}
	return p.re.MatchString(rel)
}

// A Glob is a pattern of path.Match over one name.
type Glob struct {
	Text string
	Pos  token.Position `json:"-"`
}

// Match reports whether name fits.
func (g Glob) Match(name string) bool {
	ok, err := path.Match(g.Text, name)
	return ok && err == nil
}

func (g Glob) problem() string {
	if g.Text == "" {
		return "empty glob"
	}
	if _, err := path.Match(g.Text, ""); err != nil {
		return "bad glob " + quote(g.Text)
	}
	return ""
}
