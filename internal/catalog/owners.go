package catalog

import (
	"bytes"
	"go/token"
	"regexp"
	"slices"
	"strings"

	"github.com/orchestrall/orchestrall/instrument"
)

// OwnersFiles are the places of a CODEOWNERS file in a repository, in the order
// in which code hosts look for it.
var OwnersFiles = []string{".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"}

// Owners says who answers for a file.
type Owners struct{ sections []ownersSection }

// An ownersSection is what stands between two [Section] lines: each section has
// a say of its own.
type ownersSection struct {
	owners []string // of rules that name none
	rules  []ownersRule
}

type ownersRule struct {
	re     *regexp.Regexp
	owners []string
}

// Of returns the owners of the file at path, which is relative to the
// repository, with slashes. In each section the last rule that fits decides,
// even where it names nobody.
func (o *Owners) Of(path string) []string {
	if o == nil {
		return nil
	}
	var all []string
	for _, s := range o.sections {
		for _, r := range slices.Backward(s.rules) {
			if !r.re.MatchString(path) {
				continue
			}
			for _, owner := range r.owners {
				if !slices.Contains(all, owner) {
					all = append(all, owner)
				}
			}
			break
		}
	}
	return all
}

var ownersHeading = regexp.MustCompile(`^\^?\[[^\]]+\](?:\[\d+\])?(?:\s+(.*))?$`)

// ParseOwners reads a CODEOWNERS file. The diagnostics are warnings about
// patterns that code hosts pass over, too.
func ParseOwners(path string, data []byte) (*Owners, []instrument.Diagnostic) {
	o := &Owners{sections: []ownersSection{{}}}
	var ds []instrument.Diagnostic
	number := 0
	for line := range bytes.Lines(bytes.TrimPrefix(data, []byte("\ufeff"))) {
		number++
		text := strings.TrimSpace(string(line))
		if text == "" || text[0] == '#' {
			continue
		}
		if heading := ownersHeading.FindStringSubmatch(text); heading != nil {
			o.sections = append(o.sections, ownersSection{owners: ownerNames(strings.Fields(heading[1]))})
			continue
		}
		pattern, rest := cutPattern(text)
		section := &o.sections[len(o.sections)-1]
		if strings.HasPrefix(pattern, "!") || strings.ContainsAny(pattern, "[]") {
			ds = append(ds, instrument.Diagnostic{
				Pos:      token.Position{Filename: path, Line: number, Column: 1 + bytes.Index(line, []byte(pattern[:1]))},
				Severity: instrument.Warning, Rule: "bad-owners",
				Message: "the pattern " + pattern + " has no effect: ! and [ ] are not possible in CODEOWNERS",
				Fix:     "write it with * and ?",
			})
			continue
		}
		owners := ownerNames(strings.Fields(rest))
		if owners == nil {
			owners = section.owners
		}
		section.rules = append(section.rules, ownersRule{ownersPattern(pattern), owners})
	}
	return o, ds
}

// ownerNames are the words before a remark.
func ownerNames(words []string) []string {
	if i := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(w, "#") }); i >= 0 {
		words = words[:i]
	}
	if len(words) == 0 {
		return nil
	}
	return words
}

// cutPattern splits a line at the first space that no backslash protects.
func cutPattern(text string) (pattern, rest string) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		case text[i] == ' ' || text[i] == '\t':
			return b.String(), text[i:]
		default:
			b.WriteByte(text[i])
		}
	}
	return b.String(), ""
}

// ownersPattern compiles a pattern of the form that .gitignore has: anchored
// where a slash stands at its start or inside, a folder where one stands at its
// end, ** over folders. dir/* is the files of dir alone.
func ownersPattern(pattern string) *regexp.Regexp {
	trimmed, folder := strings.CutSuffix(pattern, "/")
	anchored := strings.Contains(trimmed, "/")
	trimmed = strings.TrimPrefix(trimmed, "/")
	var b strings.Builder
	b.WriteString("^")
	if !anchored && pattern != "/" {
		b.WriteString("(?:.*/)?")
	}
	elems := strings.Split(trimmed, "/")
	for i, elem := range elems {
		last := i == len(elems)-1
		if elem == "**" {
			if last {
				b.WriteString(".*")
			} else {
				b.WriteString("(?:.*/)?")
			}
			continue
		}
		for _, c := range elem {
			switch c {
			case '*':
				b.WriteString("[^/]*")
			case '?':
				b.WriteString("[^/]")
			default:
				b.WriteString(regexp.QuoteMeta(string(c)))
			}
		}
		if !last {
			b.WriteString("/")
		}
	}
	switch {
	case trimmed == "": // the whole repository
	case folder:
		b.WriteString("/.+$")
	case anchored && elems[len(elems)-1] == "*":
		b.WriteString("$")
	default:
		b.WriteString("(?:/.*)?$")
	}
	return regexp.MustCompile(b.String())
}
