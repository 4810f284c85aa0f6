// Package instrument is the engine: it reads directives, plans what each
// function gets and renders the plan as edits. It works on bytes: it opens no
// file, prints nothing and never exits, so that every front end can use it.
package instrument

import (
	"path/filepath"
	"strings"

	"github.com/orchestrall/orchestrall/internal/config"
	"github.com/orchestrall/orchestrall/rewrite"
)

// A File is one Go source file as it was read.
type File struct {
	Path string // absolute
	Src  []byte
}

// A Package is what the engine is given: every Go file of one folder.
type Package struct {
	Dir        string // absolute
	ImportPath string
	Module     string // module path
	ModuleDir  string // absolute; operations name their files relative to it

	// Files are all .go files of the folder, whatever their constraints, test
	// files too, except Generated.
	Files []File
	// Generated are the folder's orchestrall_gen*.go files.
	Generated []File
}

// CheckedIn reports whether the package's instrumentation stands in its
// sources. A build front end leaves such a package alone, so that a function
// is instrumented once.
func (p *Package) CheckedIn() bool { return len(p.Generated) > 0 }

// Options are the settings that shape a [Plan].
type Options struct {
	// Config is the module's orchestrall.yaml; nil means that there is none.
	Config *config.Config
	// Bootstrap weaves the start and the flush of the SDK into func main of a
	// package main. The source layout does so only where //orchestrall:main
	// stands.
	Bootstrap bool
	// Woven holds, by path, edits of the files' bytes that the build layout
	// carries out together with its own.
	Woven map[string][]rewrite.Edit
	// Link are packages that a program links for their hooks, although nothing
	// of it calls them: the build layout imports them where Bootstrap weaves.
	Link []string
	// Paths writes the path of each file into its build layout, for a compiler
	// that reads a copy: its messages then name the user's file. The bytes
	// depend on the folder then, which a build with -trimpath must not.
	Paths bool
}

// An Output is one file that a layout renders.
type Output struct {
	Path      string // absolute
	Src       []byte
	Generated bool // one of the orchestrall_gen*.go files, not a user's file
}

// IsGenerated reports whether a file of that name is one of those that the
// tool writes beside a package's own.
func IsGenerated(path string) bool {
	base := filepath.Base(path)
	return base == "orchestrall_gen.go" || strings.HasPrefix(base, "orchestrall_gen_") && strings.HasSuffix(base, ".go")
}
