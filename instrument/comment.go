package instrument

import (
	"bytes"
	"go/ast"
	"go/token"
	"slices"
	"strings"

	"github.com/orchestrall/orchestrall/internal/nearest"
)

// tool is the part of a directive before the colon.
const tool = "orchestrall"

// The directives, by the word behind the colon. [verbGen] is no directive of
// the user's: it marks the lines that the source layout inserts.
const (
	verbTrace  = "trace"
	verbIgnore = "ignore"
	verbAttr   = "attr"
	verbLabel  = "label"
	verbCtx    = "ctx"
	verbMain   = "main"
	verbGen    = "gen"
)

var verbs = []string{verbTrace, verbIgnore, verbAttr, verbLabel, verbCtx, verbMain}

// HasDirective reports whether src may hold a directive, or a comment that was
// meant to be one. It does not parse; the answer may be true for text that
// only looks like a directive.
func HasDirective(src []byte) bool {
	whole := src
	for {
		at := bytes.Index(src, []byte("//"))
		if at < 0 {
			return bytes.Contains(whole, []byte("/*"+tool+":"))
		}
		src = src[at:]
		head := src[:min(len(src), len(tool)+8)]
		if _, word, _, ok := splitComment(string(head)); ok && nearTool(word) || bytes.HasPrefix(head, []byte("//"+tool)) {
			return true
		}
		src = src[2:]
	}
}

// malformed reports whether the text of a comment is a directive in a form
// that the go command's own directives don't have either: a block comment, no
// colon, or nothing behind it.
func malformed(text string) bool {
	if rest, block := strings.CutPrefix(text, "/*"); block {
		return strings.HasPrefix(strings.TrimLeft(rest, " \t"), tool+":")
	}
	rest, ok := strings.CutPrefix(text, "//"+tool)
	if !ok {
		return false
	}
	rest = strings.TrimRight(rest, " \t\r")
	if rest == "" || rest == ":" {
		return true
	}
	word, _ := cutSpace(strings.TrimLeft(rest, ": \t"))
	return (rest[0] == ' ' || rest[0] == '\t' || rest[0] == ':') && slices.Contains(verbs, word)
}

// splitComment takes "//orchestrall:trace a=b" apart into the space before the
// word, the word, and what follows the colon. ok is false for prose: in a
// directive a lower-case letter follows the colon at once.
func splitComment(text string) (space, word, rest string, ok bool) {
	body, found := strings.CutPrefix(text, "//")
	if !found {
		return "", "", "", false
	}
	trimmed := strings.TrimLeft(body, " \t")
	space = body[:len(body)-len(trimmed)]
	word, rest, found = strings.Cut(trimmed, ":")
	if !found || word == "" || rest == "" || rest[0] < 'a' || rest[0] > 'z' {
		return "", "", "", false
	}
	return space, word, rest, true
}

// nearTool reports whether word is the tool's name or was meant to be: written
// in another case, or no more than two letters off.
func nearTool(word string) bool {
	if word == tool {
		return true
	}
	if len(word) < len(tool)-2 || len(word) > len(tool)+2 {
		return false
	}
	return nearest.Distance(strings.ToLower(word), tool) <= 2
}

// A comment is one line that is, or was meant to be, a directive.
type comment struct {
	pos  token.Position // of the slashes
	verb string
	args string         // behind the verb
	at   token.Position // of args
	done bool           // attached to a declaration
}

// directives returns the directive comments of f in order and the diagnostics
// for those that are misspelled.
func directives(fset *token.FileSet, f *ast.File) ([]*comment, []Diagnostic) {
	var found []*comment
	var ds []Diagnostic
	for _, group := range f.Comments {
		for _, c := range group.List {
			pos := fset.PositionFor(c.Pos(), false)
			space, word, rest, ok := splitComment(c.Text)
			if !ok && malformed(c.Text) {
				ds = append(ds, errorf(pos, "malformed-directive", "write //"+tool+":trace, with arguments behind it", "%q is no directive", firstLine(c.Text)))
			}
			if !ok || !nearTool(word) {
				continue
			}
			wordPos := advance(pos, 2+len(space))
			verb, args := cutSpace(rest)
			if word != tool {
				ds = append(ds, errorf(wordPos, "unknown-tool", "write //"+tool+":"+verb, "unknown directive tool %q", word))
				continue
			}
			if space != "" {
				ds = append(ds, errorf(pos, "space-in-directive", "write //"+tool+":"+verb+" without the space", "a directive has no space behind //"))
				continue
			}
			if verb == verbGen {
				continue
			}
			verbPos := advance(wordPos, len(word)+1)
			if !slices.Contains(verbs, verb) {
				ds = append(ds, errorf(verbPos, "unknown-directive", nearest.Fix(verb, verbs), "unknown directive //%s:%s", tool, verb))
				continue
			}
			found = append(found, &comment{pos: pos, verb: verb, args: args, at: advance(verbPos, len(rest)-len(args))})
		}
	}
	return found, ds
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// cutSpace splits s into its first word and the rest without leading space.
func cutSpace(s string) (word, rest string) {
	i := strings.IndexAny(s, " \t")
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimLeft(s[i:], " \t")
}

// advance returns pos moved n bytes to the right.
func advance(pos token.Position, n int) token.Position {
	pos.Column += n
	pos.Offset += n
	return pos
}
