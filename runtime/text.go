package orchestrall

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// clip shortens s to at most n bytes, never in the middle of a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for i := n; i > n-utf8.UTFMax && i > 0; i-- {
		if utf8.RuneStart(s[i]) {
			return s[:i]
		}
	}
	return s[:n]
}

func clipBytes(b []byte) []byte {
	return b[:min(len(b), maxSize+utf8.UTFMax)]
}

// validText replaces what is not UTF-8: an exporter would drop the whole batch
// for one bad byte.
func validText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// describe prints v as fmt's %+v does, but stops after limit bytes, follows no
// pointer below the first, and masks fields whose name is sensitive. fmt would
// build the whole text of a huge value before it could be cut.
func describe(v reflect.Value, limit int) string {
	p := printer{limit: limit}
	if v.Kind() == reflect.Pointer {
		p.text("&")
		v = v.Elem()
	}
	p.value(v, 0)
	return validText(clip(string(p.buf), limit))
}

const maxDepth = 6

type printer struct {
	buf   []byte
	limit int
}

func (p *printer) full() bool { return len(p.buf) > p.limit }

func (p *printer) text(s string) {
	if room := p.limit + utf8.UTFMax - len(p.buf); room > 0 {
		p.buf = append(p.buf, s[:min(len(s), room)]...)
	}
}

func (p *printer) value(v reflect.Value, depth int) {
	if p.full() {
		return
	}
	if !v.IsValid() || nilable(v.Kind()) && v.IsNil() {
		p.text(textNil)
		return
	}
	if depth > maxDepth {
		p.text("…")
		return
	}
	if v.CanInterface() {
		if text, ok := spoken(v.Interface()); ok {
			p.text(text)
			return
		}
	}
	switch k := v.Kind(); {
	case k == reflect.String:
		p.text(v.String())
	case k == reflect.Bool:
		p.text(strconv.FormatBool(v.Bool()))
	case v.CanInt():
		p.text(strconv.FormatInt(v.Int(), 10))
	case v.CanUint():
		p.text(strconv.FormatUint(v.Uint(), 10))
	case v.CanFloat():
		p.text(strconv.FormatFloat(v.Float(), 'g', -1, 64))
	case v.CanComplex():
		p.text(strconv.FormatComplex(v.Complex(), 'g', -1, 128))
	case k == reflect.Interface:
		p.value(v.Elem(), depth+1)
	case k == reflect.Struct:
		p.fields(v, depth)
	case k == reflect.Slice, k == reflect.Array:
		p.text("[")
		for i := 0; i < v.Len() && !p.full(); i++ {
			if i > 0 {
				p.text(" ")
			}
			p.value(v.Index(i), depth+1)
		}
		p.text("]")
	case k == reflect.Map:
		p.entries(v, depth)
	default: // an address tells nobody anything
		p.text("(" + v.Type().String() + ")")
	}
}

func (p *printer) fields(v reflect.Value, depth int) {
	t := v.Type()
	p.text("{")
	for i := 0; i < v.NumField() && !p.full(); i++ {
		if i > 0 {
			p.text(" ")
		}
		p.text(t.Field(i).Name + ":")
		if sensitive(t.Field(i).Name) {
			p.text(textRedacted)
			continue
		}
		p.value(v.Field(i), depth+1)
	}
	p.text("}")
}

// entries prints small maps in order of their keys and of big ones the size
// only, since ordering needs all keys.
func (p *printer) entries(v reflect.Value, depth int) {
	if v.Len() > maxElements {
		p.text("map[len:" + strconv.Itoa(v.Len()) + "]")
		return
	}
	type entry struct{ key, value string }
	var all []entry
	for it := v.MapRange(); it.Next(); {
		k := printer{limit: p.limit}
		k.value(it.Key(), depth+1)
		e := entry{string(k.buf), textRedacted}
		if !sensitive(e.key) {
			val := printer{limit: p.limit - len(p.buf)}
			val.value(it.Value(), depth+1)
			e.value = string(val.buf)
		}
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	p.text("map[")
	for i, e := range all {
		if i > 0 {
			p.text(" ")
		}
		p.text(e.key + ":" + e.value)
	}
	p.text("]")
}
