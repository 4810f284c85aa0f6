// Demo builds the example platform with Orchestrall Trace, sends it a handful
// of requests, and shows what an administrator then knows about them.
//
//	go run ./examples/demo -mode build|toolexec|generate
//
// It needs the Go toolchain and nothing else, ends by itself, and leaves
// nothing behind. It fails when anything that it promises to show is missing.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// patience is how long all of it may take: the first build on a slow machine
// compiles an SQL database.
const patience = 15 * time.Minute

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	mode := flags.String("mode", "build", "front end to build with: "+strings.Join(modes, ", "))
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	if !slices.Contains(modes, *mode) || flags.NArg() > 0 {
		fmt.Fprintf(stderr, "demo: there is no mode %q; use one of %s\n",
			cmp.Or(flags.Arg(0), *mode), strings.Join(modes, ", "))
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := demo(ctx, *mode, report{stdout}, stderr); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("stopped: %w", context.Cause(ctx))
		}
		fmt.Fprintf(stderr, "demo: %v\n", err)
		return 1
	}
	return 0
}

func demo(ctx context.Context, mode string, out report, stderr io.Writer) (err error) {
	root, err := checkout(ctx)
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "orchestrall-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()

	out.section("Build")
	b := builder{root: root, temp: temp, out: out, stderr: stderr}
	binary, err := b.platform(ctx, mode)
	if err != nil {
		return err
	}

	p, err := launch(ctx, binary)
	if err != nil {
		return err
	}
	defer p.kill()
	var answers []answer
	for _, r := range requestsIn(mode) {
		send := p.send
		if r.over != "" {
			send = p.ask
		}
		a, err := send(ctx, r)
		if err != nil {
			return fmt.Errorf("%s: %w\n%s%s", r.name, err, p.errors(), p.asked)
		}
		answers = append(answers, a)
	}
	metrics, err := p.metrics(ctx)
	if err != nil {
		return fmt.Errorf("read metrics: %w\n%s", err, p.errors())
	}
	if err := p.stop(ctx); err != nil {
		return fmt.Errorf("the platform did not stop cleanly: %w\n%s", err, p.errors())
	}

	seen := newEvidence(p.errors()+p.asked.String(), metrics, p.key)
	if !weaves(mode) {
		out.note("\nLibraries are woven by MODE=build and MODE=toolexec: with them, HTTP, SQL, MCP and WebSockets are in the traces, too.")
	}
	for _, a := range answers {
		out.request(a, seen)
	}
	out.metrics(seen)
	problems := seen.check(answers, seriesIn(mode))
	out.verdict(problems, mode, len(answers))
	if len(problems) > 0 {
		return fmt.Errorf("the telemetry is not complete:\n  %s", strings.Join(problems, "\n  "))
	}
	return nil
}

// checkout returns the folder of the module that the demo belongs to.
func checkout(ctx context.Context) (string, error) {
	out, err := output(ctx, "", "go", "list", "-m", "-f", "{{.Dir}}", "github.com/orchestrall/orchestrall")
	if err != nil {
		return "", fmt.Errorf("the demo runs inside a checkout of github.com/orchestrall/orchestrall: %w", err)
	}
	return filepath.Clean(strings.TrimSpace(out)), nil
}
