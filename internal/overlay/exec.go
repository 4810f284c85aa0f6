package overlay

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
)

// exec runs the go command with args and returns its exit code; with Replace
// it returns only when the go command can't be started.
func (env Env) exec(args, environ []string) int {
	path, err := exec.LookPath("go")
	if err != nil {
		return env.fail(fmt.Errorf("%w; install Go, or add it to PATH", err))
	}
	return env.execute(path, append([]string{"go"}, args...), environ)
}

// execute runs the program at path. Signals that are sent to this process are
// passed on to it.
func (env Env) execute(path string, argv, environ []string) int {
	if env.Replace {
		if err := replaceProcess(path, argv, environ, env.Dir); !errors.Is(err, errors.ErrUnsupported) {
			return env.fail(fmt.Errorf("starting %s: %w", path, err))
		}
	}
	cmd := exec.Command(path, argv[1:]...)
	cmd.Args[0] = argv[0]
	cmd.Dir, cmd.Env = env.Dir, environ
	cmd.Stdin, cmd.Stdout, cmd.Stderr = env.Stdin, env.Stdout, env.Stderr
	if err := cmd.Start(); err != nil {
		return env.fail(err)
	}
	ctx, done := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, forwarded...)
	go func() {
		for {
			select {
			case sig := <-signals:
				_ = cmd.Process.Signal(sig) // it may be gone already
			case <-ctx.Done():
				return
			}
		}
	}()
	err := cmd.Wait()
	signal.Stop(signals)
	done()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() >= 0 {
		return exit.ExitCode()
	}
	if err != nil {
		return env.fail(fmt.Errorf("go: %w", err))
	}
	return 0
}
