package mcp

import "reflect"

// code is the JSON-RPC error code of err, or 0. The SDK exports the type that
// holds it in later versions only; its fields are older.
func code(err error) int64 {
	for ; err != nil; err = inner(err) {
		v := reflect.ValueOf(err)
		if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct || v.Elem().Type().Name() != "WireError" {
			continue
		}
		if f := v.Elem().FieldByName("Code"); f.IsValid() && f.CanInt() {
			return f.Int()
		}
	}
	return 0
}

// inner is the error below err; of several, the first that has a code.
func inner(err error) error {
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return e.Unwrap()
	case interface{ Unwrap() []error }:
		for _, below := range e.Unwrap() {
			if code(below) != 0 {
				return below
			}
		}
	}
	return nil
}
