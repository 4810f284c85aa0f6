package orchestrall

import "context"

// Generated code writes these types by the names below, because a user's
// package may declare its own int, bool, error or context.
type (
	// Index is int: the number of a field in [Spec.Fields].
	Index = int
	// Bool is bool.
	Bool = bool
	// Error is the predeclared error.
	Error = error
	// Context is [context.Context].
	Context = context.Context
)

// True is true, for generated code in a package that declares its own.
const True = true
