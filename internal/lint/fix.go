package lint

import (
	"fmt"
	"slices"

	"github.com/orchestrall/orchestrall/rewrite"
)

// Fix returns the files that the edits of findings change, by name, and how
// many findings they settle. An edit that overlaps an earlier one is left for
// the next run. read returns a file's bytes.
func Fix(findings []Finding, read func(string) ([]byte, error)) (map[string][]byte, int, error) {
	byFile := make(map[string][]Edit)
	settled := 0
	for _, f := range findings {
		if len(f.Edits) == 0 || slices.ContainsFunc(f.Edits, func(e Edit) bool { return overlaps(byFile[e.File], e) }) {
			continue
		}
		for _, e := range f.Edits {
			byFile[e.File] = append(byFile[e.File], e)
		}
		settled++
	}
	changed := make(map[string][]byte)
	for name, edits := range byFile {
		src, err := read(name)
		if err != nil {
			return nil, 0, err
		}
		list := make([]rewrite.Edit, len(edits))
		for i, e := range edits {
			list[i] = e.Edit
		}
		if changed[name], err = rewrite.Apply(src, list); err != nil {
			return nil, 0, fmt.Errorf("%s: %w", name, err)
		}
	}
	return changed, settled, nil
}

func overlaps(edits []Edit, e Edit) bool {
	return slices.ContainsFunc(edits, func(o Edit) bool { return e.Start < o.End && o.Start < e.End })
}
