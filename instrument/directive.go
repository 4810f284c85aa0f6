package instrument

import (
	"go/token"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orchestrall/orchestrall/internal/nearest"
)

// A Directive is what the comments and rules that apply to one function say
// together, checked as far as that is possible without the function.
type Directive struct {
	pos      token.Position
	name     string // operation; "" = from the function
	spanName string // may hold {expr}
	namePos  token.Position
	kind     string
	metric   string // "" = the kind's family, "off"
	log      string // "", "off", "debug", …
	slow     time.Duration
	hang     time.Duration
	min      time.Duration
	sample   string
	slo      string
	ignore   []source
	fields   []field
}

// A source is Go text inside a directive, with its place in the user's file.
type source struct {
	text string
	pos  token.Position
}

// A role is what becomes of a field's value.
type role uint8

const (
	roleAttribute role = iota
	roleCarried
	roleLabel
	roleEvent
	roleNamePart
)

// rolePrefixes are the key prefixes of the roles that a user can write.
var rolePrefixes = []struct {
	prefix string
	role   role
}{{"attr.", roleAttribute}, {"ctx.", roleCarried}, {"label.", roleLabel}, {"event.", roleEvent}}

// A mask is what is done to a value before anybody sees it.
type mask uint8

const (
	maskPlain mask = iota
	maskRedact
	maskHash
)

// A field is one attr., ctx., label. or event. argument, or one {expr} of the
// span name.
type field struct {
	role role
	key  string
	expr source
	mask mask
	max  int
	// Filled in when the field is bound to its function.
	atEnd bool
	code  string // expr with the names of unnamed results put in
	// implicit: it stands in no directive, and code is the tool's.
	implicit bool
}

var scalarKeys = []string{"kind", "name", "metric", "log", "slow", "hang", "slo", "sample", "min", "ignore"}

// keyExamples are what an unknown key is compared with.
var keyExamples = append([]string{"attr.KEY", "ctx.KEY", "label.KEY", "event.KEY"}, scalarKeys...)

var logLevels = []string{"debug", "info", "warn", "error", "off"}

// parseDirective checks args, which hold no key twice unless that is an error.
func parseDirective(pos token.Position, args []argument) (*Directive, []Diagnostic) {
	d := &Directive{pos: pos, kind: "internal"}
	var ds []Diagnostic
	seen := make(map[string]token.Position)
	for _, a := range args {
		if a.key == "" {
			ds = append(ds, d.positional(a)...)
			continue
		}
		if first, dup := seen[a.key]; dup {
			ds = append(ds, errorf(a.keyPos, "duplicate-key", "keep one of the two", "key %s is already given at %d:%d", a.key, first.Line, first.Column))
			continue
		}
		seen[a.key] = a.keyPos
		if a.value == "" {
			ds = append(ds, errorf(a.valPos, "missing-value", "write "+a.key+"=VALUE", "key %s has no value", a.key))
			continue
		}
		if f, found := fieldRole(a.key); found {
			ds = append(ds, d.addField(f, a)...)
			continue
		}
		ds = append(ds, d.scalar(a)...)
	}
	return d, ds
}

// fieldRole finds the role of a key such as attr.user.id.
func fieldRole(key string) (field, bool) {
	for _, p := range rolePrefixes {
		if name, ok := strings.CutPrefix(key, p.prefix); ok {
			return field{role: p.role, key: name}, true
		}
	}
	return field{}, false
}

func (d *Directive) positional(a argument) []Diagnostic {
	if d.name != "" {
		return []Diagnostic{errorf(a.keyPos, "second-name", "write key=value, or quote a name that has spaces", "unexpected %q: the operation is already named %q", a.value, d.name)}
	}
	if slices.Contains(scalarKeys, a.value) {
		return []Diagnostic{errorf(a.keyPos, "missing-value", "write "+a.value+"=VALUE", "key %s has no value", a.value)}
	}
	if strings.ContainsAny(a.value, "={}") {
		return []Diagnostic{errorf(a.keyPos, "bad-argument", "write key=value, or quote it", "%q is neither a name nor key=value", a.value)}
	}
	d.name = a.value
	return nil
}

func (d *Directive) scalar(a argument) []Diagnostic {
	bad := func(fix, format string, args ...any) []Diagnostic {
		return []Diagnostic{errorf(a.valPos, "bad-value", fix, format, args...)}
	}
	switch a.key {
	case "kind":
		if family(a.value) == "" {
			return bad(nearest.Fix(a.value, kindNames()), "unknown kind %q", a.value)
		}
		d.kind = a.value
	case "name":
		d.spanName, d.namePos = a.value, a.valPos
		return d.nameParts(a)
	case "metric":
		if a.value != "off" && !validMetric(a.value) {
			return bad("use letters, digits and _ as Prometheus does, or off", "%q is no metric name", a.value)
		}
		d.metric = a.value
	case "log":
		if !slices.Contains(logLevels, a.value) {
			return bad(nearest.Fix(a.value, logLevels), "unknown log level %q", a.value)
		}
		d.log = a.value
	case "slow", "hang", "min":
		dur, err := time.ParseDuration(a.value)
		if err != nil || dur <= 0 {
			return bad("write a positive duration with its unit, such as 250ms, 10s or 2m", "bad duration %q", a.value)
		}
		switch a.key {
		case "slow":
			d.slow = dur
		case "hang":
			d.hang = dur
		default:
			d.min = dur
		}
	case "sample":
		ratio, err := strconv.ParseFloat(a.value, 64)
		if err != nil || !(ratio >= 0 && ratio <= 1) {
			return bad("write a number from 0 to 1, such as 0.1", "bad sampling ratio %q", a.value)
		}
		d.sample = a.value
	case "slo":
		if !validSLO(a.value) {
			return bad("write PERCENT@DURATION, such as 99.9@2s", "bad objective %q", a.value)
		}
		d.slo = a.value
	case "ignore":
		return d.addIgnore(a)
	default:
		return []Diagnostic{errorf(a.keyPos, "unknown-key", suggestKey(a.key), "unknown key %q", a.key)}
	}
	return nil
}

// suggestKey names the key that was probably meant.
func suggestKey(key string) string {
	head, rest, dotted := strings.Cut(key, ".")
	if dotted {
		if role := nearest.Name(head, []string{"attr", "ctx", "label", "event"}); role != "" {
			return "did you mean " + role + "." + rest + "?"
		}
	}
	return nearest.Fix(key, keyExamples)
}

func (d *Directive) addIgnore(a argument) []Diagnostic {
	var ds []Diagnostic
	at := 0
	for name := range strings.SplitSeq(a.value, ",") {
		lead := len(name) - len(strings.TrimLeft(name, " "))
		s := source{strings.TrimSpace(name), advance(a.valPos, at+lead)}
		at += len(name) + 1
		if !validErrorName(s.text) {
			ds = append(ds, errorf(s.pos, "bad-value", "name error variables, such as context.Canceled,sql.ErrNoRows", "%q does not name an error", s.text))
			continue
		}
		d.ignore = append(d.ignore, s)
	}
	return ds
}

func (d *Directive) addField(f field, a argument) []Diagnostic {
	keyPos := advance(a.keyPos, len(a.key)-len(f.key)-a.prefixed)
	switch {
	case f.key == "":
		return []Diagnostic{errorf(keyPos, "bad-key", "name it, such as "+a.key+"user.id=EXPR", "the key %s has no name", a.key)}
	case f.role == roleLabel && !validLabel(f.key):
		return []Diagnostic{errorf(keyPos, "bad-key", "use letters, digits and _, not starting with a digit or __", "%q is no label name", f.key)}
	case f.role == roleLabel && (f.key == "operation" || f.key == "status" || f.key == "le"):
		return []Diagnostic{errorf(keyPos, "bad-key", "choose another name", "the label %s is the tool's own", f.key)}
	case strings.HasPrefix(f.key, ".") || strings.HasSuffix(f.key, ".") || strings.Contains(f.key, ".."):
		return []Diagnostic{errorf(keyPos, "bad-key", "separate words by one dot, such as user.id", "%q is no attribute name", f.key)}
	}
	text := a.value
	for {
		bar := strings.LastIndexByte(text, '|')
		if bar < 0 {
			break
		}
		known, ds := f.modifier(strings.TrimSpace(text[bar+1:]), advance(a.valPos, bar+1))
		if len(ds) > 0 {
			return ds
		}
		if !known {
			break
		}
		text = text[:bar]
	}
	f.expr = source{strings.TrimRight(text, " \t"), a.valPos}
	if f.expr.text == "" {
		return []Diagnostic{errorf(a.valPos, "missing-value", "write an expression before the |", "key %s has no value", a.key)}
	}
	d.fields = append(d.fields, f)
	return nil
}

// modifiers are what may stand behind the | of a value.
var modifiers = []string{"redact", "hash", "max=N"}

// modifier applies |word to f. A word that is no modifier leaves the bar to
// the expression, unless it looks like a modifier that was misspelled.
func (f *field) modifier(word string, pos token.Position) (known bool, ds []Diagnostic) {
	switch {
	case word == "redact":
		f.mask = maskRedact
	case word == "hash":
		if f.mask != maskRedact { // the stricter one wins
			f.mask = maskHash
		}
	case strings.HasPrefix(word, "max="):
		n, err := strconv.Atoi(word[len("max="):])
		if err != nil || n <= 0 {
			return false, []Diagnostic{errorf(advance(pos, len("max=")), "bad-value", "write a positive number of bytes, such as |max=200", "bad size %q", word[len("max="):])}
		}
		f.max = n
	default:
		for _, m := range []string{"redact", "hash"} {
			if word != "" && nearest.Distance(word, m) <= 2 {
				return false, []Diagnostic{errorf(pos, "unknown-modifier", "did you mean "+m+"? Put a Go | in parentheses", "unknown modifier |%s", word)}
			}
		}
		if strings.Contains(word, "=") {
			return false, []Diagnostic{errorf(pos, "unknown-modifier", nearest.Fix(word, modifiers), "unknown modifier |%s", word)}
		}
		return false, nil
	}
	return true, nil
}

// nameParts adds a field for each {expr} of the span name and replaces the
// text between the braces by the field's number once fields are numbered: see
// [Directive.spanTemplate].
func (d *Directive) nameParts(a argument) []Diagnostic {
	for i := 0; i < len(a.value); i++ {
		switch a.value[i] {
		case '}':
			return []Diagnostic{errorf(advance(a.valPos, i), "bad-value", "write {expr}", "a } without its {")}
		case '{':
			end, problem := bracedEnd(a.value[i:])
			if problem != "" {
				return []Diagnostic{errorf(advance(a.valPos, i), "bad-value", "write {expr}", "%s", problem)}
			}
			text := a.value[i+1 : i+end]
			d.fields = append(d.fields, field{role: roleNamePart, expr: source{text, advance(a.valPos, i+1)}})
			i += end
		}
	}
	return nil
}

// bracedEnd returns the offset of the } that closes the { at the start of s.
func bracedEnd(s string) (int, string) {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				if strings.TrimSpace(s[1:i]) == "" {
					return 0, "the braces are empty"
				}
				return i, ""
			}
		case '"', '\'', '`':
			n := quotedLen(s[i:])
			if n < 0 {
				return 0, "a quote inside the braces is never closed"
			}
			i += n - 1
		}
	}
	return 0, "the { is never closed"
}

// spanTemplate returns the span name with each {expr} replaced by {N}, the
// number of its field.
func (d *Directive) spanTemplate() string {
	var b strings.Builder
	number := slices.IndexFunc(d.fields, func(f field) bool { return f.role == roleNamePart })
	for i := 0; i < len(d.spanName); i++ {
		if d.spanName[i] != '{' {
			b.WriteByte(d.spanName[i])
			continue
		}
		end, _ := bracedEnd(d.spanName[i:])
		b.WriteString("{" + strconv.Itoa(number) + "}")
		number++
		i += end
	}
	return b.String()
}

func validMetric(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return !metricRune(r) }) < 0 && (s[0] < '0' || s[0] > '9')
}

func metricRune(r rune) bool {
	return r == '_' || r == ':' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}

func validLabel(s string) bool {
	return validMetric(s) && !strings.Contains(s, ":") && !strings.HasPrefix(s, "__")
}

func validSLO(s string) bool {
	percent, limit, found := strings.Cut(s, "@")
	p, err := strconv.ParseFloat(percent, 64)
	dur, derr := time.ParseDuration(limit)
	return found && err == nil && p > 0 && p < 100 && derr == nil && dur > 0
}

// validErrorName reports whether s is an identifier or a qualified one.
func validErrorName(s string) bool {
	pkg, name, qualified := strings.Cut(s, ".")
	if !qualified {
		return token.IsIdentifier(s)
	}
	return token.IsIdentifier(pkg) && token.IsIdentifier(name)
}
