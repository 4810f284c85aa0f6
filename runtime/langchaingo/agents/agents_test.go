package agents_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	sdkagents "github.com/tmc/langchaingo/agents"
	sdkchains "github.com/tmc/langchaingo/chains"
	"github.com/tmc/langchaingo/llms/openai"
	"github.com/tmc/langchaingo/prompts"
	"github.com/tmc/langchaingo/tools"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/orchestrall/orchestrall/runtime/internal/spantest"
	"github.com/orchestrall/orchestrall/runtime/langchaingo/agents"
	"github.com/orchestrall/orchestrall/runtime/langchaingo/chains"
)

// server gives one answer after the other.
func server(t *testing.T, answers ...string) *openai.LLM {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, _ := json.Marshal(answers[0])
		if len(answers) > 1 {
			answers = answers[1:]
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"id":"c1","model":"gpt-x","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":%s}}],
			"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}`, answer)
	}))
	t.Cleanup(s.Close)
	m, err := openai.New(openai.WithToken("key"), openai.WithBaseURL(s.URL), openai.WithModel("gpt-x"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// tree writes every span below its parent's name.
func tree(rec *tracetest.SpanRecorder) []string {
	var all []string
	names := map[string]string{}
	for _, span := range rec.Ended() {
		names[span.SpanContext().SpanID().String()] = span.Name()
	}
	for _, span := range rec.Ended() {
		all = append(all, names[span.Parent().SpanID().String()]+" > "+span.Name())
	}
	slices.Sort(all)
	return all
}

type weather struct{ err error }

func (weather) Name() string        { return "weather" }
func (weather) Description() string { return "tells the weather" }
func (w weather) Call(context.Context, string) (string, error) {
	return "rain", w.err
}

var steps = []string{"Thought: look\nAction: weather\nAction Input: Berlin", "Thought: done\nFinal Answer: rain"}

func TestAgentToolsAndModelAreOneTree(t *testing.T) {
	rec := spantest.Record(t)
	want := []string{
		" > invoke_agent agents.Executor", "invoke_agent agents.Executor > chat gpt-x", "invoke_agent agents.Executor > chat gpt-x",
		"invoke_agent agents.Executor > execute_tool weather",
	}
	for name, run := range map[string]func(*sdkagents.Executor) (any, error){
		"Run": func(e *sdkagents.Executor) (any, error) { return chains.Run(t.Context(), e, "the weather?") },
		"Call": func(e *sdkagents.Executor) (any, error) {
			out, err := agents.ExecutorCall(e, t.Context(), map[string]any{"input": "the weather?"})
			return out["output"], err
		},
	} {
		rec.Reset()
		e, err := agents.Initialize(server(t, steps...), []tools.Tool{weather{}}, sdkagents.ZeroShotReactDescription)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := run(e)
		if err != nil || strings.TrimSpace(fmt.Sprint(answer)) != "rain" {
			t.Fatalf("%s: %v, %v", name, answer, err)
		}
		if got := tree(rec); !slices.Equal(got, want) {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func TestToolsThatFail(t *testing.T) {
	rec, boom := spantest.Record(t), errors.New("boom")
	e := sdkagents.NewExecutor(agents.NewOneShotAgent(server(t, steps...), []tools.Tool{weather{boom}}))
	if _, err := chains.Run(t.Context(), e, "the weather?"); err != boom { //nolint:errorlint // the very error
		t.Errorf("got %v", err)
	}
	for _, span := range rec.Ended() {
		if failed := span.Status().Code == codes.Error; failed == strings.HasPrefix(span.Name(), "chat") {
			t.Errorf("%s: %v", span.Name(), span.Status())
		}
	}
}

func TestChains(t *testing.T) {
	rec := spantest.Record(t)
	c := chains.NewLLMChain(server(t, "answer"), prompts.NewPromptTemplate("say {{.what}}", []string{"what"}))
	in := map[string]any{"what": "my secret"}
	for name, run := range map[string]func() (any, error){
		"Run":     func() (any, error) { return chains.Run(t.Context(), c, "my secret") },
		"Predict": func() (any, error) { return chains.Predict(t.Context(), c, in) },
		"Call": func() (any, error) {
			out, err := chains.Call(t.Context(), c, in)
			return out["text"], err
		},
		"Apply": func() (any, error) {
			out, err := chains.Apply(t.Context(), c, []map[string]any{in}, 1)
			if err != nil {
				return nil, err
			}
			return out[0]["text"], nil
		},
	} {
		rec.Reset()
		if answer, err := run(); err != nil || answer != "answer" {
			t.Fatalf("%s: %v, %v", name, answer, err)
		}
		if got := tree(rec); !slices.Equal(got, []string{" > run chains.LLMChain", "run chains.LLMChain > chat gpt-x"}) {
			t.Errorf("%s: got %q", name, got)
		}
	}
	if _, err := chains.Run(t.Context(), c, 1, sdkchains.WithModel("x")); err != nil {
		t.Error(err)
	}
}
