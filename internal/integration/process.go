package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// A process is a program of the stack that can be killed and started again. It
// keeps its files, its addresses and its log over that.
type process struct {
	name  string
	path  string
	args  []string
	env   []string
	dir   string // of its log
	ready string // an address that answers 200 as soon as it works

	mu     sync.Mutex
	cmd    *exec.Cmd
	exited chan struct{}
}

// start runs the program and waits until it is ready.
func (p *process) start(ctx context.Context) error {
	log, err := os.OpenFile(p.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(p.path, p.args...)
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Dir = p.dir
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	exited := make(chan struct{})
	go func() { _ = cmd.Wait(); close(exited) }()
	p.mu.Lock()
	p.cmd, p.exited = cmd, exited
	p.mu.Unlock()
	return await(ctx, time.Minute, func(ctx context.Context) error {
		select {
		case <-exited:
			return stopWaiting{fmt.Errorf("%s ended: %s\n%s", p.name, cmd.ProcessState, p.tail())}
		default:
		}
		_, err := get(ctx, p.ready)
		return err
	})
}

// kill ends the program as a crash would.
func (p *process) kill() { p.signal(os.Kill) }

// stop ends the program as an administrator would.
func (p *process) stop() { p.signal(os.Interrupt) }

func (p *process) signal(s os.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Signal(s)
	select {
	case <-p.exited:
	case <-time.After(15 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
	p.cmd = nil
}

func (p *process) logFile() string { return filepath.Join(p.dir, p.name+".log") }

// tail is the end of what the program printed.
func (p *process) tail() string {
	src, err := os.ReadFile(p.logFile())
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(src), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-15):], []byte("\n")))
}

// stopWaiting is an error that no waiting can mend.
type stopWaiting struct{ error }

// await asks until the answer is no error, at most for limit, and returns the
// last error then.
func await(ctx context.Context, limit time.Duration, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		if final := (stopWaiting{}); errors.As(err, &final) {
			return final.error
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("not within %s: %w", limit, last)
		}
	}
}

// freePorts returns ports of loopback that nobody listens on.
func freePorts(n int) ([]string, error) {
	var ports []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }() // all at once, so that none is given twice
		ports = append(ports, l.Addr().String()[strings.LastIndex(l.Addr().String(), ":")+1:])
	}
	return ports, nil
}

var client = &http.Client{Timeout: 30 * time.Second}
