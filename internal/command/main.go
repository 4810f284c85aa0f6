// Package command is the command line: it reads arguments and files, calls the
// engine and the front ends, and writes what they return.
package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/orchestrall/orchestrall/instrument"
	"github.com/orchestrall/orchestrall/internal/drift"
	"github.com/orchestrall/orchestrall/internal/overlay"
)

// The exit codes. The go verb returns the go command's own instead.
const (
	exitOK      = 0
	exitFound   = 1 // drift, findings, or diagnostics that stop the work
	exitTrouble = 2 // usage, or something that can't be read or written
)

// Main runs one invocation of the tool and returns its exit code. Results go to
// stdout, diagnostics and errors to stderr.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) > 2 && args[1] == "toolexec" && !isHelp(args[2]) {
		// The go command starts this once for each tool it runs: go straight
		// to work.
		return runToolexec(args[2:], stdin, stdout, stderr)
	}
	s := &session{stdin: stdin, stdout: stdout, stderr: stderr}
	if len(args) > 1 && args[1] == overlay.CoverVerb {
		cwd, err := os.Getwd()
		if err != nil {
			return s.exitCode(err)
		}
		return overlay.Cover(s.buildEnv(cwd), args[2:])
	}
	if os.Getenv("GOGC") == "" {
		// A run is short and keeps little: collecting less often costs a few
		// megabytes and saves a fifth of the time.
		debug.SetGCPercent(400)
	}
	return s.exitCode(newApp(s).Run(normalize(args)))
}

// A session is what the verbs share: the streams and the flags before the verb.
type session struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	config         string // --config
	verbose        bool   // --verbose
}

// An exitError is the exit code of a command that has said everything.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// exit ends the command with code after everything has been said.
func exit(code int) error {
	if code == exitOK {
		return nil
	}
	return exitError(code)
}

// exitCode prints what is left to say about err and returns the code for it.
func (s *session) exitCode(err error) int {
	var own exitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &own):
		return int(own)
	}
	s.complain(err)
	return exitTrouble
}

func (s *session) complain(err error) { fmt.Fprintln(s.stderr, "orchestrall:", err) }

// diagnose prints ds on standard error, sorted, with names relative to the
// current folder.
func (s *session) diagnose(ds []instrument.Diagnostic) {
	instrument.SortDiagnostics(ds)
	root, _ := os.Getwd()
	for _, d := range ds {
		fmt.Fprintln(s.stderr, drift.Short(root, d))
	}
}

// logf prints a line on standard error when --verbose is given.
func (s *session) logf(format string, args ...any) {
	if s.verbose {
		fmt.Fprintf(s.stderr, "orchestrall: "+format+"\n", args...)
	}
}
