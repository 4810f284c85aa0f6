package orchestrall

import (
	"strings"

	"go.opentelemetry.io/otel/attribute"
)

// field is a Field as the hot path needs it.
type field struct {
	index  int
	key    attribute.Key
	masked bool // never evaluated
	hash   bool
	max    int
	level  int // in the metric's tree, for labels
}

func newField(i int, f Field) field {
	limit := maxSize
	if f.Max > 0 {
		limit = f.Max
	}
	return field{
		index:  i,
		key:    attribute.Key(validText(f.Key)),
		masked: f.Mask == Redact || f.Role != NamePart && sensitive(f.Key),
		hash:   f.Mask == Hash,
		max:    limit,
	}
}

// eval asks the traced function for the field's value. Whatever happens in
// there stays there.
func (f *field) eval(fill func(int) Value) (v Value) {
	if f.masked {
		return textValue(textRedacted)
	}
	defer func() {
		if recover() != nil {
			v = textValue(textError)
		}
	}()
	return f.fit(fill(f.index))
}

// raw is eval for labels: they are capped and checked when they are new only.
func (f *field) raw(fill func(int) Value) (v Value) {
	if f.masked {
		return textValue(textRedacted)
	}
	defer func() {
		if recover() != nil {
			v = textValue(textError)
		}
	}()
	v = fill(f.index)
	if f.hash {
		return textValue(hashed(v.text()))
	}
	if v.v.Type() == attribute.STRING && len(v.v.AsString()) > f.max {
		return textValue(clip(v.v.AsString(), f.max))
	}
	return v
}

func (f *field) fit(v Value) Value {
	if f.hash {
		return textValue(hashed(v.text()))
	}
	switch v.v.Type() {
	case attribute.STRING:
		s := v.v.AsString()
		if len(s) > f.max {
			s = strings.Clone(clip(s, f.max)) // the rest of a huge text is not kept alive
		}
		return textValue(validText(s))
	case attribute.STRINGSLICE:
		list := v.v.AsStringSlice()
		for i, s := range list {
			list[i] = validText(clip(s, f.max))
		}
		return Value{attribute.StringSliceValue(list)}
	}
	return v
}

// evalAll appends the values of the fields that have one.
func evalAll(kvs []attribute.KeyValue, fields []field, fill func(int) Value) []attribute.KeyValue {
	for i := range fields {
		if v := fields[i].eval(fill); v.v.Type() != attribute.INVALID {
			kvs = append(kvs, attribute.KeyValue{Key: fields[i].key, Value: v.v})
		}
	}
	return kvs
}
