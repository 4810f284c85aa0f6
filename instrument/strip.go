package instrument

import (
	"bytes"
	"cmp"
	"go/ast"
	"go/token"
	"slices"
	"strings"

	"github.com/orchestrall/orchestrall/rewrite"
	"github.com/orchestrall/orchestrall/templates"
)

// Words behind the marker, which tell [Strip] what the line can't.
const (
	markOneLine = "oneline" // the function stood on one line
)

// Strip takes the code that the source layout inserted out of f again. What is
// left is f as it was before, byte for byte if that was formatted. A file
// without the marker comes back as it is.
func Strip(f File) ([]byte, []Diagnostic) {
	if !hasMarker(f.Src) {
		return f.Src, nil
	}
	src, _, ds := strip(f)
	return src, ds
}

func hasMarker(src []byte) bool { return bytes.Contains(src, []byte(templates.Marker)) }

// strip also returns where each line of the result stands in f.
func strip(f File) (out []byte, lines []int, ds []Diagnostic) {
	p, ds := parseFile(f)
	if p == nil {
		return nil, nil, ds
	}
	marked := p.markedLines()
	if len(marked) == 0 {
		return f.Src, nil, nil
	}
	var edits []rewrite.Edit
	ours := make(map[int]bool) // starts of the lines that are taken out
	for _, decl := range p.tree.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		run := p.inserted(marked, fn)
		if len(run) == 0 {
			continue
		}
		for _, line := range run {
			ours[line.start] = true
		}
		edits = append(edits, p.unname(fn.Type.Params)...)
		edits = append(edits, p.unname(fn.Type.Results)...)
		if strings.Contains(run[0].mark, markOneLine) {
			edits = append(edits, p.joinBody(run, fn)...)
			continue
		}
		for _, line := range run {
			edits = append(edits, rewrite.Delete(line.start, line.end))
		}
	}
	if stray := p.strayMarks(marked, ours); stray != nil {
		return nil, nil, stray
	}
	raw, err := rewrite.Apply(f.Src, edits)
	if err != nil {
		return nil, nil, []Diagnostic{errorf(p.pos(p.tree.Package), "damaged", "restore the file and run generate again", "the generated code was changed by hand: %v", err)}
	}
	out, err = formatLike(f.Src, raw)
	if err != nil {
		return nil, nil, []Diagnostic{errorf(p.pos(p.tree.Package), "damaged", "restore the file and run generate again", "the generated code was changed by hand: without it the file does not parse: %v", err)}
	}
	return out, lineMap(f.Src, edits), nil
}

// A markedLine is a line that ends in the marker, with its newline.
type markedLine struct {
	start, end int
	mark       string // the marker's comment
	pos        token.Pos
}

// markedLines finds the comments that are markers: text inside a string that
// looks like one does not count.
func (f *pkgFile) markedLines() []markedLine {
	var lines []markedLine
	for _, group := range f.tree.Comments {
		for _, c := range group.List {
			word, _ := cutSpace(c.Text)
			if word != templates.Marker {
				continue
			}
			at := f.offset(c.Pos())
			l := markedLine{start: bytes.LastIndexByte(f.Src[:at], '\n') + 1, end: len(f.Src), mark: c.Text, pos: c.Pos()}
			if nl := bytes.IndexByte(f.Src[at:], '\n'); nl >= 0 {
				l.end = at + nl + 1
			}
			lines = append(lines, l)
		}
	}
	return lines
}

// inserted returns the marked lines that the source layout put into fn: one
// run without a gap, whose first line names something of the tool's.
func (f *pkgFile) inserted(marked []markedLine, fn *ast.FuncDecl) []markedLine {
	open, end := f.offset(fn.Body.Lbrace), f.offset(fn.Body.Rbrace)
	first, _ := slices.BinarySearchFunc(marked, open, func(l markedLine, at int) int { return cmp.Compare(l.start, at+1) })
	if first == len(marked) || marked[first].end > end || !bytes.Contains(f.Src[marked[first].start:marked[first].end-len(marked[first].mark)], []byte(reserved)) {
		return nil
	}
	last := first + 1
	for last < len(marked) && marked[last].start == marked[last-1].end && marked[last].end <= end {
		last++
	}
	return marked[first:last]
}

// strayMarks reports the marked lines that are not ours: taking them out could
// lose a user's code.
func (f *pkgFile) strayMarks(marked []markedLine, ours map[int]bool) []Diagnostic {
	var ds []Diagnostic
	for _, line := range marked {
		if !ours[line.start] {
			ds = append(ds, errorf(f.pos(line.pos), "stray-marker", "remove the comment", "%s stands on a line that generate did not write", templates.Marker))
		}
	}
	return ds
}

// unname takes back the names that the tool gave in a list of parameters or
// results, and the parentheses of a single result.
func (f *pkgFile) unname(list *ast.FieldList) []rewrite.Edit {
	if list == nil {
		return nil
	}
	var edits []rewrite.Edit
	taken := 0
	for _, field := range list.List {
		for _, name := range field.Names {
			start, end := f.offset(name.Pos()), f.offset(name.End())
			switch {
			case strings.HasPrefix(name.Name, nameBlank):
				edits = append(edits, rewrite.Edit{Start: start, End: end, Text: "_"})
			case strings.HasPrefix(name.Name, nameIn):
				edits = append(edits, rewrite.Edit{Start: start, End: end, Text: strings.TrimPrefix(name.Name, nameIn)})
			case strings.HasPrefix(name.Name, nameResult), strings.HasPrefix(name.Name, nameParam), name.Name == nameErr, name.Name == nameCtx:
				edits = append(edits, rewrite.Delete(start, f.offset(field.Type.Pos())))
				taken++
			}
		}
	}
	if taken == 1 && len(list.List) == 1 && list.Opening.IsValid() &&
		(list.List[0].Names[0].Name == nameErr || strings.HasPrefix(list.List[0].Names[0].Name, nameResult)) {
		edits = append(edits,
			rewrite.Delete(f.offset(list.Opening), f.offset(list.Opening)+1),
			rewrite.Delete(f.offset(list.Closing), f.offset(list.Closing)+1))
	}
	return edits
}

// joinBody puts a body that the source layout broke into lines on one line.
func (f *pkgFile) joinBody(marked []markedLine, fn *ast.FuncDecl) []rewrite.Edit {
	open, end := f.offset(fn.Body.Lbrace)+1, f.offset(fn.Body.Rbrace)
	var kept []string
	for at := open; at < end; {
		next := end
		if nl := bytes.IndexByte(f.Src[at:end], '\n'); nl >= 0 {
			next = at + nl + 1
		}
		i := slices.IndexFunc(marked, func(l markedLine) bool { return l.start == at })
		if text := strings.TrimSpace(string(f.Src[at:next])); i < 0 && text != "" {
			kept = append(kept, text)
		}
		at = next
	}
	body := ""
	if len(kept) > 0 {
		body = " " + strings.Join(kept, "; ") + " "
	}
	return []rewrite.Edit{{Start: open, End: end, Text: body}}
}

// lineMap returns, for each line of the result of edits, the line of src that
// it came from. Only whole lines are removed, so that counting is enough.
func lineMap(src []byte, edits []rewrite.Edit) []int {
	removed := make(map[int]bool) // the newline bytes that are gone
	for _, e := range edits {
		for i := e.Start; i < e.End; i++ {
			if src[i] == '\n' {
				removed[i] = true
			}
		}
	}
	lines := []int{0, 1}
	line, start := 1, true
	for i, c := range src {
		if c != '\n' {
			start = false
			continue
		}
		line++
		if removed[i] {
			if start || wholeLine(src, edits, i) {
				lines[len(lines)-1] = line
			}
		} else {
			lines = append(lines, line)
		}
		start = true
	}
	return lines
}

// wholeLine reports whether an edit removes the line that ends at the newline
// nl from its first byte.
func wholeLine(src []byte, edits []rewrite.Edit, nl int) bool {
	first := bytes.LastIndexByte(src[:nl], '\n') + 1
	return slices.ContainsFunc(edits, func(e rewrite.Edit) bool { return e.Start <= first && nl < e.End })
}
