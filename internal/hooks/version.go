package hooks

import (
	"strings"

	"golang.org/x/mod/semver"
)

// A Range is a set of module versions: comparisons that must all hold, such as
// ">=v1.60.0 <v2.0.0".
type Range struct {
	Text  string
	holds []comparison
}

type comparison struct{ operator, version string }

// ParseRange reads a range. It returns what is wrong with text, and "" when
// nothing is.
func ParseRange(text string) (Range, string) {
	r := Range{Text: strings.Join(strings.Fields(text), " ")}
	for _, field := range strings.Fields(text) {
		at := strings.IndexByte(field, 'v')
		if at < 0 || !semver.IsValid(field[at:]) {
			return Range{}, "no version in " + field
		}
		c := comparison{field[:at], field[at:]}
		switch c.operator {
		case ">=", ">", "<=", "<", "=":
		default:
			return Range{}, "no comparison in " + field
		}
		r.holds = append(r.holds, c)
	}
	if len(r.holds) == 0 {
		return Range{}, "an empty range"
	}
	return r, ""
}

// Contains reports whether version is in the range. A version that is not
// known, such as that of a folder that replaces a module, is.
func (r Range) Contains(version string) bool {
	if !semver.IsValid(version) {
		return true
	}
	for _, c := range r.holds {
		n := semver.Compare(version, c.version)
		ok := map[string]bool{">=": n >= 0, ">": n > 0, "<=": n <= 0, "<": n < 0, "=": n == 0}[c.operator]
		if !ok {
			return false
		}
	}
	return true
}
