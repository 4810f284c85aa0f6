package overlay

import (
	"fmt"
	"go/scanner"
	"go/token"

	"github.com/orchestrall/orchestrall/rewrite"
)

// align moves edits of src to counted, which is src with the cover tool's
// counters in it: that tool inserts whole tokens, and nothing else matters
// here. An edit that stands where the two cannot be told apart is an error.
func align(src, counted []byte, edits []rewrite.Edit) ([]rewrite.Edit, error) {
	have, want := tokens(counted), tokens(src)
	starts, ends := make(map[int]int, len(want)), make(map[int]int, len(want)+1) // offsets in src to those in counted
	at := 0
	for _, t := range want {
		for at < len(have) && (have[at].tok != t.tok || have[at].text != t.text) {
			at++
		}
		if at == len(have) {
			return nil, fmt.Errorf("the counted file has no %q", t.text)
		}
		starts[t.start], ends[t.end] = have[at].start, have[at].end
		at++
	}
	starts[len(src)] = len(counted)
	moved := make([]rewrite.Edit, len(edits))
	for i, e := range edits {
		// A counter may stand between a token's end and the next one's start:
		// what is inserted belongs behind it.
		start, ok := starts[e.Start]
		if !ok {
			start, ok = ends[e.Start]
		}
		end, too := start, ok
		if e.End > e.Start {
			end, too = ends[e.End]
		}
		if !ok || !too {
			return nil, fmt.Errorf("no token begins at offset %d or ends at %d", e.Start, e.End)
		}
		moved[i] = rewrite.Edit{Start: start, End: end, Text: e.Text}
	}
	return moved, nil
}

type placed struct {
	tok        token.Token
	text       string
	start, end int
}

// tokens are those of a file, without the semicolons that line ends stand for.
func tokens(src []byte) []placed {
	var s scanner.Scanner
	fset := token.NewFileSet()
	file := fset.AddFile("", -1, len(src))
	s.Init(file, src, func(token.Position, string) {}, 0)
	var all []placed
	for {
		pos, tok, text := s.Scan()
		if tok == token.EOF {
			return all
		}
		if tok == token.SEMICOLON {
			continue // cover adds some, and takes the place of line ends
		}
		if text == "" {
			text = tok.String()
		}
		start := file.Offset(pos)
		all = append(all, placed{tok, text, start, start + len(text)})
	}
}
