package statement

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

type kind uint8

const (
	end kind = iota
	word
	name        // quoted
	literal     // shown as ?
	placeholder // shown as it stands
	mark        // operators and punctuation, a byte each
)

type token struct {
	kind  kind
	text  string
	space bool // something stood before it: white space or a comment
}

// lexer splits a statement. It never fails: what cannot be read with certainty
// is a literal that reaches to the end.
type lexer struct {
	dialect
	s    string
	i    int
	cut  bool // the rest was given up
	exec bool // inside /*! … */
	last token
}

func (l *lexer) next() token {
	space := l.skip()
	t := l.scan()
	t.space = space
	l.last = t
	return t
}

func (l *lexer) peek(n int) byte {
	if l.i+n < len(l.s) {
		return l.s[l.i+n]
	}
	return 0
}

func (l *lexer) has(prefix string) bool { return strings.HasPrefix(l.s[l.i:], prefix) }

// giveUp ends the statement where its reading is not certain.
func (l *lexer) giveUp() token {
	l.i, l.cut = len(l.s), true
	return token{kind: literal}
}

// skip passes over white space and comments.
func (l *lexer) skip() (skipped bool) {
	for l.i < len(l.s) {
		start := l.i
		switch c := l.s[l.i]; {
		case c <= ' ' || c == 0x7f:
			l.i++
		case c >= utf8.RuneSelf:
			if r, n := utf8.DecodeRuneInString(l.s[l.i:]); unicode.IsSpace(r) {
				l.i += n
			}
		case l.has("--") && (!l.dashSpace || l.peek(2) <= ' '), l.hash && c == '#', l.slashes && l.has("//"):
			l.lineComment()
		case l.exec && l.has("*/"):
			l.exec = false
			l.i += 2
		case l.executable && (l.has("/*!") || l.has("/*M!")):
			l.exec = true
			l.i += strings.IndexByte(l.s[l.i:], '!') + 1
			for isDigit(l.peek(0)) {
				l.i++
			}
		case l.has("/*"):
			l.blockComment()
		}
		if l.i == start {
			return skipped
		}
		skipped = true
	}
	return skipped
}

func (l *lexer) lineComment() {
	for ; l.i < len(l.s); l.i++ {
		switch l.s[l.i] {
		case '\n':
			return
		case '\r':
			if l.carriage && !l.unknown {
				return
			}
			if l.unknown && l.peek(1) != '\n' {
				l.giveUp()
				return
			}
		}
	}
}

func (l *lexer) blockComment() {
	depth := 1
	for l.i += 2; l.i < len(l.s); l.i++ {
		switch {
		case l.has("*/"):
			l.i++
			if depth--; depth == 0 {
				l.i++
				return
			}
		case l.nested && l.has("/*"):
			if l.unknown {
				l.giveUp()
				return
			}
			depth++
			l.i++
		}
	}
}

func (l *lexer) scan() token {
	if l.i >= len(l.s) {
		return token{}
	}
	switch c := l.s[l.i]; {
	case c == '\'':
		return l.text(l.backslash, l.mayBackslash)
	case c == '"':
		return l.double()
	case c == '`' && l.backtick:
		return l.quoted('`', l.backslash && !l.executable)
	case c == '[' && l.bracket:
		return l.quoted(']', false)
	case isDigit(c), c == '.' && isDigit(l.peek(1)):
		return l.number()
	case c == '$':
		return l.dollar()
	case c == ':':
		return l.colon()
	case c == '@':
		return l.at()
	case c == '?':
		return l.mark()
	case c == '#' && l.hashInName:
		return l.word()
	case c == '#' && l.unknown: // a comment, an operator or a temporary table
		return l.giveUp()
	case c >= utf8.RuneSelf || isLetter(c):
		return l.word()
	}
	l.i++
	return token{kind: mark, text: l.s[l.i-1 : l.i]}
}

// text is '…', in which quotes are doubled and, maybe, backslashes escape.
func (l *lexer) text(escapes, maybe bool) token {
	if l.has("'''") {
		if l.triple {
			return l.tripled("'''")
		}
		if l.unknown {
			return l.giveUp()
		}
	}
	return l.delimited('\'', escapes, maybe)
}

// delimited ends at the quote that is neither doubled nor escaped. Two backslashes
// are the same for its end whether they escape or not.
func (l *lexer) delimited(quote byte, escapes, maybe bool) token {
	for l.i++; l.i < len(l.s); l.i++ {
		switch c := l.s[l.i]; {
		case c == '\\' && maybe && l.peek(1) == quote:
			return l.giveUp()
		case c == '\\' && (escapes || maybe && l.peek(1) == '\\'):
			l.i++
		case c == quote && l.peek(1) == quote:
			l.i++
		case c == quote:
			l.i++
			return token{kind: literal}
		}
	}
	return l.giveUp()
}

func (l *lexer) tripled(quotes string) token {
	for l.i += 3; l.i < len(l.s); l.i++ {
		if l.s[l.i] == '\\' {
			l.i++
		} else if l.has(quotes) {
			l.i += 3
			return token{kind: literal}
		}
	}
	return l.giveUp()
}

// double is "…": a name in some databases, a text in others, and in SQLite
// whichever makes sense. Where only a name can stand it is one everywhere.
func (l *lexer) double() token {
	if l.doubleIsName || !l.backslash && !l.unknown && l.nameExpected() {
		return l.quoted('"', false)
	}
	if l.triple && l.has(`"""`) {
		return l.tripled(`"""`)
	}
	return l.delimited('"', l.backslash, l.mayBackslash)
}

func (l *lexer) nameExpected() bool {
	switch {
	case l.last.kind == mark:
		return l.last.text == "."
	case l.last.kind != word:
		return false
	}
	switch strings.ToUpper(clip(l.last.text, 8)) {
	case "FROM", "JOIN", "INTO", "UPDATE", "TABLE":
		return true
	}
	return false
}

// quoted is a name in quotes. A name that holds more than names do is shown as
// a literal: that may be what it is.
func (l *lexer) quoted(closing byte, escapes bool) token {
	start := l.i
	if l.delimited(closing, escapes, l.unknown); l.cut {
		return token{kind: literal}
	}
	text := l.s[start:l.i]
	if len(text) > maxName+2 || strings.ContainsFunc(text[1:len(text)-1], notInName) {
		return token{kind: literal}
	}
	return token{kind: name, text: text}
}

func notInName(r rune) bool {
	return r == utf8.RuneError || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_$#-. ", r)
}

// maxName is the longest name that is recorded, in bytes.
const maxName = 128

// number takes whatever stands together with a digit in front.
func (l *lexer) number() token {
	hex := l.s[l.i] == '0' && l.peek(1)|0x20 == 'x'
	for l.i < len(l.s) {
		c := l.s[l.i]
		sign := (c == '+' || c == '-') && !hex && l.s[l.i-1]|0x20 == 'e'
		if !sign && c != '.' && !inWord(c) {
			break
		}
		l.i++
	}
	return token{kind: literal}
}

// dollar is $1, $name or $tag$…$tag$.
func (l *lexer) dollar() token {
	start := l.i
	if isDigit(l.peek(1)) {
		l.i++
		if l.money {
			return l.number()
		}
		for isDigit(l.peek(0)) {
			l.i++
		}
		return l.placeholder(start)
	}
	for l.i++; inWord(l.peek(0)) && l.peek(0) != '$'; {
		l.i++
	}
	if l.dollarQuote && l.peek(0) == '$' {
		l.i++
		tag := l.s[start:l.i]
		closing := strings.Index(l.s[l.i:], tag)
		if closing < 0 {
			return l.giveUp()
		}
		l.i += closing + len(tag)
		return token{kind: literal}
	}
	return l.placeholder(start)
}

func (l *lexer) placeholder(start int) token {
	if l.i-start > maxName {
		return token{kind: literal}
	}
	return token{kind: placeholder, text: l.s[start:l.i]}
}

// colon is :name, :1, :: or :=.
func (l *lexer) colon() token {
	start := l.i
	switch c := l.peek(1); {
	case isLetter(c), isDigit(c) && l.numberedColon:
		for l.i++; inWord(l.peek(0)) && l.peek(0) < utf8.RuneSelf; {
			l.i++
		}
		return l.placeholder(start)
	case c == ':':
		l.i += 2
		return token{kind: mark, text: "::"}
	}
	l.i++
	return token{kind: mark, text: ":"}
}

// at is @name, @@name or an operator.
func (l *lexer) at() token {
	start := l.i
	for l.peek(0) == '@' {
		l.i++
	}
	if !isLetter(l.peek(0)) {
		l.i = start + 1
		return token{kind: mark, text: "@"}
	}
	for inWord(l.peek(0)) && l.peek(0) < utf8.RuneSelf {
		l.i++
	}
	return l.placeholder(start)
}

func (l *lexer) mark() token {
	start := l.i
	for l.i++; l.numberedMark && isDigit(l.peek(0)); {
		l.i++
	}
	return l.placeholder(start)
}

// word is a name or a keyword, or the prefix of a text.
func (l *lexer) word() token {
	start := l.i
	for l.i < len(l.s) {
		c := l.s[l.i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(l.s[l.i:])
			if unicode.IsSpace(r) {
				break
			}
			l.i += n
			continue
		}
		if !inWord(c) && (!l.hashInName || c != '#' && c != '@') {
			break
		}
		l.i++
	}
	text := l.s[start:l.i]
	if l.peek(0) == '\'' {
		if t, ok := l.prefixed(text); ok {
			return t
		}
	}
	if len(text) > maxName {
		return token{kind: literal}
	}
	return token{kind: word, text: text}
}

// prefixed is a text whose prefix says how to read it.
func (l *lexer) prefixed(prefix string) (t token, ok bool) {
	if len(prefix) > 2 {
		return t, false
	}
	switch strings.ToUpper(prefix) {
	case "E":
		if !l.escapeString || l.unknown {
			return l.text(l.backslash, l.mayBackslash), true
		}
		return l.delimited('\'', true, false), true
	case "Q", "NQ":
		if l.unknown {
			return l.giveUp(), true
		}
		if l.quoteQ {
			return l.quoteWithDelimiter(), true
		}
	case "B", "N", "X", "R", "RB", "BR":
		return l.text(l.backslash, l.mayBackslash), true
	}
	return t, false
}

// quoteWithDelimiter is the rest of q'[…]', with whatever stands for [.
func (l *lexer) quoteWithDelimiter() token {
	r, n := utf8.DecodeRuneInString(l.s[l.i+1:])
	if n == 0 {
		return l.giveUp()
	}
	closing := l.s[l.i+1 : l.i+1+n]
	switch r {
	case '[':
		closing = "]"
	case '(':
		closing = ")"
	case '{':
		closing = "}"
	case '<':
		closing = ">"
	}
	l.i += 1 + n
	at := strings.Index(l.s[l.i:], closing+"'")
	if at < 0 {
		return l.giveUp()
	}
	l.i += at + len(closing) + 1
	return token{kind: literal}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' }

func inWord(c byte) bool { return isLetter(c) || isDigit(c) || c == '$' || c >= utf8.RuneSelf }

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
