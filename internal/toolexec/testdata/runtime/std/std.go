// Package std stands in for a hook package of the standard library.
package std

import (
	_ "encoding/hex" // which the programs of the tests do not import
	"strings"
)

// ToUpper is strings.ToUpper, and says so.
func ToUpper(s string) string {
	println("hook: ToUpper")
	return strings.ToUpper(s)
}

// Reset is b.Reset, and says so.
func Reset(b *strings.Builder) {
	println("hook: Reset")
	b.Reset()
}

// InterfaceReset is r.Reset: Reset where r holds a builder.
func InterfaceReset(r interface{ Reset() }) {
	if b, ok := r.(*strings.Builder); ok {
		Reset(b)
		return
	}
	r.Reset()
}
