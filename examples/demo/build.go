package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

var modes = []string{"build", "toolexec", "generate"}

// A builder makes a binary of the platform in a temporary folder.
type builder struct {
	root, temp string
	out        report
	stderr     io.Writer
}

// platform builds the tool, and with it the platform, and returns the path of
// the platform's binary.
func (b builder) platform(ctx context.Context, mode string) (string, error) {
	tool, binary := b.program("orchestrall"), b.program("platform")
	if err := b.step(ctx, b.root, "go", "build", "-o", tool, "./cmd/orchestrall"); err != nil {
		return "", err
	}
	source := filepath.Join(b.root, "examples", "platform")
	if err := b.step(ctx, source, tool, "list"); err != nil {
		return "", err
	}
	b.out.note("The first build compiles SQLite and OpenTelemetry too; that takes a minute or two.")
	if mode == "build" {
		return binary, b.step(ctx, source, tool, "go", "build", "-o", binary, ".")
	}
	// The other front ends need the requirement in go.mod: not in the user's checkout, for a demo.
	work := filepath.Join(b.temp, "source")
	if err := os.CopyFS(work, os.DirFS(source)); err != nil {
		return "", err
	}
	if err := b.step(ctx, work, tool, "init"); err != nil {
		return "", err
	}
	if mode == "toolexec" {
		return binary, b.step(ctx, work, "go", "build", `-toolexec="`+tool+`" toolexec`, "-o", binary, ".")
	}
	if err := b.step(ctx, work, tool, "generate", "./..."); err != nil {
		return "", err
	}
	return binary, b.step(ctx, work, "go", "build", "-o", binary, ".")
}

func (b builder) program(name string) string {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(b.temp, name)
}

// step runs a command, shows it as a user would type it, and how long it took.
func (b builder) step(ctx context.Context, dir, name string, args ...string) error {
	line := strings.Join(append([]string{name}, args...), " ")
	line = strings.ReplaceAll(line, `"`+b.program("orchestrall")+`" toolexec`, `"orchestrall toolexec"`)
	line = strings.ReplaceAll(line, b.program("orchestrall")+" ", "orchestrall ")
	line = strings.ReplaceAll(line, b.temp+string(filepath.Separator), "")
	begun := time.Now()
	text, err := output(ctx, dir, name, args...)
	if err != nil {
		return fmt.Errorf("%s: %w", line, err)
	}
	b.out.step(line, time.Since(begun))
	b.out.quote(text)
	return nil
}

// output runs a command and returns what it printed; an error quotes it.
func output(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	// A workspace of the user's has nothing to say about the example.
	cmd.Env = append(os.Environ(), "GOWORK=off")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	gently(cmd)
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, cmp.Or(stderr.String(), stdout.String()))
	}
	return stdout.String(), nil
}

// gently lets a command whose context ends clean up before it is killed.
func gently(cmd *exec.Cmd) {
	cmd.WaitDelay = 10 * time.Second
	if runtime.GOOS != "windows" { // there is no interrupt to send there
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	}
}
