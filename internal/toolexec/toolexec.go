// Package toolexec is the front end behind go build -toolexec="orchestrall
// toolexec": the go command starts it in place of each of its tools. It hands
// almost all of them on untouched, gives the compiler instrumented copies of
// the files that carry a directive, and gives the linker what those import.
//
// A tool is started some hundred times in a build, so everything here is laid
// out for the calls that have nothing to do: they end in the real tool before
// a configuration is read or a package is looked at.
package toolexec

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/orchestrall/orchestrall/internal/hooks"
	"github.com/orchestrall/orchestrall/internal/hooks/library"
)

// Main runs the tool args[0] with the arguments behind it, instrumented where
// that is called for, and returns its exit code. On Unix it does not return
// when the tool has nothing to gain: the tool takes the place of the process.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprintln(stderr, `orchestrall toolexec: no tool given; it is meant for go build -toolexec="orchestrall toolexec"`)
		return exitUsage
	}
	return run(&tool{path: args[0], args: args[1:], libraries: library.Importing, stdin: stdin, stdout: stdout, stderr: stderr})
}

func run(t *tool) int {
	name := t.name()
	if name != "compile" && name != "link" {
		return t.replace()
	}
	if len(t.args) == 1 && t.args[0] == "-V=full" {
		return t.version(name)
	}
	expanded, err := expand(t.args)
	if err != nil {
		return t.fail(err)
	}
	if name == "compile" {
		return compile(t, compilerArguments(expanded))
	}
	return link(t, linkerArguments(expanded))
}

// The exit codes of this front end; every other one is the tool's own.
const (
	exitFailed = 1
	exitUsage  = 2
)

// A tool is one invocation of a program of the Go toolchain.
type tool struct {
	path string
	// libraries are those that have a hook for one of the packages.
	libraries      func(packages map[string]bool) []*hooks.Library
	args           []string // as they came
	stdin          io.Reader
	stdout, stderr io.Writer
}

// name returns compile for /usr/local/go/pkg/tool/linux_amd64/compile and for
// compile.exe.
func (t *tool) name() string {
	return strings.TrimSuffix(filepath.Base(t.path), ".exe")
}

// fail reports an error that has no place in a source file.
func (t *tool) fail(err error) int {
	fmt.Fprintf(t.stderr, "orchestrall: %v\n", err)
	return exitFailed
}
