package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"
)

// A platform is the example as a running process.
type platform struct {
	binary string
	cmd    *exec.Cmd
	cancel context.CancelFunc
	url    string
	key    string
	log    *capture
	asked  *capture // standard error of the processes that ask
	client http.Client
}

// capture is a standard error that may be read while it is written.
type capture struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (c *capture) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buf.Write(p)
}

// String is what has been written so far.
func (c *capture) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buf.String()
}

func (p *platform) errors() string { return p.log.String() }

// launch starts the platform on free ports of loopback and waits until it listens.
func launch(ctx context.Context, binary string) (*platform, error) {
	ctx, cancel := context.WithCancel(ctx)
	p := &platform{binary: binary, key: rand.Text(), log: &capture{}, asked: &capture{}, cancel: cancel, client: http.Client{Timeout: 30 * time.Second}}
	p.cmd = exec.CommandContext(ctx, binary, "-addr", "127.0.0.1:0")
	p.cmd.Env = p.environment()
	p.cmd.Stderr = p.log
	gently(p.cmd)
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		cancel()
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !ok {
		p.kill()
		return nil, fmt.Errorf("the platform did not start: %w\n%s", err, p.errors())
	}
	p.url = url
	return p, nil
}

func (p *platform) environment() []string {
	return append(ownEnvironment(), "PLATFORM_API_KEY="+p.key, "OTEL_EXPORTER=console", "PROMETHEUS_PORT=0")
}

// ownEnvironment leaves out what would send the demo's telemetry elsewhere.
func ownEnvironment() []string {
	var env []string
	for _, entry := range os.Environ() {
		key, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(key, "OTEL_") && key != "LOG_LEVEL" && key != "PROMETHEUS_PORT" {
			env = append(env, entry)
		}
	}
	return env
}

// An answer is what a client got for a request.
type answer struct {
	request
	status int
	body   string
	took   time.Duration
}

func (p *platform) send(ctx context.Context, r request) (answer, error) {
	body, err := json.Marshal(map[string]any{
		"agentType": r.agent, "input": r.input, "context": map[string]string{"userId": userID},
	})
	if err != nil {
		return answer{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+r.path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Request-ID", r.id())
	if !r.stranger {
		req.Header.Set("X-API-Key", p.key)
	}
	begun := time.Now()
	resp, err := p.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return answer{r, resp.StatusCode, string(text), time.Since(begun)}, err
}

// ask puts a question with the client SDK, as a process of its own that hosts
// client and platform, so that one tree has both ends of every connection.
func (p *platform) ask(ctx context.Context, r request) (answer, error) {
	cmd := exec.CommandContext(ctx, p.binary, "ask", "-over", r.over, "-agent", r.agent, "-user", userID, "-request", r.id(), r.input)
	cmd.Env = p.environment()
	cmd.Stderr = p.asked
	gently(cmd)
	begun := time.Now()
	text, err := cmd.Output()
	return answer{r, http.StatusOK, string(text), time.Since(begun)}, err
}

// metrics reads the metrics where the log says that they are.
func (p *platform) metrics(ctx context.Context) (string, error) {
	url := ""
	for line := range strings.Lines(p.errors()) {
		var entry struct {
			Message  string
			Metadata struct{ URL string }
		}
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Message == "metrics are served" {
			url = entry.Metadata.URL
		}
	}
	if url == "" {
		return "", errors.New("the log does not say where they are")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	return string(text), err
}

// stop asks the platform to end and waits: what is still queued comes out then.
func (p *platform) stop(ctx context.Context) error {
	p.client.CloseIdleConnections()
	if runtime.GOOS == "windows" {
		// Nothing but a kill is to be had there; give the last tree time to come out.
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
		p.kill()
		return nil
	}
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	return p.cmd.Wait()
}

// kill ends the process however it can; after stop it does nothing.
func (p *platform) kill() {
	p.cancel()
	_ = p.cmd.Wait() // it was told to end; how it did is not asked
}
