package trouble

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// process is the program in trouble.
type process struct {
	t      *testing.T
	in     io.WriteCloser
	out    *bufio.Scanner
	stderr *journal
}

type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(b)
}

// String is the end of it.
func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	b := j.buf.Bytes()
	return string(b[max(0, len(b)-2000):])
}

const (
	queueSize = 64
	// hopeless is when a program that should have answered is given up.
	hopeless = 2 * time.Minute
)

// launch starts the program with a short queue and short time-outs. stderr nil
// keeps what it logs.
func launch(t *testing.T, stderr *os.File, env ...string) *process {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), hopeless)
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), programKey+"=yes", "PROMETHEUS_PORT=0",
		"OTEL_BSP_MAX_QUEUE_SIZE="+strconv.Itoa(queueSize), "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=16",
		"OTEL_BSP_SCHEDULE_DELAY=1", "OTEL_BSP_EXPORT_TIMEOUT=300",
		"OTEL_BLRP_MAX_QUEUE_SIZE="+strconv.Itoa(queueSize), "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE=16",
		"OTEL_BLRP_SCHEDULE_DELAY=1", "OTEL_BLRP_EXPORT_TIMEOUT=300")
	cmd.Env = append(cmd.Env, env...)
	p := &process{t: t, stderr: new(journal)}
	cmd.Stderr = p.stderr
	if stderr != nil {
		cmd.Stderr = stderr
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if p.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewScanner(out)
	p.out.Buffer(nil, 1<<20)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the program ended with %v\n%s", err, p.stderr)
		}
		cancel()
	})
	return p
}

// ask gives a command and returns the answer.
func (p *process) ask(command string) string {
	p.t.Helper()
	if _, err := io.WriteString(p.in, command+"\n"); err != nil {
		p.t.Fatalf("%s: %v\n%s", command, err, p.stderr)
	}
	if !p.out.Scan() {
		p.t.Fatalf("%s: no answer\n%s", command, p.stderr)
	}
	return p.out.Text()
}

// calls runs so many requests and checks what they return.
func (p *process) calls(command string, n int) {
	p.t.Helper()
	want := "results " + strconv.Itoa(expected(n))
	if got := p.ask(command + " " + strconv.Itoa(n)); got != want {
		p.t.Fatalf("%s: %s, want %s", command, got, want)
	}
}

// lost returns how many spans or log lines were dropped for each reason.
func (p *process) lost(counter string) map[string]int {
	p.t.Helper()
	byReason := map[string]int{}
	for word := range strings.FieldsSeq(p.ask("counters")) {
		name, n, _ := strings.Cut(word, "=")
		if name, reason, _ := strings.Cut(name, ","); name == counter {
			byReason[reason], _ = strconv.Atoi(n)
		}
	}
	return byReason
}

// lostInTheEnd asks until so many are lost: stop returns at its limit, though the
// count may not be complete before a moment later.
func (p *process) lostInTheEnd(counter string, want int) map[string]int {
	p.t.Helper()
	for begin := time.Now(); ; {
		if lost := p.lost(counter); total(lost) >= want || time.Since(begin) > hopeless/4 {
			return lost
		}
	}
}

func total(byReason map[string]int) (n int) {
	for _, m := range byReason {
		n += m
	}
	return n
}

const (
	lostSpans = "orchestrall_spans_dropped_total"
	lostLines = "log_events_dropped_total"
)
