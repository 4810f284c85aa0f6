package overlay

import (
	_ "embed"
	"sync"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"

	"github.com/orchestrall/orchestrall/templates"
)

// The runtime requires old versions, so that programs with versions of their
// own keep them. Programs without get the newest that the runtime's tests pass
// with, as those have the fixes: newest.mod is the runtime's go.mod with them.
// `make tidy` keeps it and newest.sum complete.
var (
	//go:embed newest.mod
	newestMod []byte
	//go:embed newest.sum
	newestSum []byte
)

var newestVersions = sync.OnceValue(func() []module.Version {
	f, err := modfile.Parse("newest.mod", newestMod, nil)
	if err != nil {
		return nil // a test reads it
	}
	var all []module.Version
	for _, r := range f.Require {
		all = append(all, r.Mod)
	}
	return all
})

// newest are the versions to try first: of modules that are in none of the
// go.mod files. One that requires the runtime lists them all, and decides.
func newest(required func(module string) bool) []module.Version {
	if required(templates.RuntimePath) {
		return nil
	}
	var all []module.Version
	for _, v := range newestVersions() {
		if !required(v.Path) {
			all = append(all, v)
		}
	}
	return all
}

// raises reports whether a version of the user's is among the changes. The go
// line has to follow the runtime in any case.
func raises(changes []change) bool {
	for _, c := range changes {
		if c.path != "go" {
			return true
		}
	}
	return false
}
