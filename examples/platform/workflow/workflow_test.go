package workflow

import (
	"context"
	"errors"
	"strings"
	"testing"

	"example.com/platform/customers"
	"example.com/platform/model"
	"example.com/platform/tools"
)

type toolFunc func(context.Context, string) (tools.Fact, error)

func (toolFunc) Name() string { return "test" }

func (f toolFunc) Call(ctx context.Context, id string) (tools.Fact, error) { return f(ctx, id) }

func says(text string) tools.Tool {
	return toolFunc(func(context.Context, string) (tools.Fact, error) { return tools.Fact{Tool: "test", Text: text}, nil })
}

type journal struct{ runs []customers.Run }

func (j *journal) Record(_ context.Context, run customers.Run) error {
	j.runs = append(j.runs, run)
	return nil
}

func TestRun(t *testing.T) {
	j := &journal{}
	s := &Service{Tools: []tools.Tool{says("pays late"), says("is large")}, Model: &model.Offline{}, Journal: j}
	run := &Run{ExecutionID: "run_1", Text: "Onboard cus_acme, please"}
	if err := s.Run(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	if run.CustomerID != "cus_acme" || !strings.HasSuffix(run.Answer.Text, "pays late. is large.") {
		t.Errorf("run = %+v", run)
	}
	if len(j.runs) != 1 || j.runs[0].ExecutionID != "run_1" {
		t.Errorf("journal = %+v, want one line for run_1", j.runs)
	}
}

func TestRunStopsAtTheFirstFailingStep(t *testing.T) {
	j := &journal{}
	s := &Service{Model: &model.Offline{}, Journal: j}
	err := s.Run(t.Context(), &Run{Text: "Onboard somebody"})
	if !errors.Is(err, ErrNoCustomer) || !strings.HasPrefix(err.Error(), "step validate: ") {
		t.Errorf("error = %v, want ErrNoCustomer from step validate", err)
	}
	if len(j.runs) != 0 {
		t.Errorf("a failed run was recorded as finished: %+v", j.runs)
	}
}

func TestGatherReportsTheFirstFailureAndEndsTheRest(t *testing.T) {
	failure := errors.New("no connection")
	fails := toolFunc(func(context.Context, string) (tools.Fact, error) { return tools.Fact{}, failure })
	waits := toolFunc(func(ctx context.Context, _ string) (tools.Fact, error) {
		<-ctx.Done()
		return tools.Fact{}, ctx.Err()
	})
	if _, err := Gather(t.Context(), []tools.Tool{waits, fails}, "cus_acme"); !errors.Is(err, failure) {
		t.Errorf("error = %v, want %v", err, failure)
	}
}
