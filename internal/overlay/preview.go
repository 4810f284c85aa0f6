package overlay

import (
	"errors"
	"os"
	"slices"

	"github.com/orchestrall/orchestrall/instrument"
)

// A Compiled package is one that a build compiles otherwise than it stands.
type Compiled struct {
	Package *instrument.Package // as it stands
	Outputs []instrument.Output // the files that the compiler gets
}

// Preview returns those of the packages that args name which a build of them
// would change, by directives and by hooks. It writes to the cache alone, and
// works as far as hooks go where the module graph cannot have the runtime. The
// diagnostics are those of [Hooks].
func Preview(env Env, args []string) ([]Compiled, []instrument.Diagnostic, error) {
	s, err := newSession(env, "build", args)
	if err != nil {
		return nil, nil, err
	}
	s.preview = true
	var all []Compiled
	if err = s.scan(); err == nil {
		t := s.targets()
		if err = s.instrument(t); err == nil {
			err = s.completeBuild(t)
		}
		if err == nil {
			all, err = s.rendered(t)
		}
	}
	var found problems
	if errors.As(err, &found) {
		return nil, found, nil
	}
	return all, s.warnings, err
}

// rendered reads what the cache has of the packages that were asked for.
func (s *session) rendered(t *targets) ([]Compiled, error) {
	var all []Compiled
	for _, u := range s.units {
		if !u.changes() || !slices.Contains(t.roots, u.folder) {
			continue
		}
		if ds := u.read(s.tree); instrument.HasErrors(ds) {
			return nil, problems(ds)
		}
		c := Compiled{Package: u.pkg}
		for _, out := range u.entry.Outputs {
			src, err := os.ReadFile(s.store.content(out.Sum, out.Path))
			if err != nil {
				return nil, err
			}
			c.Outputs = append(c.Outputs, instrument.Output{Path: out.Path, Src: src, Generated: out.Generated})
		}
		all = append(all, c)
	}
	return all, nil
}
