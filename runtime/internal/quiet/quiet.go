// Package quiet marks what telemetry does for itself, such as sending spans:
// hooks that reach every caller leave it alone, or each batch of spans would
// make another one.
package quiet

import "context"

type key struct{}

// Context returns ctx with the mark.
func Context(ctx context.Context) context.Context { return context.WithValue(ctx, key{}, true) }

// Is reports whether ctx has the mark.
func Is(ctx context.Context) bool { return ctx.Value(key{}) != nil }
