package overlay

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What the compiler says of an instrumented file names the user's file, line
// and column, with plain files, expressions and code behind an expression.
func TestCompileErrorsNameTheUsersFile(t *testing.T) {
	p := write(t, `
-- go.mod --
module example.com/app

go 1.26
-- main.go --
package main

import "context"

//orchestrall:trace attr.size=n.Size
func f(ctx context.Context, n int) error { return g(ctx) }

//orchestrall:trace
func g(ctx context.Context) error {
	unused := 1
	return nil
}

func main() { f(context.Background(), 1) }
`)
	code, _, stderr := p.run("build", "-o", "out.exe", ".")
	if code == 0 {
		t.Fatal("the build passed")
	}
	for _, want := range []string{"./main.go:5:33: n.Size undefined", "./main.go:10:2: declared and not used: unused"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("no %q in:\n%s", want, stderr)
		}
	}
}

// With -trimpath the folder that a module lies in leaves no trace, so two
// copies give one binary.
func TestTrimpathIsReproducible(t *testing.T) {
	var binaries [2][]byte
	for i := range binaries {
		p := write(t, app)
		p.must("build", "-trimpath", "-o", "out.exe", ".")
		data, err := os.ReadFile(filepath.Join(p.dir, "out.exe"))
		if err != nil {
			t.Fatal(err)
		}
		binaries[i] = data
		if bytes.Contains(data, []byte(p.dir)) {
			t.Errorf("the binary names %s", p.dir)
		}
	}
	if !bytes.Equal(binaries[0], binaries[1]) {
		t.Error("the binaries differ")
	}
}
