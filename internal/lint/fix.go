package lint

import (
	"fmt"
	"slices"

	"github.com/orchestrall/orchestrall/rewrite"
)

// Fix returns the files that the edits of findings change, by name, and the
// findings that they do not settle. An edit that overlaps an earlier one is
// left for the next run. read returns a file's bytes.
func Fix(findings []Finding, read func(string) ([]byte, error)) (changed map[string][]byte, left []Finding, err error) {
	byFile := make(map[string][]Edit)
	for _, f := range findings {
		if len(f.Edits) == 0 || slices.ContainsFunc(f.Edits, func(e Edit) bool { return overlaps(byFile[e.File], e) }) {
			left = append(left, f)
			continue
		}
		for _, e := range f.Edits {
			byFile[e.File] = append(byFile[e.File], e)
		}
	}
	changed = make(map[string][]byte)
	for name, edits := range byFile {
		src, err := read(name)
		if err != nil {
			return nil, nil, err
		}
		list := make([]rewrite.Edit, len(edits))
		for i, e := range edits {
			list[i] = e.Edit
		}
		if changed[name], err = rewrite.Apply(src, list); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return changed, left, nil
}

func overlaps(edits []Edit, e Edit) bool {
	return slices.ContainsFunc(edits, func(o Edit) bool { return e.Start < o.End && o.Start < e.End })
}
