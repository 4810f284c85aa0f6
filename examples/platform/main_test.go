package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

func TestRunServesUntilToldToStop(t *testing.T) {
	t.Setenv("PLATFORM_API_KEY", "test-key")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, []string{"-addr", "127.0.0.1:0"}, in, io.Discard)
		in.CloseWithError(err)
		done <- err
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !ok {
		t.Fatalf("first line = %q, want the address", line)
	}
	resp, err := http.Get(url + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("healthz = %s", resp.Status)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("run = %v after a stop, want nil", err)
	}
}

// What the platform tells administrators comes from its build alone.
func TestNoTelemetry(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range strings.Fields(string(out)) {
		if strings.Contains(path, "opentelemetry") || strings.Contains(path, "prometheus") || strings.Contains(path, "orchestrall") {
			t.Errorf("the platform imports %s", path)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	for _, test := range []struct {
		name, key string
		args      []string
		want      string
	}{
		{"no key", "", nil, "PLATFORM_API_KEY"},
		{"unknown flag", "k", []string{"-port"}, "not defined: -port"},
		{"bad address", "k", []string{"-addr", "nowhere:x"}, "listen"},
		{"bad database", "k", []string{"-db", t.TempDir()}, "create tables"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("PLATFORM_API_KEY", test.key)
			err := run(t.Context(), test.args, io.Discard, io.Discard)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error = %v, want one about %q", err, test.want)
			}
		})
	}
}
