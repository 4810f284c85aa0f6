//go:build linux

package bootstrap

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// child is such a program as a process of its own.
type child struct {
	*exec.Cmd
	in     io.Closer
	out    *bufio.Scanner
	stderr output
}

func startChild(t *testing.T, handler, endpoint string, wrapper ...string) *child {
	t.Helper()
	argv := append(slices.Clone(wrapper), os.Args[0])
	c := &child{Cmd: exec.Command(argv[0], argv[1:]...)}
	c.Env = append(os.Environ(), "BOOTSTRAP_TEST_PROGRAM="+handler, "PROMETHEUS_PORT=off", "LOG_LEVEL=debug",
		"OTEL_EXPORTER_OTLP_ENDPOINT="+endpoint, "OTEL_BSP_SCHEDULE_DELAY=3600000")
	c.Stderr = &c.stderr
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.in, c.out = in, bufio.NewScanner(out)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill() })
	c.expect(t, "ready")
	return c
}

func (c *child) expect(t *testing.T, want string) {
	t.Helper()
	if !c.out.Scan() || c.out.Text() != want {
		_ = c.Process.Kill()
		_ = c.Wait()
		t.Fatalf("the program printed %q, want %q\n%s", c.out.Text(), want, &c.stderr)
	}
}

// saw returns when the program has said so on standard error.
func (c *child) saw(t *testing.T, text string) {
	t.Helper()
	limit := time.After(30 * time.Second)
	for {
		more := c.stderr.wrote()
		if strings.Contains(c.stderr.String(), text) {
			return
		}
		select {
		case <-limit:
			t.Fatalf("the program did not say %q:\n%s", text, &c.stderr)
		case <-more:
		}
	}
}

func (c *child) send(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := c.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// diedOf is the signal in the wait status, 0 for none.
func (c *child) diedOf() syscall.Signal {
	var exit *exec.ExitError
	if errors.As(c.Wait(), &exit) {
		if status := exit.Sys().(syscall.WaitStatus); status.Signaled() {
			return status.Signal()
		}
	}
	return 0
}

func TestSignalWithoutHandler(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		b := newBackend(t)
		c := startChild(t, "none", b.URL)
		c.send(t, s)
		if got := c.diedOf(); got != s {
			t.Errorf("the program died of %v, want %v\n%s", got, s, &c.stderr)
		}
		if got := b.names(); !slices.Equal(got, []string{"work"}) {
			t.Errorf("%v: the back end got %q, want the span that waited", s, got)
		}
	}
}

func TestSignalWithHandler(t *testing.T) {
	for _, handler := range []string{"own", "earlier"} {
		b := newBackend(t)
		c := startChild(t, handler, b.URL)
		c.saw(t, "the program handles a signal itself")
		c.send(t, syscall.SIGTERM)
		c.expect(t, "got terminated")
		b.await(t, "clean up") // though the program still runs
		_ = c.in.Close()
		c.expect(t, "0 more")
		if err := c.Wait(); err != nil {
			t.Errorf("%s: %v\n%s", handler, err, &c.stderr)
		}
		if got := b.names(); !slices.Equal(got, []string{"work", "clean up"}) {
			t.Errorf("%s: the back end got %q", handler, got)
		}
	}
}

// A program that has nothing to do ends before anybody has looked who listens.
func TestSignalThatEndsTheProgramAtOnce(t *testing.T) {
	b := newBackend(t)
	c := startChild(t, "at once", b.URL)
	c.send(t, syscall.SIGTERM)
	if err := c.Wait(); err != nil {
		t.Errorf("%v, want a program that ends as it does without telemetry\n%s", err, &c.stderr)
	}
	if got := b.names(); !slices.Equal(got, []string{"work"}) {
		t.Errorf("the back end got %q", got)
	}
}

// Programs that stop listening with the first signal are the rule.
func TestSignalOfAProgramThatStopsListening(t *testing.T) {
	b := newBackend(t)
	c := startChild(t, "graceful", b.URL)
	c.saw(t, "the program handles a signal itself")
	c.send(t, syscall.SIGTERM)
	b.await(t, "clean up") // handed over a while after the signal
	_ = c.in.Close()
	c.expect(t, "cleaned up")
	if err := c.Wait(); err != nil {
		t.Errorf("%v\n%s", err, &c.stderr)
	}
}

func TestSecondSignalKills(t *testing.T) {
	b := newBackend(t)
	c := startChild(t, "context", b.URL)
	c.saw(t, "the program handles a signal itself")
	c.send(t, syscall.SIGTERM)
	c.expect(t, "stopping")
	b.await(t, "work")
	c.send(t, syscall.SIGTERM)
	if got := c.diedOf(); got != syscall.SIGTERM {
		t.Errorf("the program died of %v, want SIGTERM\n%s", got, &c.stderr)
	}
}

// A back end that hangs delays the end by the limit, and a second signal ends
// the wait.
func TestSecondSignalDoesNotWait(t *testing.T) {
	asked, released := make(chan struct{}, 100), make(chan struct{})
	hanging := hangingBackend(asked, released)
	defer hanging.Close()
	defer close(released)
	c := startChild(t, "none", hanging.URL)
	start := time.Now()
	c.send(t, syscall.SIGINT)
	<-asked
	c.send(t, syscall.SIGINT)
	if got := c.diedOf(); got != syscall.SIGINT {
		t.Errorf("the program died of %v, want SIGINT\n%s", got, &c.stderr)
	}
	if took := time.Since(start); took >= longestStop {
		t.Errorf("it took %v", took)
	}
}

func TestSpansSurviveExitAfterSignal(t *testing.T) {
	b := newBackend(t)
	c := startChild(t, "exit", b.URL)
	c.saw(t, "the program handles a signal itself")
	c.send(t, syscall.SIGTERM)
	b.await(t, "work")
	_ = c.in.Close()
	if err := c.Wait(); err == nil || c.ProcessState.ExitCode() != 3 {
		t.Errorf("got %v, want the program's own exit code\n%s", err, &c.stderr)
	}
}

func TestIgnoredSignals(t *testing.T) {
	b := newBackend(t)
	c := startChild(t, "ignore", b.URL)
	c.send(t, syscall.SIGTERM)
	_ = c.in.Close()
	c.expect(t, "still here")
	if err := c.Wait(); err != nil {
		t.Errorf("%v\n%s", err, &c.stderr)
	}
	// What the parent ignores stays ignored: nohup, and jobs in the background.
	for _, s := range []struct {
		name   string
		signal syscall.Signal
	}{{"HUP", syscall.SIGHUP}, {"INT", syscall.SIGINT}} {
		c := startChild(t, "none", b.URL, "sh", "-c", `trap "" `+s.name+`; exec "$0"`)
		c.send(t, s.signal)
		c.send(t, syscall.SIGTERM)
		if got := c.diedOf(); got != syscall.SIGTERM {
			t.Errorf("SIG%s ignored: the program died of %v, want SIGTERM", s.name, got)
		}
	}
	// SIGHUP is nobody's business here: it kills as it always did.
	c = startChild(t, "none", b.URL)
	c.send(t, syscall.SIGHUP)
	if got := c.diedOf(); got != syscall.SIGHUP {
		t.Errorf("the program died of %v, want SIGHUP", got)
	}
}

// os.Exit runs no deferred function and tells nobody: documented, and held here.
func TestLogFatalLosesWhatWaits(t *testing.T) {
	b := newBackend(t)
	c := startChild(t, "fatal", b.URL)
	if err := c.Wait(); err == nil || c.ProcessState.ExitCode() != 1 {
		t.Errorf("got %v, want exit code 1", err)
	}
	if got := b.names(); len(got) > 0 {
		t.Errorf("the back end got %q: correct docs/configuration.md", got)
	}
}

// A panic on a goroutine of its own runs no deferred function of main.
func TestPanicSendsWhatWaits(t *testing.T) {
	b := newBackend(t)
	c := startChild(t, "panic", b.URL)
	if err := c.Wait(); err == nil || c.ProcessState.ExitCode() != 2 {
		t.Errorf("got %v, want exit code 2", err)
	}
	if got := b.names(); !slices.Equal(got, []string{"work", "Crash.Run"}) {
		t.Errorf("the back end got %q\n%s", got, &c.stderr)
	}
}
