package toolexec

import (
	"maps"
	"slices"
)

// sortedKeys returns the keys of m in order: same input, same bytes.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
