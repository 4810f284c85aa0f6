package toolexec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// replace hands the arguments on as they came.
func (t *tool) replace() int { return t.replaceWith(t.args) }

// replaceWith ends this invocation in the real tool.
func (t *tool) replaceWith(args []string) int {
	if t.stdin == os.Stdin && t.stdout == os.Stdout && t.stderr == os.Stderr {
		if err := become(t.path, args); err != nil {
			return t.fail(fmt.Errorf("%s: %w", t.path, err))
		}
	}
	return t.run(args, t.stdout, t.stderr)
}

// run starts the real tool and waits for it.
func (t *tool) run(args []string, stdout, stderr io.Writer) int {
	cmd := exec.Command(t.path, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = t.stdin, stdout, stderr
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode()
	}
	return t.fail(fmt.Errorf("%s: %w", t.path, err))
}

// A renamer passes on what a tool prints with the names of instrumented copies
// turned into those of the user's files.
type renamer struct {
	to  io.Writer
	buf bytes.Buffer
	old []string // old, new, old, new, …
}

func (r *renamer) Write(p []byte) (int, error) { return r.buf.Write(p) }

// flush writes everything at once: names may stand across two writes.
func (r *renamer) flush() error {
	out := r.buf.Bytes()
	for i := 0; i+1 < len(r.old); i += 2 {
		out = bytes.ReplaceAll(out, []byte(r.old[i]), []byte(r.old[i+1]))
	}
	if len(out) == 0 {
		return nil
	}
	_, err := r.to.Write(out)
	return err
}
