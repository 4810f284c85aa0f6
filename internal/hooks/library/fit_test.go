package library_test

import (
	"bytes"
	"errors"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orchestrall/orchestrall/internal/hooks"
	"github.com/orchestrall/orchestrall/internal/hooks/library"
	"github.com/orchestrall/orchestrall/internal/weave"
	"github.com/orchestrall/orchestrall/templates"
)

// Every point fits the library at the oldest version that its hook package
// works with: the target exists, and the hook's function has its signature.
func TestPointsFit(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles every hook package")
	}
	for _, l := range library.All() {
		t.Run(strings.ReplaceAll(l.Name, "/", "-"), func(t *testing.T) {
			bound, problems := weave.Bind(l, exports(t, l))
			for _, p := range problems {
				t.Errorf("%s: %s", p.Point.Pos, p.Reason)
			}
			if len(bound)+len(problems) == 0 {
				t.Error("no point")
			}
		})
	}
}

// exports returns the types of what the hook package of l imports, and of that
// package.
func exports(t *testing.T, l *hooks.Library) func(string) (*types.Package, error) {
	t.Helper()
	module := l.HookModule(templates.RuntimePath)
	dir := filepath.Join("..", "..", "..", "runtime", filepath.FromSlash(strings.TrimPrefix(module, templates.RuntimePath)))
	cmd := exec.Command("go", append([]string{"list", "-e", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}", l.Hook}, l.Packages()...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list in %s: %v\n%s", dir, err, &problems)
	}
	files := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		files[path] = file
	}
	from := weave.Exports(token.NewFileSet(), func(path string) (io.ReadCloser, error) {
		if files[path] == "" {
			return nil, errors.New("no export data: " + problems.String())
		}
		return os.Open(files[path])
	})
	return from.Import
}
