package redis_test

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/orchestrall/orchestrall/runtime/redis"
)

// server starts a Redis server and returns its socket.
func server(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("ORCHESTRALL_REQUIRE_SERVERS") != "" {
			t.Fatal(err)
		}
		t.Skip("redis-server is not installed (Debian: redis-server)")
	}
	dir, err := os.MkdirTemp("", "redis") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	cmd := exec.Command(program, "--port", "0", "--unixsocket", socket, "--save", "", "--dir", dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.Contains(lines.Text(), "accept connections at") || strings.Contains(lines.Text(), "accept connections unix") {
			return socket
		}
	}
	t.Fatal("redis-server ended before it was ready")
	return ""
}

func recorder(t *testing.T) *tracetest.SpanRecorder {
	rec := tracetest.NewSpanRecorder()
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(sdk.NewTracerProvider(sdk.WithSpanProcessor(rec)))
	t.Cleanup(func() { otel.SetTracerProvider(before) })
	return rec
}

func TestCommandsAreChildrenOfTheirCaller(t *testing.T) {
	socket, rec := server(t), recorder(t)
	node := func(opt *goredis.Options) *goredis.Client {
		opt.Network = "unix"
		return redis.NewClient(opt)
	}
	for name, client := range map[string]goredis.UniversalClient{
		"client":    redis.NewClient(&goredis.Options{Addr: socket}),
		"universal": redis.NewUniversalClient(&goredis.UniversalOptions{Addrs: []string{socket}}),
		"ring":      redis.NewRing(&goredis.RingOptions{Addrs: map[string]string{"one": socket}, NewClient: node}),
	} {
		t.Run(name, func(t *testing.T) { works(t, rec, client) })
	}
}

func TestErrorsStandOnTheSpan(t *testing.T) {
	rec := recorder(t)
	client := redis.NewClient(&goredis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	defer client.Close()
	if err := client.Ping(t.Context()).Err(); err == nil {
		t.Fatal("port 1 answers")
	}
	failed := slices.ContainsFunc(rec.Ended(), func(s sdk.ReadOnlySpan) bool {
		return s.Name() == "ping" && s.Status().Code == codes.Error
	})
	if !failed {
		t.Error("no failed span of the command")
	}
}

func works(t *testing.T, rec *tracetest.SpanRecorder, client goredis.UniversalClient) {
	defer client.Close()
	rec.Reset()
	ctx, parent := otel.Tracer("test").Start(t.Context(), "request")
	if err := client.Set(ctx, "card", "4111-1111", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if got, err := client.Get(ctx, "card").Result(); err != nil || got != "4111-1111" {
		t.Fatalf("got %q, %v", got, err)
	}
	if err := client.Get(ctx, "nothing").Err(); !errors.Is(err, goredis.Nil) {
		t.Fatalf("a missing key is %v", err)
	}
	if _, err := client.Pipelined(ctx, func(p goredis.Pipeliner) error {
		p.Incr(ctx, "n")
		p.Incr(ctx, "n")
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	parent.End()

	var names []string
	for _, span := range rec.Ended() {
		if span.SpanContext().TraceID() != parent.SpanContext().TraceID() {
			t.Errorf("%s is in another trace", span.Name())
		}
		if span.Status().Code == codes.Error {
			t.Errorf("%s failed: %s", span.Name(), span.Status().Description)
		}
		for _, kv := range span.Attributes() {
			if strings.Contains(kv.Value.Emit(), "4111") {
				t.Errorf("%s tells %s=%s", span.Name(), kv.Key, kv.Value.Emit())
			}
		}
		if span.SpanKind() == trace.SpanKindClient && span.Name() != "redis.dial" {
			names = append(names, span.Name())
		}
	}
	slices.Sort(names)
	// Once each: get is called twice. What the client says when it connects
	// (hello) comes with the first command.
	names = slices.DeleteFunc(names, func(s string) bool { return strings.Contains(s, "hello") || strings.Contains(s, "setinfo") })
	if want := []string{"get", "get", "redis.pipeline incr", "set"}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
}

func TestEveryConstructorReturnsItsClient(t *testing.T) {
	for name, client := range map[string]goredis.UniversalClient{
		"failover":         redis.NewFailoverClient(&goredis.FailoverOptions{MasterName: "m", SentinelAddrs: []string{"127.0.0.1:1"}}),
		"cluster":          redis.NewClusterClient(&goredis.ClusterOptions{Addrs: []string{"127.0.0.1:1"}}),
		"failover cluster": redis.NewFailoverClusterClient(&goredis.FailoverOptions{MasterName: "m", SentinelAddrs: []string{"127.0.0.1:1"}}),
	} {
		if client == nil {
			t.Errorf("%s: nil", name)
			continue
		}
		if err := client.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
