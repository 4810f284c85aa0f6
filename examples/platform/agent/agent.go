// Package agent runs agents: it turns a request in plain words into calls of
// tools, workflows and the model.
package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"time"

	"example.com/platform/customers"
	"example.com/platform/events"
	"example.com/platform/model"
	"example.com/platform/tools"
	"example.com/platform/workflow"
)

// ErrUnknownType means that no agent of the wanted type exists.
var ErrUnknownType = errors.New("unknown agent type")

// Input is one request to an agent.
type Input struct {
	AgentType string
	Text      string
	UserID    string
}

// Result is what an agent answers.
type Result struct {
	ExecutionID string
	Output      string
	Tools       []string
	Tokens      int
}

// Used lists the tools that the agent called. A missing result used none.
func (r *Result) Used() string {
	if r == nil {
		return ""
	}
	return strings.Join(r.Tools, ",")
}

// An Event is one piece of a streamed answer.
type Event struct {
	Type string `json:"type"` // "fact" or "token"
	Text string `json:"text"`
}

// AgentService runs the agents "crm", which answers questions about a
// customer, and "onboarding", which takes a customer through a workflow.
type AgentService struct {
	// Events tells what executions are doing.
	Events events.Hub

	tools      []tools.Tool
	model      *model.Offline
	workflows  *workflow.Service
	journal    workflow.Journal
	background sync.WaitGroup
}

// NewService returns a service whose agents use the given parts.
func NewService(all []tools.Tool, m *model.Offline, journal workflow.Journal) *AgentService {
	s := &AgentService{tools: all, model: m, journal: journal}
	s.workflows = &workflow.Service{Tools: all, Model: m, Journal: journal, Events: &s.Events}
	return s
}

// Types lists the agents that [AgentService.Execute] runs.
func (*AgentService) Types() []string { return []string{"crm", "onboarding"} }

// Execute runs the agent that in asks for, and returns its whole answer.
//
//orchestrall:trace kind=agent slow=300ms hang=30s ignore=ErrUnknownType,context.Canceled
//orchestrall:ctx userId=in.UserID
//orchestrall:attr agent.tools=result.Used()
//orchestrall:label agent_type=in.AgentType
func (s *AgentService) Execute(ctx context.Context, in Input) (*Result, error) {
	e := events.Event{Type: events.Started, ExecutionID: newID(), AgentType: in.AgentType, UserID: in.UserID}
	s.Events.Publish(e)
	result, err := s.execute(ctx, e.ExecutionID, in)
	if e.Type = events.Finished; err != nil {
		e.Type, e.Error = events.Failed, err.Error()
	}
	s.Events.Publish(e)
	return result, err
}

func (s *AgentService) execute(ctx context.Context, executionID string, in Input) (*Result, error) {
	switch in.AgentType {
	case "crm":
		return s.crm(ctx, executionID, in)
	case "onboarding":
		run := &workflow.Run{ExecutionID: executionID, AgentType: in.AgentType, UserID: in.UserID, Text: in.Text}
		if err := s.workflows.Run(ctx, run); err != nil {
			return nil, fmt.Errorf("onboarding: %w", err)
		}
		return newResult(executionID, run.Facts, run.Answer), nil
	default:
		return nil, fmt.Errorf("%w %q", ErrUnknownType, in.AgentType)
	}
}

func (s *AgentService) crm(ctx context.Context, executionID string, in Input) (*Result, error) {
	prompt, facts, err := s.ask(ctx, in)
	if err != nil {
		s.record(ctx, executionID, in, "failed")
		return nil, fmt.Errorf("crm: %w", err)
	}
	slog.InfoContext(ctx, "facts gathered", "facts", len(facts), "detailed", prompt.Detailed)
	answer, err := s.model.Complete(ctx, prompt)
	if err != nil {
		return nil, fmt.Errorf("crm: %w", err)
	}
	s.record(ctx, executionID, in, "success")
	return newResult(executionID, facts, answer), nil
}

// Stream runs the agent "crm" and yields what it finds and says as it comes.
//
//orchestrall:trace kind=agent ctx.userId=in.UserID label.agent_type=in.AgentType
func (s *AgentService) Stream(ctx context.Context, in Input) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if in.AgentType != "crm" {
			yield(Event{}, fmt.Errorf("%w %q for streaming", ErrUnknownType, in.AgentType))
			return
		}
		prompt, facts, err := s.ask(ctx, in)
		if err != nil {
			yield(Event{}, fmt.Errorf("crm: %w", err))
			return
		}
		for _, fact := range facts {
			if !yield(Event{"fact", fact.Text}, nil) {
				return
			}
		}
		for word, err := range s.model.Stream(ctx, prompt) {
			if !yield(Event{"token", word}, err) || err != nil {
				return
			}
		}
	}
}

// ask gathers the facts for in and makes a prompt of them.
func (s *AgentService) ask(ctx context.Context, in Input) (model.Prompt, []tools.Fact, error) {
	id, err := workflow.CustomerID(in.Text)
	if err != nil {
		return model.Prompt{}, nil, err
	}
	facts, err := workflow.Gather(ctx, s.tools, id)
	if err != nil {
		return model.Prompt{}, nil, err
	}
	prompt := model.Prompt{Text: in.Text, Detailed: strings.Contains(in.Text, "detailed")}
	for _, fact := range facts {
		prompt.Facts = append(prompt.Facts, fact.Text)
	}
	return prompt, facts, nil
}

// record writes the journal behind the caller's back: an answer need not wait
// for it, and a caller that goes away does not stop it.
func (s *AgentService) record(ctx context.Context, executionID string, in Input, outcome string) {
	ctx = context.WithoutCancel(ctx)
	s.background.Go(func() {
		run := customers.Run{
			ExecutionID: executionID, AgentType: in.AgentType, UserID: in.UserID,
			Outcome: outcome, Finished: time.Now(),
		}
		if err := s.journal.Record(ctx, run); err != nil {
			slog.ErrorContext(ctx, "run not recorded", "error", err)
		}
	})
}

// Close ends the event stream and waits for what still runs in the background.
// No call may follow it.
func (s *AgentService) Close() {
	s.Events.Close()
	s.background.Wait()
}

func newResult(executionID string, facts []tools.Fact, answer model.Completion) *Result {
	r := &Result{ExecutionID: executionID, Output: answer.Text, Tokens: answer.Tokens}
	for _, fact := range facts {
		r.Tools = append(r.Tools, fact.Tool)
	}
	return r
}

func newID() string {
	return "run_" + rand.Text()[:12]
}
