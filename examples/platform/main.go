// Platform serves AI agents over HTTP: a small program of the kind that
// Orchestrall Trace is made for. It imports no telemetry.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"example.com/platform/agent"
	"example.com/platform/api"
	"example.com/platform/customers"
	"example.com/platform/model"
	"example.com/platform/tools"
)

// drain is how long requests may go on after the signal to stop.
const drain = 10 * time.Second

//orchestrall:main
func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		slog.Error("platform stopped", "error", err)
		os.Exit(1)
	}
}

// run serves until ctx ends, or asks one question.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 && args[0] == "ask" {
		return ask(ctx, args[1:], stdout, stderr)
	}
	flags := flag.NewFlagSet("platform", flag.ContinueOnError)
	flags.SetOutput(stderr)
	addr := flags.String("addr", "127.0.0.1:8080", "`address` to listen on; port 0 takes a free one")
	path := flags.String("db", ":memory:", "SQLite `file`")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	apiKey := os.Getenv("PLATFORM_API_KEY")
	if apiKey == "" {
		return errNoKey
	}
	return host(ctx, *addr, *path, apiKey, func(url string) { fmt.Fprintf(stdout, "listening on %s\n", url) })
}

var errNoKey = errors.New("PLATFORM_API_KEY is not set; callers must send its value as X-API-Key")

// host runs the platform until ctx ends, and calls ready with its address once
// it listens.
func host(ctx context.Context, addr, path, apiKey string, ready func(url string)) (err error) {
	repo, err := customers.Open(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, repo.Close()) }()
	agents := agent.NewService(
		[]tools.Tool{&tools.Lookup{DB: repo}, &tools.Risk{DB: repo}},
		&model.Offline{Name: "offline-1", PerToken: 2 * time.Millisecond},
		repo,
	)
	defer agents.Close()

	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	ready("http://" + listener.Addr().String())
	return serve(ctx, listener, api.New(agents, apiKey), agents.Events.Close)
}

// serve answers on listener until ctx ends, then lets open requests finish;
// stopping ends those that would go on for as long as their client likes.
func serve(ctx context.Context, listener net.Listener, handler http.Handler, stopping func()) error {
	srv := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	srv.RegisterOnShutdown(stopping)
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	slog.Info("shutting down", "reason", context.Cause(ctx))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		return fmt.Errorf("shut down: %w", err)
	}
	return nil
}
