// Package contextkey finds the keys under which other packages keep something in
// a context and which they do not export, so that a hook can read it without the
// copy that they would make, or put it there without their allocations.
package contextkey

import "context"

// Of returns the key that ask looks up in the context that it gets, nil where it
// does not look up exactly one. A nil key finds nothing in a context of the
// standard library's, so whoever reads has to ask the package itself then.
func Of(ask func(context.Context)) any {
	var l listener
	ask(&l)
	if l.heard != 1 {
		return nil
	}
	return l.key
}

// listener is a context that notes what it is asked for.
type listener struct {
	context.Context
	key   any
	heard int
}

// Value implements context.Context.
func (l *listener) Value(key any) any {
	l.key = key
	l.heard++
	return nil
}
