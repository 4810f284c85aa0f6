package integration

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

const apiKey = "integration"

// buildPlatform builds the tool, and with it the example platform.
func buildPlatform(ctx context.Context, root, dir string) (string, error) {
	tool, binary := filepath.Join(dir, "orchestrall"), filepath.Join(dir, "platform")
	for _, step := range []struct {
		dir, name string
		args      []string
	}{
		{root, "go", []string{"build", "-o", tool, "./cmd/orchestrall"}},
		{filepath.Join(root, "examples", "platform"), tool, []string{"go", "build", "-o", binary, "."}},
	} {
		cmd := exec.CommandContext(ctx, step.name, step.args...)
		cmd.Dir = step.dir
		cmd.Env = append(os.Environ(), "GOWORK=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s %v: %w\n%s", step.name, step.args, err, out)
		}
	}
	return binary, nil
}

// platform returns the instrumented platform as a process of the stack. Its
// calls wait for a locked database instead of failing.
func (s *stack) service(binary, service, metrics, logs string, env ...string) *process {
	_, port, _ := net.SplitHostPort(s.ports[metrics])
	address := s.ports[service+":8080"]
	return &process{
		name: service, path: binary, dir: s.dir, ready: "http://" + address + "/healthz",
		args: []string{"-addr", address, "-db", "file:" + s.database(service) + "?_pragma=busy_timeout(600000)"},
		env: append([]string{
			"PLATFORM_API_KEY=" + apiKey, "OTEL_SERVICE_NAME=" + service, "PROMETHEUS_PORT=" + port, "LOG_LEVEL=debug",
			"OTEL_EXPORTER_OTLP_ENDPOINT=" + s.url("collector:4318"), "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=" + logs,
			"OTEL_BSP_SCHEDULE_DELAY=1000",
		}, env...),
	}
}

func (s *stack) database(service string) string { return filepath.Join(s.dir, service+".db") }

// A request is one that the platform is sent.
type request struct {
	agent, input, user string
}

// A reply is what came back, and how long that took.
type reply struct {
	id     string // of the request, on its spans and log lines
	status int
	body   string
	took   time.Duration
}

// ask sends a request and returns an error only where no answer came.
func (s *stack) ask(ctx context.Context, service string, r request) (reply, error) {
	body, err := json.Marshal(map[string]any{"agentType": r.agent, "input": r.input, "context": map[string]string{"userId": r.user}})
	if err != nil {
		return reply{}, err
	}
	out := reply{id: "it_" + rand.Text()[:16]}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url(service+":8080")+"/api/v2/agents/execute", bytes.NewReader(body))
	if err != nil {
		return out, err
	}
	req.Header.Set("X-API-Key", apiKey)
	req.Header.Set("X-Request-ID", out.id)
	began := time.Now()
	res, err := patient.Do(req)
	if err != nil {
		return out, err
	}
	defer res.Body.Close()
	out.status, out.took = res.StatusCode, time.Since(began)
	answer, err := io.ReadAll(res.Body)
	out.body = string(answer)
	return out, err
}

// patient waits for answers that a locked database holds back.
var patient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}

// A load sends requests until it is stopped, and keeps count of the answers.
type load struct {
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu      sync.Mutex
	replies int
	wrong   []string
	slowest time.Duration
}

// newLoad sends r again and again, with every between two; an answer with
// another status than want is wrong.
func (s *stack) newLoad(ctx context.Context, service string, r request, want int, every time.Duration) *load {
	ctx, cancel := context.WithCancel(ctx)
	l := &load{cancel: cancel}
	l.done.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for ctx.Err() == nil {
			answer, err := s.ask(ctx, service, r)
			if ctx.Err() != nil {
				return
			}
			l.mu.Lock()
			l.replies++
			l.slowest = max(l.slowest, answer.took)
			if err != nil {
				l.wrong = append(l.wrong, err.Error())
			} else if answer.status != want {
				l.wrong = append(l.wrong, fmt.Sprintf("%d, want %d: %.200s", answer.status, want, answer.body))
			}
			l.mu.Unlock()
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	})
	return l
}

// stop ends the load and returns how many answers there were, and the wrong ones.
func (l *load) stop() (int, []string) {
	l.cancel()
	l.done.Wait()
	return l.sofar()
}

func (l *load) sofar() (int, []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.replies, append([]string(nil), l.wrong...)
}
