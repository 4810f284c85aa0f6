package bootstrap

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// What a line may hold. Loki refuses lines past 256 KiB and container runtimes
// cut them at 16 KiB; a text that is a thousand times longer than anybody reads
// must not cost the others their place.
const (
	maxText  = 64 << 10  // of a single string, in bytes
	maxLine  = 192 << 10 // from here on values are left out
	maxDepth = 16        // of groups in groups
)

// Stand-ins for values that cannot be shown.
const (
	textCut   = "…"
	quotedCut = `"` + textCut + `"`
)

const hexDigits = "0123456789abcdef"

// plainByte is true for bytes that stand in a JSON string as they are.
var plainByte = func() (plain [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		plain[c] = c != '"' && c != '\\'
	}
	return plain
}()

// appendString appends s in quotes. What is no UTF-8 becomes U+FFFD, and a text
// that is too long is cut.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	cut := false
	if len(s) > maxText {
		s, cut = wholeRunes(s[:maxText]), true
	}
	b = appendEscaped(b, s)
	if cut {
		b = append(b, textCut...)
	}
	return append(b, '"')
}

func appendEscaped(b []byte, s string) []byte {
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plainByte[c] {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			b = appendEscape(append(b, s[from:i]...), c)
			i++
			from = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b = append(append(b, s[from:i]...), "\uFFFD"...)
			from = i + 1
		case r == '\u2028' || r == '\u2029': // ends a line in JavaScript
			b = append(append(b, s[from:i]...), `\u202`...)
			b = append(b, hexDigits[r&0xf])
			from = i + size
		}
		i += size
	}
	return append(b, s[from:]...)
}

func appendEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	if c < ' ' {
		return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
	}
	return append(b, c)
}

// wholeRunes drops the beginning of a character at the end of s.
func wholeRunes(s string) string {
	for i := len(s) - 1; i >= 0 && i >= len(s)-utf8.UTFMax; i-- {
		if utf8.RuneStart(s[i]) {
			if !utf8.FullRuneInString(s[i:]) {
				return s[:i]
			}
			break
		}
	}
	return s
}

// appendValue appends v as JSON.
func appendValue(b []byte, v slog.Value, depth int) []byte {
	if len(b) > maxLine {
		return append(b, quotedCut...)
	}
	switch v.Kind() {
	case slog.KindString:
		return appendString(b, v.String())
	case slog.KindInt64:
		return strconv.AppendInt(b, v.Int64(), 10)
	case slog.KindUint64:
		return strconv.AppendUint(b, v.Uint64(), 10)
	case slog.KindFloat64:
		return appendFloat(b, v.Float64())
	case slog.KindBool:
		return strconv.AppendBool(b, v.Bool())
	case slog.KindDuration: // nanoseconds, as slog writes them
		return strconv.AppendInt(b, int64(v.Duration()), 10)
	case slog.KindTime:
		return append(v.Time().AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
	case slog.KindGroup:
		return appendGroup(b, v.Group(), depth)
	case slog.KindLogValuer:
		if depth >= maxDepth {
			return append(b, quotedCut...)
		}
		return appendValue(b, v.Resolve(), depth+1)
	default:
		return appendAny(b, v.Any(), depth)
	}
}

// appendFloat writes what JSON has no number for as text.
func appendFloat(b []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(strconv.AppendFloat(append(b, '"'), f, 'g', -1, 64), '"')
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(b, f, format, -1, 64)
}

// appendGroup appends an object with each key once.
func appendGroup(b []byte, attrs []slog.Attr, depth int) []byte {
	if depth >= maxDepth {
		return append(b, quotedCut...)
	}
	if needsMerge(attrs) {
		attrs = merged(attrs)
	}
	b = append(b, '{')
	b = appendMembers(b, attrs, depth)
	return append(b, '}')
}

// appendMembers appends "key":value,… without braces. No two keys are the same.
func appendMembers(b []byte, attrs []slog.Attr, depth int) []byte {
	for i := range attrs {
		b = appendMember(b, attrs[i].Key, attrs[i].Value, depth)
	}
	return b
}

// appendMember puts a comma before the member unless it is the first. A group
// without members is left out, as slog does it.
func appendMember(b []byte, key string, v slog.Value, depth int) []byte {
	before := len(b)
	if c := b[before-1]; c != '{' {
		b = append(b, ',')
	}
	b = append(appendString(b, key), ':')
	if masks(key, v) {
		return append(b, `"`+scrubbed+`"`...)
	}
	start := len(b)
	b = appendValue(b, v, depth+1)
	if len(b) == start+2 && b[start] == '{' && v.Kind() != slog.KindAny {
		return b[:before]
	}
	return b
}

// appendAny is for values that only reflection can show.
func appendAny(b []byte, x any, depth int) []byte {
	switch x := x.(type) {
	case nil:
		return append(b, "null"...)
	case error:
		return appendGroup(b, orchestrall.Err(x).Value.Group(), depth)
	case []string:
		return appendList(b, x, appendString)
	case []int:
		return appendList(b, x, func(b []byte, n int) []byte { return strconv.AppendInt(b, int64(n), 10) })
	}
	start := len(b)
	text, err := marshalled(withoutSecrets(x))
	switch {
	case err != nil:
		return appendString(b[:start], "!ERROR:"+err.Error())
	case len(text) > maxText:
		return appendString(b, string(text))
	case !utf8.Valid(text):
		return append(b, bytes.ToValidUTF8(text, []byte("\uFFFD"))...)
	}
	return append(b, text...)
}

func appendList[T any](b []byte, list []T, item func([]byte, T) []byte) []byte {
	if list == nil {
		return append(b, "null"...)
	}
	b = append(b, '[')
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		if len(b) > maxLine {
			b = append(b, quotedCut...)
			break
		}
		b = item(b, list[i])
	}
	return append(b, ']')
}

// marshalled is x as encoding/json has it, whatever its methods do.
func marshalled(x any) (text []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %.200v", fmt.Sprint(r))
		}
	}()
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(x); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// keySet is a filter for keys: what it has not seen is new.
type keySet uint64

func bitOf(key string) keySet {
	n := len(key)
	if n == 0 {
		return 1
	}
	return 1 << ((uint(n)*5 + uint(key[0])*3 + uint(key[n-1])*7 + uint(key[n/2])*11) % 64)
}

// needsMerge reports whether attributes have to be put in order before they can
// be written: two of them share a key, or a group has none.
func needsMerge(attrs []slog.Attr) bool {
	var seen keySet
	for i := range attrs {
		if attrs[i].Key == "" {
			return true
		}
		bit := bitOf(attrs[i].Key)
		if seen&bit != 0 && (i > 64 || hasKey(attrs[:i], attrs[i].Key)) {
			return true
		}
		seen |= bit
	}
	return false
}

func hasKey(attrs []slog.Attr, key string) bool {
	return slices.ContainsFunc(attrs, func(a slog.Attr) bool { return a.Key == key })
}

// merged keeps each key once. The last value counts, but groups of the same
// name become one; a group without a name is no group, and nothing with no
// name is nothing.
func merged(attrs []slog.Attr) []slog.Attr {
	m := merger{at: make(map[string]int, len(attrs))}
	m.add(attrs, 0)
	return m.out
}

type merger struct {
	out []slog.Attr
	at  map[string]int
}

func (m *merger) add(attrs []slog.Attr, depth int) {
	for _, a := range attrs {
		if a.Equal(slog.Attr{}) {
			continue
		}
		a.Value = resolved(a.Value)
		if a.Key == "" && a.Value.Kind() == slog.KindGroup {
			if depth < maxDepth {
				m.add(a.Value.Group(), depth+1)
			}
			continue
		}
		i, known := m.at[a.Key]
		if !known {
			m.at[strings.Clone(a.Key)] = len(m.out)
			m.out = append(m.out, a)
			continue
		}
		if old := m.out[i].Value; old.Kind() == slog.KindGroup && a.Value.Kind() == slog.KindGroup {
			a.Value = slog.GroupValue(slices.Concat(old.Group(), a.Value.Group())...)
		}
		m.out[i].Value = a.Value
	}
}

func resolved(v slog.Value) slog.Value {
	if v.Kind() == slog.KindLogValuer {
		return v.Resolve()
	}
	return v
}
