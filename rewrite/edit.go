// Package rewrite applies edits to the bytes of a file. It knows nothing of Go
// or of telemetry: whoever plans the edits decides what they mean.
package rewrite

import (
	"fmt"
	"slices"
)

// An Edit replaces the bytes [Start, End) of a file by Text. Start == End
// inserts.
type Edit struct {
	Start, End int
	Text       string
}

// Insert returns the edit that puts text before the byte at offset.
func Insert(offset int, text string) Edit {
	return Edit{Start: offset, End: offset, Text: text}
}

// Delete returns the edit that removes the bytes [start, end).
func Delete(start, end int) Edit {
	return Edit{Start: start, End: end}
}

// Apply returns src with edits carried out. Offsets count in src, whatever the
// order of the edits; insertions at one offset keep the order in which they are
// given. An edit outside src, or two that overlap, is an error and src is not
// touched.
func Apply(src []byte, edits []Edit) ([]byte, error) {
	sorted := slices.Clone(edits)
	slices.SortStableFunc(sorted, func(a, b Edit) int {
		if a.Start != b.Start {
			return a.Start - b.Start
		}
		return a.End - b.End
	})
	size, last := len(src), 0
	for _, e := range sorted {
		if e.Start < 0 || e.End < e.Start || e.End > len(src) {
			return nil, fmt.Errorf("edit [%d, %d) lies outside a file of %d bytes", e.Start, e.End, len(src))
		}
		if e.Start < last {
			return nil, fmt.Errorf("edit [%d, %d) overlaps the one that ends at %d", e.Start, e.End, last)
		}
		last = e.End
		size += len(e.Text) - (e.End - e.Start)
	}
	out := make([]byte, 0, size)
	at := 0
	for _, e := range sorted {
		out = append(out, src[at:e.Start]...)
		out = append(out, e.Text...)
		at = e.End
	}
	return append(out, src[at:]...), nil
}
