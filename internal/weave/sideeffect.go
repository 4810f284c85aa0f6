package weave

import (
	"fmt"
	"strconv"

	"github.com/orchestrall/orchestrall/rewrite"
)

// sideEffects imports the hook packages of libraries that are hooked by that
// alone, each into the first file that imports what asks for it.
func (w *weaver) sideEffects() {
	done := make(map[string]bool) // by import path
	for _, h := range w.imports {
		if done[h.pkg.Path()] {
			continue
		}
		for i := range w.pkg.Files {
			if w.sideEffect(h, &w.pkg.Files[i]) {
				done[h.pkg.Path()] = true
				break
			}
		}
	}
}

func (w *weaver) sideEffect(h *Hook, f *File) bool {
	for _, spec := range f.Tree.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil || path != h.Point.Target.Package {
			continue
		}
		w.file = f
		at := w.offset(f.Tree.Name.End())
		text := fmt.Sprintf("; import _ %q", h.pkg.Path())
		edits := w.result.Edits[f.Path]
		for i := range edits { // what the file imports besides stands there, too
			if edits[i].Start == at && edits[i].End == at {
				edits[i].Text = text + edits[i].Text
				text = ""
			}
		}
		if text != "" {
			w.marks = marked(f)
			edits = append(edits, rewrite.Insert(at, text+w.mark(f.Tree.Name.End())))
		}
		w.result.Edits[f.Path] = edits
		w.result.Imports = append(w.result.Imports, h.pkg.Path())
		w.match(h, spec.Pos())
		return true
	}
	return false
}
