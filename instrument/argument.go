package instrument

import (
	"go/token"
	"strconv"
	"strings"
)

// An argument is one key=value of a directive, or one positional word.
type argument struct {
	key    string // "" for a positional word
	keyPos token.Position
	value  string
	valPos token.Position
	quoted bool

	// prefixed is how many bytes of key stand not before the = but in the
	// directive's name: the attr. of //orchestrall:attr user.id=…
	prefixed int
}

// splitArguments takes the text behind a directive's name apart. A value is
// bare, "quoted", or bare with quotes and brackets inside, whose spaces do not
// end it. Text behind // is a remark.
func splitArguments(text string, pos token.Position) ([]argument, []Diagnostic) {
	var args []argument
	for i := 0; i < len(text); {
		if text[i] == ' ' || text[i] == '\t' {
			i++
			continue
		}
		if strings.HasPrefix(text[i:], "//") {
			break
		}
		end, err := valueEnd(text[i:])
		if err != "" {
			return args, []Diagnostic{errorf(advance(pos, i+end), "bad-value", "close it", "%s", err)}
		}
		word := text[i : i+end]
		a := argument{keyPos: advance(pos, i), valPos: advance(pos, i), value: word}
		if eq := keyEnd(word); eq >= 0 {
			a.key, a.value, a.valPos = word[:eq], word[eq+1:], advance(pos, i+eq+1)
		}
		if ds := a.unquote(); ds != nil {
			return args, ds
		}
		args = append(args, a)
		i += end
	}
	return args, nil
}

// restArgument reads text as one KEY=EXPR up to the end of the line, as the
// continuation lines hold it.
func restArgument(text string, pos token.Position) (argument, []Diagnostic) {
	text = strings.TrimRight(text, " \t\r")
	eq := keyEnd(text)
	if eq < 0 {
		return argument{}, []Diagnostic{errorf(pos, "bad-argument", "write KEY=EXPR", "expected KEY=EXPR, found %q", text)}
	}
	value := text[eq+1:]
	lead := len(value) - len(strings.TrimLeft(value, " \t"))
	a := argument{key: strings.TrimRight(text[:eq], " \t"), keyPos: pos, value: value[lead:], valPos: advance(pos, eq+1+lead)}
	return a, a.unquote()
}

// unquote takes the quotes off a value that is one double-quoted string.
func (a *argument) unquote() []Diagnostic {
	if len(a.value) < 2 || a.value[0] != '"' || a.value[len(a.value)-1] != '"' {
		return nil
	}
	if prefix, err := strconv.QuotedPrefix(a.value); err == nil && prefix != a.value {
		return nil // "a" + "b" is an expression
	}
	plain, err := strconv.Unquote(a.value)
	if err != nil {
		return []Diagnostic{errorf(a.valPos, "bad-value", "quote it as a Go string", "%s is no valid quoted string", a.value)}
	}
	a.value, a.valPos, a.quoted = plain, advance(a.valPos, 1), true
	return nil
}

// keyEnd returns where the = of key=value stands, or -1: a key holds letters,
// digits, _ . - only.
func keyEnd(word string) int {
	for i := range len(word) {
		c := word[i]
		switch {
		case c == '=':
			if i == 0 {
				return -1
			}
			return i
		case c == '_' || c == '.' || c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80:
		default:
			return -1
		}
	}
	return -1
}

// valueEnd returns the length of the word at the start of s, which a space
// outside quotes and brackets ends, or the offset and text of what is wrong.
func valueEnd(s string) (end int, problem string) {
	var open []int
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case ' ', '\t', '\r':
			if len(open) == 0 {
				return i, ""
			}
		case '(', '[', '{':
			open = append(open, i)
		case ')', ']', '}':
			if len(open) > 0 {
				open = open[:len(open)-1]
			}
		case '"', '\'', '`':
			n := quotedLen(s[i:])
			if n < 0 {
				return i, "the quote " + string(c) + " is never closed"
			}
			i += n - 1
		}
	}
	if len(open) > 0 {
		return open[0], "the bracket " + s[open[0]:open[0]+1] + " is never closed"
	}
	return len(s), ""
}

// quotedLen returns the length of the quoted text at the start of s, or -1.
func quotedLen(s string) int {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == s[0]:
			return i + 1
		case s[i] == '\\' && s[0] != '`':
			i++
		}
	}
	return -1
}
