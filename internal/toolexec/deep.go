package toolexec

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orchestrall/orchestrall/internal/deep"
)

// standard compiles a package of the standard library, with edited files where
// it is hooked deep.
func (t *tool) standard(args arguments) int {
	p, _ := args.value("p")
	out, ok := args.value("o")
	if !ok || len(args.files) == 0 || !slices.Contains(deep.Packages(deep.Names()), p) {
		return t.replace()
	}
	work := filepath.Dir(out)
	s := t.survey(work, findGoCommand())
	if !slices.Contains(deep.Packages(s.Deep), p) {
		return t.replace()
	}
	at := func(name string) int {
		return slices.IndexFunc(args.files, func(arg string) bool { return filepath.Base(arg) == name })
	}
	files, err := deep.Files(p, s.Deep, func(name string) ([]byte, error) {
		if i := at(name); i >= 0 {
			return os.ReadFile(args.files[i])
		}
		return nil, fmt.Errorf("%s has no %s", p, name)
	})
	if err != nil {
		fmt.Fprintf(t.stderr, "orchestrall: warning: %s cannot be hooked deep: %s; calls of it are hooked\n", p, strings.ReplaceAll(err.Error(), "\n", "; "))
		return t.replace()
	}
	folder := filepath.Join(work, "orchestrall")
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return t.fail(err)
	}
	trim, _ := args.value("trimpath")
	before := rewrites(trim)
	after := before
	beside := filepath.Dir(args.files[0])
	args.files = slices.Clone(args.files)
	for _, f := range files {
		tmp := filepath.Join(folder, f.Name)
		if err := os.WriteFile(tmp, f.Src, 0o666); err != nil {
			return t.fail(err)
		}
		original := filepath.Join(beside, f.Name)
		if i := at(f.Name); i >= 0 {
			original = args.files[i]
			args.files[i] = tmp
		} else {
			next := slices.IndexFunc(args.files, func(other string) bool { return filepath.Base(other) > f.Name })
			if next < 0 {
				next = len(args.files)
			}
			args.files = slices.Insert(args.files, next, tmp)
		}
		shown, _ := before.apply(original)
		after = rewrites(tmp+"=>"+shown+";") + after
	}
	list, err := shorten(args.with("trimpath", string(after)).list(), filepath.Join(work, "orchestrall.args"))
	if err != nil {
		return t.fail(err)
	}
	return t.replaceWith(list)
}
