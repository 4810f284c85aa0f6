package scan

// Reaches reports whether f, or a first-party package that f's program
// imports, satisfies is. Build constraints are not looked at: a package that
// is imported on one system only counts on all.
func (t *Tree) Reaches(f *Folder, is func(*Folder) bool) bool {
	found := false
	t.visit([]*Folder{f}, false, func(x *Folder) bool {
		found = found || is(x)
		return !found
	})
	return found
}

// Closure returns every first-party folder that a build of folders compiles,
// with what their tests import when tests is set.
func (t *Tree) Closure(folders []*Folder, tests bool) map[*Folder]bool {
	seen := make(map[*Folder]bool)
	t.visit(folders, tests, func(f *Folder) bool {
		seen[f] = true
		return true
	})
	return seen
}

// visit calls do for each folder in the import graph of roots until it returns
// false. Only the roots' own tests count.
func (t *Tree) visit(roots []*Folder, tests bool, do func(*Folder) bool) {
	seen := make(map[*Folder]bool)
	var next []*Folder
	push := func(f *Folder) {
		if f != nil && !seen[f] {
			seen[f] = true
			next = append(next, f)
		}
	}
	for _, f := range roots {
		push(f)
	}
	inTests := len(next)
	for i := 0; i < len(next); i++ {
		f := next[i]
		if !do(f) {
			return
		}
		for _, file := range f.Files {
			if file.Test && (!tests || i >= inTests) {
				continue
			}
			for _, path := range file.Imports {
				push(t.byPath[path])
			}
		}
	}
}
