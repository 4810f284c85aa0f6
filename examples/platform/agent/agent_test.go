package agent

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"example.com/platform/customers"
	"example.com/platform/model"
	"example.com/platform/tools"
	"example.com/platform/workflow"
)

func newTestService(t *testing.T) (*AgentService, *customers.Repository) {
	t.Helper()
	repo, err := customers.Open(t.Context(), ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	s := NewService([]tools.Tool{&tools.Lookup{DB: repo}, &tools.Risk{DB: repo}}, &model.Offline{}, repo)
	t.Cleanup(func() {
		s.Close()
		repo.Close()
	})
	return s, repo
}

func TestExecute(t *testing.T) {
	s, repo := newTestService(t)
	for _, agentType := range []string{"crm", "onboarding"} {
		result, err := s.Execute(t.Context(), Input{AgentType: agentType, Text: "Tell me about cus_acme", UserID: "user_123"})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(result.Output, "Acme Freight") || result.Used() != "customer.lookup,risk.score" {
			t.Errorf("%s: result = %+v", agentType, result)
		}
	}
	s.Close()
	if n, err := repo.Runs(t.Context()); n != 2 || err != nil {
		t.Errorf("the journal has %d runs, %v; want 2", n, err)
	}
}

func TestExecuteFails(t *testing.T) {
	s, _ := newTestService(t)
	for _, test := range []struct {
		in   Input
		want error
	}{
		{Input{AgentType: "poet", Text: "cus_acme"}, ErrUnknownType},
		{Input{AgentType: "crm", Text: "nobody"}, workflow.ErrNoCustomer},
		{Input{AgentType: "onboarding", Text: "nobody"}, workflow.ErrNoCustomer},
		{Input{AgentType: "crm", Text: "cus_nobody"}, customers.ErrNotFound},
	} {
		if result, err := s.Execute(t.Context(), test.in); !errors.Is(err, test.want) || result.Used() != "" {
			t.Errorf("Execute(%+v) = %v, %v; want %v", test.in, result, err, test.want)
		}
	}
}

func TestStream(t *testing.T) {
	s, _ := newTestService(t)
	var types []string
	for event, err := range s.Stream(t.Context(), Input{AgentType: "crm", Text: "cus_borealis"}) {
		if err != nil {
			t.Fatal(err)
		}
		types = append(types, event.Type)
	}
	if got := slices.Compact(types); !slices.Equal(got, []string{"fact", "token"}) {
		t.Errorf("events came as %v, want facts, then tokens", got)
	}
	for _, err := range s.Stream(t.Context(), Input{AgentType: "poet"}) {
		if !errors.Is(err, ErrUnknownType) {
			t.Errorf("error = %v, want %v", err, ErrUnknownType)
		}
	}
}

func TestStreamMayBeLeftEarly(t *testing.T) {
	s, _ := newTestService(t)
	seen := 0
	for range s.Stream(t.Context(), Input{AgentType: "crm", Text: "cus_acme"}) {
		if seen++; seen == 3 {
			break
		}
	}
	if seen != 3 {
		t.Errorf("saw %d events, want 3", seen)
	}
}
