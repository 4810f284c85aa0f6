// Package workflow runs the onboarding of a customer: validate, process, finalize.
package workflow

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"example.com/platform/customers"
	"example.com/platform/events"
	"example.com/platform/model"
	"example.com/platform/tools"
)

// ErrNoCustomer means that the input of a run names no customer.
var ErrNoCustomer = errors.New("the input names no customer (such as cus_acme)")

// A Run is one passage through the steps. The steps fill in what they find.
type Run struct {
	ExecutionID, AgentType, UserID string
	Text                           string
	CustomerID                     string
	Facts                          []tools.Fact
	Answer                         model.Completion
}

// A Step is one part of a workflow.
type Step struct {
	Name string
	Do   func(context.Context, *Run) error
}

// Completer writes answers.
type Completer interface {
	Complete(context.Context, model.Prompt) (model.Completion, error)
}

// Journal keeps a line about each finished run.
type Journal interface {
	Record(context.Context, customers.Run) error
}

// Service runs workflows.
type Service struct {
	Tools   []tools.Tool
	Model   Completer
	Journal Journal
	Events  *events.Hub // may be nil
}

// Run takes run through all steps and stops at the first that fails.
//
//orchestrall:trace kind=workflow ctx.executionId=run.ExecutionID
func (s *Service) Run(ctx context.Context, run *Run) error {
	for _, step := range []Step{
		{"validate", s.validate},
		{"process", s.process},
		{"finalize", s.finalize},
	} {
		if err := s.step(ctx, step, run); err != nil {
			return fmt.Errorf("step %s: %w", step.Name, err)
		}
	}
	return nil
}

//orchestrall:trace kind=step name="step {step.Name}" label.step=step.Name
func (s *Service) step(ctx context.Context, step Step, run *Run) error {
	s.Events.Publish(events.Event{
		Type: events.Step, Step: step.Name, ExecutionID: run.ExecutionID, AgentType: run.AgentType, UserID: run.UserID,
	})
	return step.Do(ctx, run)
}

func (s *Service) validate(_ context.Context, run *Run) error {
	id, err := CustomerID(run.Text)
	if err != nil {
		return err
	}
	run.CustomerID = id
	return nil
}

func (s *Service) process(ctx context.Context, run *Run) error {
	facts, err := Gather(ctx, s.Tools, run.CustomerID)
	if err != nil {
		return err
	}
	run.Facts = facts
	prompt := model.Prompt{Text: run.Text}
	for _, fact := range facts {
		prompt.Facts = append(prompt.Facts, fact.Text)
	}
	run.Answer, err = s.Model.Complete(ctx, prompt)
	return err
}

func (s *Service) finalize(ctx context.Context, run *Run) error {
	return s.Journal.Record(ctx, customers.Run{
		ExecutionID: run.ExecutionID, AgentType: run.AgentType, UserID: run.UserID,
		Outcome: "success", Finished: time.Now(),
	})
}

// Gather calls all tools at once, each on its own goroutine, and returns their
// facts in the order of the tools. The first failure ends the others.
func Gather(ctx context.Context, all []tools.Tool, customerID string) ([]tools.Fact, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	facts, errs := make([]tools.Fact, len(all)), make([]error, len(all))
	for i, tool := range all {
		wg.Go(func() {
			if facts[i], errs[i] = tool.Call(ctx, customerID); errs[i] != nil {
				cancel(errs[i])
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return facts, nil
}

var customerID = regexp.MustCompile(`\bcus_[a-z0-9]+\b`)

// CustomerID returns the first customer id that text mentions.
func CustomerID(text string) (string, error) {
	if id := customerID.FindString(text); id != "" {
		return id, nil
	}
	return "", ErrNoCustomer
}
