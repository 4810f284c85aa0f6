package api

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/platform/agent"
	"example.com/platform/customers"
	"example.com/platform/model"
	"example.com/platform/tools"
)

const testKey = "test-key"

func serve(t *testing.T) *httptest.Server {
	t.Helper()
	repo, err := customers.Open(t.Context(), ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	agents := agent.NewService([]tools.Tool{&tools.Lookup{DB: repo}, &tools.Risk{DB: repo}}, &model.Offline{}, repo)
	srv := httptest.NewServer(New(agents, testKey))
	t.Cleanup(func() {
		srv.Close()
		agents.Close()
		repo.Close()
	})
	return srv
}

func post(t *testing.T, srv *httptest.Server, path, key, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-API-Key", key)
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(answer)
}

func TestStatus(t *testing.T) {
	srv := serve(t)
	for _, test := range []struct {
		name, key, body string
		status          int
		answer          string
	}{
		{"success", testKey, `{"agentType":"crm","input":"cus_acme","context":{"userId":"user_123"}}`, 200, "Acme Freight"},
		{"no key", "", `{}`, 401, "X-API-Key"},
		{"wrong key", testKey + "x", `{}`, 401, "X-API-Key"},
		{"no JSON", testKey, `{"agentType"`, 400, "unexpected EOF"},
		{"missing input", testKey, `{"agentType":"crm"}`, 400, "required"},
		{"unknown agent", testKey, `{"agentType":"poet","input":"cus_acme"}`, 400, `unknown agent type \"poet\"`},
		{"no customer", testKey, `{"agentType":"crm","input":"hello"}`, 400, "names no customer"},
		{"unknown customer", testKey, `{"agentType":"crm","input":"cus_nobody"}`, 404, "customer not found"},
		{"broken record", testKey, `{"agentType":"crm","input":"cus_legacy"}`, 500, "decode profile"},
		{"too large", testKey, `{"agentType":"crm","input":"` + strings.Repeat("x", maxBody) + `"}`, 413, "too large"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, path := range []string{"/api/v2/agents/execute", "/api/v2/agents/stream"} {
				resp, answer := post(t, srv, path, test.key, test.body)
				if resp.StatusCode != test.status || !strings.Contains(answer, test.answer) {
					t.Errorf("%s: %d %s; want %d with %q", path, resp.StatusCode, answer, test.status, test.answer)
				}
				if resp.Header.Get("X-Request-ID") == "" {
					t.Errorf("%s: the answer has no X-Request-ID", path)
				}
			}
		})
	}
}

func TestStreamSendsOneValueALine(t *testing.T) {
	_, answer := post(t, serve(t), "/api/v2/agents/stream", testKey, `{"agentType":"crm","input":"cus_acme"}`)
	lines := strings.Split(strings.TrimSpace(answer), "\n")
	for _, line := range lines {
		var event agent.Event
		if err := json.Unmarshal([]byte(line), &event); err != nil || event.Text == "" {
			t.Errorf("line %q: %v", line, err)
		}
	}
	if len(lines) < 5 {
		t.Errorf("%d lines, want facts and words", len(lines))
	}
}

func TestEveryWayInNeedsTheKey(t *testing.T) {
	srv := serve(t)
	for _, path := range []string{"/api/v2/events", "/mcp"} {
		resp, err := srv.Client().Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("GET %s = %s", path, resp.Status)
		}
	}
}

func TestOtherRequests(t *testing.T) {
	srv := serve(t)
	for path, want := range map[string]int{"/healthz": 200, "/api/v2/agents/execute": 405, "/": 404} {
		resp, err := srv.Client().Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("GET %s = %d, want %d", path, resp.StatusCode, want)
		}
	}
}
