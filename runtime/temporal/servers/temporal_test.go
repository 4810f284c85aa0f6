// Package servers holds the tests of the Temporal hook.
package servers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	sdktemporal "go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"go.temporal.io/server/temporaltest"

	"github.com/orchestrall/orchestrall/runtime/internal/pinned"
	"github.com/orchestrall/orchestrall/runtime/internal/spantest"
	"github.com/orchestrall/orchestrall/runtime/temporal"
)

const queue = "orders"

// reached says that an order waits for its approval.
var reached = make(chan bool, 1)

// order charges, which succeeds when it is tried again, ships in a child
// workflow, and waits until somebody approves.
func order(ctx workflow.Context, id string) (string, error) {
	state := "charging"
	if err := workflow.SetQueryHandler(ctx, "state", func() (string, error) { return state, nil }); err != nil {
		return "", err
	}
	soon := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute, RetryPolicy: &sdktemporal.RetryPolicy{InitialInterval: time.Millisecond, MaximumAttempts: 2},
	})
	if err := workflow.ExecuteActivity(soon, charge, id).Get(ctx, nil); err != nil {
		return "", err
	}
	state = "shipping"
	if err := workflow.ExecuteChildWorkflow(ctx, ship, id).Get(ctx, nil); err != nil {
		return "", err
	}
	state = "waiting"
	if !workflow.IsReplaying(ctx) {
		reached <- true
	}
	by := ""
	workflow.GetSignalChannel(ctx, "approve").Receive(ctx, &by)
	err := workflow.ExecuteActivity(soon, bill, id).Get(ctx, nil)
	return "approved by " + by, err
}

func ship(ctx workflow.Context, id string) error {
	soon := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	return workflow.ExecuteActivity(soon, pack, id).Get(ctx, nil)
}

func charge(ctx context.Context, _ string) error {
	if activity.GetInfo(ctx).Attempt == 1 {
		return errors.New("the card is busy")
	}
	return nil
}

func pack(context.Context, string) error { return nil }
func bill(context.Context, string) error { return nil }

// again goes on in another run, once.
func again(ctx workflow.Context, last bool) error {
	if last {
		return nil
	}
	return workflow.NewContinueAsNewError(ctx, again, true)
}

// The provider that bootstrap installs makes ids in this way.
var ids = sdk.WithIDGenerator(pinned.Generator{})

func options(server *temporaltest.TestServer) client.Options {
	return client.Options{
		HostPort: server.GetFrontendHostPort(), Namespace: server.GetDefaultNamespace(),
		Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	}
}

// dial makes a client, and a worker of it that works until it is stopped.
func dial(t *testing.T, server *temporaltest.TestServer) (client.Client, func()) {
	t.Helper()
	c, err := temporal.Dial(options(server))
	if err != nil {
		t.Fatal(err)
	}
	w := worker.New(c, queue, worker.Options{})
	for _, f := range []any{order, ship, again} {
		w.RegisterWorkflow(f)
	}
	for _, f := range []any{charge, pack, bill} {
		w.RegisterActivity(f)
	}
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	return c, sync.OnceFunc(func() { w.Stop(); c.Close() })
}

// holds compares the trace below a span, a line for each span and indented by
// two spaces below the parent, with what is wanted.
func holds(t *testing.T, rec *tracetest.SpanRecorder, root trace.SpanContext, want string) {
	t.Helper()
	all := rec.Ended()
	slices.SortStableFunc(all, func(a, b sdk.ReadOnlySpan) int { return a.StartTime().Compare(b.StartTime()) })
	var got strings.Builder
	var below func(trace.SpanContext, string)
	below = func(parent trace.SpanContext, indent string) {
		for _, s := range all {
			if s.Parent().SpanID() == parent.SpanID() && s.SpanContext().TraceID() == parent.TraceID() {
				fmt.Fprintln(&got, indent+s.Name(), strings.ReplaceAll(s.Status().Code.String(), "Unset", ""))
				below(s.SpanContext(), indent+"  ")
			}
		}
	}
	below(root, "")
	if got := strings.ReplaceAll(got.String(), " \n", "\n"); got != strings.TrimPrefix(want, "\n") {
		t.Errorf("got\n%swant%s", got, want)
	}
	for _, s := range all {
		for _, kv := range s.Attributes() {
			if strings.Contains(kv.Value.Emit(), "secret") {
				t.Errorf("%s tells %s=%s", s.Name(), kv.Key, kv.Value.Emit())
			}
		}
	}
}

// forgotten starts an order, has another worker go on with it, and waits until
// it is done.
func forgotten(ctx context.Context, t *testing.T, server *temporaltest.TestServer, from func(client.Client) client.Client, id string) {
	t.Helper()
	c, stop := dial(t, server)
	defer func() { stop() }()
	run, err := from(c).ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: id, TaskQueue: queue}, order, "my secret")
	if err != nil {
		t.Fatal(err)
	}
	asked := func() {
		t.Helper()
		state := ""
		v, err := c.QueryWorkflow(t.Context(), id, run.GetRunID(), "state")
		if err == nil {
			err = v.Get(&state)
		}
		if err != nil || state != "waiting" {
			t.Fatal(state, err)
		}
	}
	restart := func() {
		stop()
		c, stop = dial(t, server)
	}
	<-reached
	asked() // and so the worker has nothing to do when it is stopped
	restart()
	asked()
	if err := from(c).SignalWorkflow(ctx, id, "", "approve", "Ada"); err != nil {
		t.Fatal(err)
	}
	result := ""
	if err := c.GetWorkflow(t.Context(), id, run.GetRunID()).Get(t.Context(), &result); err != nil || result != "approved by Ada" {
		t.Fatal(result, err)
	}
	restart()
	asked() // replays what is done
}

func TestTemporal(t *testing.T) {
	server := temporaltest.NewServer()
	t.Cleanup(server.Stop)

	t.Run("one trace on several workers", func(t *testing.T) {
		rec := spantest.Record(t, ids)
		ctx, span := otel.Tracer("test").Start(t.Context(), "request")
		forgotten(ctx, t, server, func(c client.Client) client.Client { return c }, "one")
		holds(t, rec, span.SpanContext(), `
StartWorkflow:order
  RunWorkflow:order
    StartActivity:charge
      RunActivity:charge Error
      RunActivity:charge
    StartChildWorkflow:ship
      RunWorkflow:ship
        StartActivity:pack
          RunActivity:pack
    StartActivity:bill
      RunActivity:bill
SignalWorkflow:approve
  HandleSignal:approve
`)
	})

	t.Run("started by others", func(t *testing.T) {
		rec := spantest.Record(t, ids)
		other, err := client.Dial(options(server))
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		forgotten(t.Context(), t, server, func(client.Client) client.Client { return other }, "two")
		var roots []sdk.ReadOnlySpan
		for _, s := range rec.Ended() {
			if s.Name() == "RunWorkflow:order" {
				roots = append(roots, s)
			}
		}
		if len(roots) != 1 || roots[0].Parent().IsValid() {
			t.Fatalf("the workflow has %d spans", len(roots))
		}
		holds(t, rec, roots[0].SpanContext(), `
StartActivity:charge
  RunActivity:charge Error
  RunActivity:charge
StartChildWorkflow:ship
  RunWorkflow:ship
    StartActivity:pack
      RunActivity:pack
StartActivity:bill
  RunActivity:bill
`)
	})

	t.Run("queries", func(t *testing.T) {
		rec := spantest.Record(t, ids)
		c, stop := dial(t, server)
		defer stop()
		run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: queue}, order, "my secret")
		if err != nil {
			t.Fatal(err)
		}
		<-reached
		ctx, span := otel.Tracer("test").Start(t.Context(), "request")
		if _, err := c.QueryWorkflow(ctx, run.GetID(), "", "state"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.QueryWorkflow(ctx, run.GetID(), "", "price"); err == nil {
			t.Fatal("answered")
		}
		holds(t, rec, span.SpanContext(), `
QueryWorkflow:state
  HandleQuery:state
QueryWorkflow:price Error
`)
		if err := c.TerminateWorkflow(t.Context(), run.GetID(), "", "asked enough"); err != nil {
			t.Fatal(err)
		}
	})

	t.Run("continued", func(t *testing.T) {
		rec := spantest.Record(t, ids)
		c, stop := dial(t, server)
		defer stop()
		ctx, span := otel.Tracer("test").Start(t.Context(), "request")
		run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{TaskQueue: queue}, again, false)
		if err != nil {
			t.Fatal(err)
		}
		if err := run.Get(ctx, nil); err != nil {
			t.Fatal(err)
		}
		holds(t, rec, span.SpanContext(), `
StartWorkflow:again
  RunWorkflow:again
    RunWorkflow:again
`)
	})

	// A provider of the program's own makes ids of its own.
	t.Run("other providers", func(t *testing.T) {
		rec := spantest.Record(t)
		c, stop := dial(t, server)
		defer stop()
		ctx, span := otel.Tracer("test").Start(t.Context(), "request")
		run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{TaskQueue: queue}, ship, "my secret")
		if err != nil {
			t.Fatal(err)
		}
		if err := run.Get(ctx, nil); err != nil {
			t.Fatal(err)
		}
		holds(t, rec, span.SpanContext(), `
StartWorkflow:ship
  RunWorkflow:ship
    StartActivity:pack
      RunActivity:pack
`)
	})
}
