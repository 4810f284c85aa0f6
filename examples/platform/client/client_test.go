package client_test

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"example.com/platform/agent"
	"example.com/platform/api"
	"example.com/platform/client"
	"example.com/platform/customers"
	"example.com/platform/events"
	"example.com/platform/model"
	"example.com/platform/tools"
)

const key = "test-key"

func newClient(t *testing.T, key string) *client.Client {
	t.Helper()
	repo, err := customers.Open(t.Context(), ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	agents := agent.NewService([]tools.Tool{&tools.Lookup{DB: repo}, &tools.Risk{DB: repo}}, &model.Offline{}, repo)
	srv := httptest.NewServer(api.New(agents, "test-key"))
	t.Cleanup(func() {
		srv.Close()
		agents.Close()
		repo.Close()
	})
	return client.New(srv.URL+"/", key)
}

var question = client.Question{AgentType: "onboarding", Input: "Onboard cus_acme", UserID: "user_123"}

func TestEveryWayGivesTheSameAnswer(t *testing.T) {
	c := newClient(t, key)
	rest, err := c.Execute(t.Context(), question)
	if err != nil {
		t.Fatal(err)
	}
	var steps []string
	followed, err := c.Follow(t.Context(), question, func(e events.Event) { steps = append(steps, e.Type) })
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{events.Started, events.Step, events.Step, events.Step, events.Finished}; !slices.Equal(steps, want) {
		t.Errorf("events %q, want %q", steps, want)
	}
	s, err := c.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	mcp, err := s.Run(t.Context(), question)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []*client.Answer{rest, followed, mcp} {
		if a.Output != rest.Output || a.ExecutionID == "" || !slices.Equal(a.Tools, []string{"customer.lookup", "risk.score"}) {
			t.Errorf("answer %+v", a)
		}
	}
}

func TestErrorsSayWhy(t *testing.T) {
	bad := question
	bad.Input = "Onboard nobody"
	c := newClient(t, key)
	s, err := c.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, viaREST := c.Execute(t.Context(), bad)
	_, viaMCP := s.Run(t.Context(), bad)
	_, viaEvents := c.Follow(t.Context(), bad, func(events.Event) {})
	for _, err := range []error{viaREST, viaMCP, viaEvents} {
		if err == nil || !strings.Contains(err.Error(), "names no customer") {
			t.Errorf("error %v", err)
		}
	}
}

func TestAWrongKey(t *testing.T) {
	c := newClient(t, "wrong")
	if _, err := c.Execute(t.Context(), question); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("REST: %v", err)
	}
	if _, err := c.Follow(t.Context(), question, func(events.Event) {}); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("events: %v", err)
	}
	if s, err := c.Connect(t.Context()); err == nil {
		s.Close()
		t.Error("MCP: connected")
	}
}
