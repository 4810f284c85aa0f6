//go:build linux

package bootstrap

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
)

// lost is how many lines were dropped for the reason.
func lost(reason string) int {
	var m dto.Metric
	if err := droppedLines().WithLabelValues(reason).Write(&m); err != nil {
		panic(err)
	}
	return int(m.GetCounter().GetValue())
}

func init() {
	handlers["chatty"] = func() {
		for range 100_000 {
			slog.Info("m", "n", 1)
		}
		fmt.Printf("%v lines dropped\n", lost("blocked"))
	}
	handlers["orphan"] = func() {
		for lost("write_failed") == 0 {
			slog.Info("m")
		}
		fmt.Printf("%v lines failed\n", lost("write_failed"))
	}
	handlers["last words"] = func() { log.Fatal("cannot go on") }
}

// stderrProgram is what the tests run as a process of its own, whose standard
// error is a pipe.
func stderrProgram(t *testing.T, name string) (cmd *exec.Cmd, stdout *bufio.Reader, stderr *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "BOOTSTRAP_TEST_PROGRAM="+name, "PROMETHEUS_PORT=off", "OTEL_BSP_EXPORT_TIMEOUT=200", "LOG_SAMPLING=off")
	cmd.Stderr = w
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	t.Cleanup(func() { _ = r.Close() })
	return cmd, bufio.NewReader(out), r
}

func TestPipeThatNobodyReads(t *testing.T) {
	cmd, stdout, stderr := stderrProgram(t, "chatty")
	said, err := io.ReadAll(stdout)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	dropped, _, ok := strings.Cut(string(said), " lines dropped\n")
	if !ok || dropped == "0" {
		t.Errorf("the program said %q, want that it dropped lines and went on", said)
	}
	pipe, err := io.ReadAll(stderr)
	if err != nil || !bytes.HasPrefix(pipe, []byte(`{"timestamp":`)) || !bytes.Contains(pipe, []byte(`"metadata":{"n":1}}`+"\n")) {
		t.Errorf("the pipe holds %d bytes, %v: %.200s", len(pipe), err, pipe)
	}
}

func TestPipeThatIsRead(t *testing.T) {
	cmd, stdout, stderr := stderrProgram(t, "chatty")
	lines := 0
	for s := bufio.NewScanner(stderr); s.Scan(); {
		lines++
	}
	said, err := io.ReadAll(stdout)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	dropped, _, _ := strings.Cut(string(said), " ")
	if n, err := strconv.Atoi(dropped); err != nil || lines+n != 100_000 {
		t.Errorf("%d lines arrived and %s were dropped, which is not all of them", lines, dropped)
	}
}

func TestClosedPipeDoesNotEndTheProgram(t *testing.T) {
	cmd, stdout, stderr := stderrProgram(t, "orphan")
	_ = stderr.Close()
	said, err := io.ReadAll(stdout)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || !strings.HasPrefix(string(said), "1 lines failed") {
		t.Errorf("%v, and the program said %q", err, said)
	}
}

// TestLastWords holds the reason why lines are not written by a goroutine.
func TestLastWords(t *testing.T) {
	cmd, _, stderr := stderrProgram(t, "last words")
	said, err := io.ReadAll(stderr)
	if err != nil {
		t.Fatal(err)
	}
	if cmd.Wait() == nil || !strings.Contains(string(said), `"message":"cannot go on"`) {
		t.Errorf("standard error has %q", said)
	}
}
