package overlay

import (
	"errors"

	"github.com/orchestrall/orchestrall/instrument"
)

// Hooks returns what a build of the packages that args name would weave, and
// why it weaves nothing where it does not. It does the work of that build up to
// the compiler, so the build finds it done. The diagnostics are what the build
// would say; with errors among them it would not start. What it would note of
// versions goes to env.Stderr.
func Hooks(env Env, args []string) ([]*Hooked, []instrument.Diagnostic, error) {
	s, err := newSession(env, "build", args)
	if err != nil {
		return nil, nil, err
	}
	s.all = true
	if err = s.scan(); err == nil {
		// No go command follows, which would say so of a build.
		if _, unknown := s.tree.Match(s.args.targets); len(unknown) > 0 && len(s.args.files()) == 0 {
			return nil, unknown, nil
		}
		t := s.targets()
		if err = s.instrument(t); err == nil {
			err = s.completeBuild(t)
		}
	}
	if err == nil {
		s.findThirdParty()
	}
	var found problems
	if errors.As(err, &found) {
		return nil, found, nil
	}
	s.printNotes()
	return s.hooked, s.warnings, err
}
