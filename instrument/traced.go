package instrument

import (
	"bytes"
	"go/token"
)

// A Traced is one instrumented function as a type checker needs it: where it
// stands on disk and what its directive evaluates.
type Traced struct {
	File      string // absolute
	Line      int    // of the func keyword
	Name      string // without a receiver
	Directive token.Position
	// Context is what an expression at the top of the function calls its
	// context, such as ctx or r.Context(); "" if there is none.
	Context string
	Fields  []TracedField
}

// A TracedField is one EXPR of a directive.
type TracedField struct {
	Key   string         // attr.user.id; "name" for a part of the span's name
	Code  string         // the expression as the instrumented code has it
	Pos   token.Position // of the EXPR
	AtEnd bool           // may name results
	Label bool           // becomes a metric label
}

// Traced returns the functions of the plan in the order of files and lines.
func (p *Plan) Traced() []Traced {
	all := make([]Traced, 0, len(p.funcs))
	for _, fn := range p.funcs {
		t := Traced{
			File: fn.file.Path, Line: fn.file.diskLine(fn.file.pos(fn.decl.Pos()).Line), Name: fn.decl.Name.Name,
			Directive: p.diskPosition(fn.d.pos), Context: fn.ctx,
		}
		if fn.get != "" {
			t.Context = fn.get
		}
		for _, f := range fn.d.fields {
			if f.implicit { // nobody wrote it, so there is nothing to find fault with
				continue
			}
			t.Fields = append(t.Fields, TracedField{
				Key: f.prefix() + f.key, Code: f.code, Pos: p.diskPosition(f.expr.pos), AtEnd: f.atEnd, Label: f.role == roleLabel,
			})
		}
		all = append(all, t)
	}
	return all
}

// prefix is the part of the user's key that names the role.
func (f field) prefix() string {
	for _, p := range rolePrefixes {
		if p.role == f.role {
			return p.prefix
		}
	}
	return "name"
}

// diskPosition moves a place in a file that was stripped in memory to where
// the user sees it. Directives are whole lines, so that columns stay.
func (p *Plan) diskPosition(pos token.Position) token.Position {
	f := p.m.parsed[pos.Filename]
	if f == nil || f.lines == nil {
		return pos
	}
	pos.Line = f.diskLine(pos.Line)
	for _, disk := range p.pkg.Files {
		if disk.Path == pos.Filename {
			pos.Offset = lineStart(disk.Src, pos.Line) + pos.Column - 1
		}
	}
	return pos
}

// lineStart returns the offset of the first byte of a line, which counts from
// one.
func lineStart(src []byte, line int) int {
	at := 0
	for range line - 1 {
		next := bytes.IndexByte(src[at:], '\n')
		if next < 0 {
			return len(src)
		}
		at += next + 1
	}
	return at
}
