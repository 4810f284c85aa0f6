package orchestrall

import (
	"fmt"
	"log/slog"
	"reflect"
	"strconv"
	"time"
	"unsafe"

	"go.opentelemetry.io/otel/attribute"
)

// Value is what a fill function returns for one field: a value that is ready to
// be recorded and shares no memory with the program's own slices. The zero Value
// is none: the field is left out.
type Value struct{ v attribute.Value }

// Placeholders for values that cannot be shown.
const (
	textError    = "<error>"
	textNil      = "<nil>"
	textRedacted = "[redacted]"
)

// maxSize caps every string that the runtime records, in bytes, unless the
// field has a cap of its own.
const maxSize = 4096

func textValue(s string) Value { return Value{attribute.StringValue(s)} }

// Of turns v into a Value. Strings, booleans and numbers, also of named types,
// take no allocation. Durations, times, errors, Stringers and LogValuers are
// recorded as their methods say, slices of basic types as attribute slices, and
// anything else as text of at most 4096 bytes in which fields such as Password
// are masked.
func Of[T any](v T) Value {
	// A pointer in the switch, since a value would be boxed on the heap.
	switch p := any(&v).(type) {
	case *string:
		return textValue(*p)
	case *int:
		return Value{attribute.Int64Value(int64(*p))}
	case *int64:
		return Value{attribute.Int64Value(*p)}
	case *bool:
		return Value{attribute.BoolValue(*p)}
	case *float64:
		return Value{attribute.Float64Value(*p)}
	}
	t := reflect.TypeFor[T]()
	if basic(t.Kind()) {
		var zero T
		if !speaks(zero) {
			return ofBasic(t.Kind(), unsafe.Pointer(&v))
		}
	}
	return ofAny(v)
}

// speaks reports whether v has a method that says how to show it.
func speaks(v any) bool {
	switch v.(type) {
	case slog.LogValuer, error, fmt.Stringer:
		return true
	}
	return false
}

func basic(k reflect.Kind) bool {
	return k == reflect.String || k >= reflect.Bool && k <= reflect.Float64
}

// ofBasic reads the value of kind k at p; the type's own name does not matter.
func ofBasic(k reflect.Kind, p unsafe.Pointer) Value {
	switch k {
	case reflect.String:
		return textValue(*(*string)(p))
	case reflect.Bool:
		return Value{attribute.BoolValue(*(*bool)(p))}
	case reflect.Int:
		return Value{attribute.Int64Value(int64(*(*int)(p)))}
	case reflect.Int8:
		return Value{attribute.Int64Value(int64(*(*int8)(p)))}
	case reflect.Int16:
		return Value{attribute.Int64Value(int64(*(*int16)(p)))}
	case reflect.Int32:
		return Value{attribute.Int64Value(int64(*(*int32)(p)))}
	case reflect.Int64:
		return Value{attribute.Int64Value(*(*int64)(p))}
	case reflect.Uint:
		return ofUint(uint64(*(*uint)(p)))
	case reflect.Uint8:
		return ofUint(uint64(*(*uint8)(p)))
	case reflect.Uint16:
		return ofUint(uint64(*(*uint16)(p)))
	case reflect.Uint32:
		return ofUint(uint64(*(*uint32)(p)))
	case reflect.Uint64:
		return ofUint(*(*uint64)(p))
	case reflect.Uintptr:
		return ofUint(uint64(*(*uintptr)(p)))
	case reflect.Float32:
		return Value{attribute.Float64Value(float64(*(*float32)(p)))}
	default:
		return Value{attribute.Float64Value(*(*float64)(p))}
	}
}

// ofUint keeps numbers that an int64 cannot hold as text: a wrong sign would
// be worse than a wrong type.
func ofUint(u uint64) Value {
	if n := int64(u); n >= 0 {
		return Value{attribute.Int64Value(n)}
	}
	return textValue(strconv.FormatUint(u, 10))
}

func ofAny(x any) Value {
	switch x := x.(type) {
	case nil:
		return textValue(textNil)
	case Value:
		return x
	case string:
		return textValue(x)
	case time.Duration:
		return textValue(x.String())
	case time.Time:
		return textValue(x.Format(time.RFC3339Nano))
	case []string:
		return Value{attribute.StringSliceValue(capped(x))}
	case []bool:
		return Value{attribute.BoolSliceValue(capped(x))}
	case []int:
		return Value{attribute.IntSliceValue(capped(x))}
	case []int64:
		return Value{attribute.Int64SliceValue(capped(x))}
	case []float64:
		return Value{attribute.Float64SliceValue(capped(x))}
	case []byte:
		return textValue(validText(clip(string(clipBytes(x)), maxSize)))
	}
	rv := reflect.ValueOf(x)
	if nilable(rv.Kind()) && rv.IsNil() {
		return textValue(textNil)
	}
	if text, ok := spoken(x); ok {
		return textValue(text)
	}
	switch k := rv.Kind(); {
	case k == reflect.Pointer && pointsToPlain(rv.Type().Elem()):
		return ofAny(rv.Elem().Interface())
	case k == reflect.String:
		return textValue(rv.String())
	case k == reflect.Bool:
		return Value{attribute.BoolValue(rv.Bool())}
	case rv.CanInt():
		return Value{attribute.Int64Value(rv.Int())}
	case rv.CanUint():
		return ofUint(rv.Uint())
	case rv.CanFloat():
		return Value{attribute.Float64Value(rv.Float())}
	}
	return textValue(describe(rv, maxSize))
}

func nilable(k reflect.Kind) bool {
	switch k {
	case reflect.Pointer, reflect.Map, reflect.Chan, reflect.Func, reflect.Interface, reflect.Slice, reflect.UnsafePointer:
		return true
	}
	return false
}

// pointsToPlain is true for *string and its like, the usual shape of an
// optional field, whose address would tell nobody anything.
func pointsToPlain(t reflect.Type) bool {
	return basic(t.Kind()) || t.Kind() == reflect.Pointer || t == reflect.TypeFor[time.Time]()
}

// maxElements caps the slices that become attribute slices.
const maxElements = 128

func capped[T any](s []T) []T {
	if len(s) > maxElements {
		return s[:maxElements]
	}
	return s
}

// slogValue is the value as a log line shows it.
func (v Value) slogValue() slog.Value {
	switch v.v.Type() {
	case attribute.STRING:
		return slog.StringValue(v.v.AsString())
	case attribute.INT64:
		return slog.Int64Value(v.v.AsInt64())
	case attribute.BOOL:
		return slog.BoolValue(v.v.AsBool())
	case attribute.FLOAT64:
		return slog.Float64Value(v.v.AsFloat64())
	case attribute.INVALID:
		return slog.StringValue("")
	default:
		return slog.AnyValue(v.v.AsInterface())
	}
}

// text is the value as part of a name, as a label or before hashing.
func (v Value) text() string {
	switch v.v.Type() {
	case attribute.STRING:
		return v.v.AsString()
	case attribute.INVALID:
		return ""
	case attribute.INT64:
		return strconv.FormatInt(v.v.AsInt64(), 10)
	case attribute.BOOL:
		return strconv.FormatBool(v.v.AsBool())
	default:
		return v.v.Emit()
	}
}

// ErrorOf returns v as an error if it is one. A nil pointer is none, and
// neither is the zero value of a concrete type such as syscall.Errno(0).
func ErrorOf[T any](v T) error {
	err, ok := any(v).(error)
	if !ok || err == nil {
		return nil
	}
	rv := reflect.ValueOf(err)
	if nilable(rv.Kind()) && rv.IsNil() {
		return nil
	}
	if reflect.TypeFor[T]().Kind() != reflect.Interface && rv.IsZero() {
		return nil
	}
	return err
}
