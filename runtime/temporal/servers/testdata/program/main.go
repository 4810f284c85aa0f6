// Command program orders through the Temporal server at the address, and in the
// namespace, that it is given.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// service holds what its handlers need.
type service struct {
	client.Client
	queue string
}

func newService(options client.Options) (*service, error) {
	dial := client.Dial
	c, err := dial(options)
	return &service{c, "orders"}, err
}

func main() {
	s, err := newService(client.Options{HostPort: os.Args[1], Namespace: os.Args[2]})
	check(err)
	defer s.Close()
	w := worker.New(s.Client, s.queue, worker.Options{})
	w.RegisterWorkflow(order)
	w.RegisterWorkflow(ship)
	w.RegisterActivity(&activities{})
	check(w.Start())
	defer w.Stop()
	check(s.place(context.Background(), "my secret"))
}

//orchestrall:trace kind=agent
func (s *service) place(ctx context.Context, id string) error {
	run, err := s.ExecuteWorkflow(ctx, client.StartWorkflowOptions{TaskQueue: s.queue}, order, id)
	if err != nil {
		return err
	}
	if err := s.SignalWorkflow(ctx, run.GetID(), run.GetRunID(), "approve", true); err != nil {
		return err
	}
	return run.Get(ctx, nil)
}

func order(ctx workflow.Context, id string) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute, RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Millisecond, MaximumAttempts: 2},
	})
	workflow.GetSignalChannel(ctx, "approve").Receive(ctx, nil)
	var a *activities
	if err := workflow.ExecuteActivity(ctx, a.Charge, id).Get(ctx, nil); err != nil {
		return err
	}
	return workflow.ExecuteChildWorkflow(ctx, ship, id).Get(ctx, nil)
}

func ship(ctx workflow.Context, id string) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	var a *activities
	return workflow.ExecuteActivity(ctx, a.Pack, id).Get(ctx, nil)
}

type activities struct{}

// Charge works when it is tried again.
func (*activities) Charge(ctx context.Context, id string) error {
	if activity.GetInfo(ctx).Attempt == 1 {
		return errors.New("the card is busy")
	}
	return write(ctx, id)
}

// Pack packs.
func (*activities) Pack(ctx context.Context, id string) error { return write(ctx, id) }

//orchestrall:trace kind=step
func write(context.Context, string) error { return nil }

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
