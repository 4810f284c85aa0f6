package langchaingo_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/llms/openai"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"

	"github.com/orchestrall/orchestrall/runtime/internal/spantest"
	"github.com/orchestrall/orchestrall/runtime/langchaingo"
)

// server answers as an API that is compatible with OpenAI's does.
func server(t *testing.T) *openai.LLM {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		if strings.Contains(string(body), "refuse") {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"error":{"message":"no"}}`)
			return
		}
		fmt.Fprint(w, `{"id":"c1","model":"gpt-x","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"secret"}}],
			"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}`)
	}))
	t.Cleanup(s.Close)
	m, err := openai.New(openai.WithToken("key"), openai.WithBaseURL(s.URL), openai.WithModel("gpt-x"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func question(text string) []llms.MessageContent {
	return []llms.MessageContent{llms.TextParts(llms.ChatMessageTypeHuman, text)}
}

func TestEveryWayToAskIsOneSpan(t *testing.T) {
	m, rec := server(t), spantest.Record(t)
	for name, ask := range map[string]func(context.Context) (string, error){
		"GenerateContent": func(ctx context.Context) (string, error) {
			resp, err := langchaingo.GenerateContent(m, ctx, question("my secret"), llms.WithTemperature(0.5), llms.WithMaxTokens(50))
			if err != nil {
				return "", err
			}
			return resp.Choices[0].Content, nil
		},
		"GenerateFromSinglePrompt": func(ctx context.Context) (string, error) {
			return langchaingo.GenerateFromSinglePrompt(ctx, m, "my secret", llms.WithTemperature(0.5), llms.WithMaxTokens(50))
		},
		"a watched model": func(ctx context.Context) (string, error) {
			w := langchaingo.Model(langchaingo.Model(m))
			resp, err := langchaingo.GenerateContent(w, ctx, question("my secret"), llms.WithTemperature(0.5), llms.WithMaxTokens(50))
			if err != nil {
				return "", err
			}
			return resp.Choices[0].Content, nil
		},
	} {
		rec.Reset()
		ctx, parent := otel.Tracer("test").Start(t.Context(), "agent")
		answer, err := ask(ctx)
		if err != nil || answer != "secret" {
			t.Fatalf("%s: %q, %v", name, answer, err)
		}
		ended := rec.Ended()
		if len(ended) != 1 || ended[0].Parent().SpanID() != parent.SpanContext().SpanID() || ended[0].Name() != "chat gpt-x" {
			t.Fatalf("%s: %v", name, ended)
		}
		got := make(map[string]string)
		for _, kv := range ended[0].Attributes() {
			got[string(kv.Key)] = kv.Value.Emit()
			if strings.Contains(kv.Value.Emit(), "secret") {
				t.Errorf("%s: the span tells %s=%s", name, kv.Key, kv.Value.Emit())
			}
		}
		for key, want := range map[string]string{
			"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-x",
			"gen_ai.request.temperature": "0.5", "gen_ai.request.max_tokens": "50", "gen_ai.response.finish_reasons": `["stop"]`,
			"gen_ai.usage.input_tokens": "7", "gen_ai.usage.output_tokens": "2",
		} {
			if got[key] != want {
				t.Errorf("%s: %s is %q, want %q", name, key, got[key], want)
			}
		}
	}
}

func TestFailures(t *testing.T) {
	m, rec := server(t), spantest.Record(t)
	_, plain := m.GenerateContent(t.Context(), question("refuse"))
	_, err := langchaingo.GenerateContent(m, t.Context(), question("refuse"))
	if err == nil || plain == nil || err.Error() != plain.Error() {
		t.Fatalf("got %v, want %v", err, plain)
	}
	if ended := rec.Ended(); len(ended) != 1 || ended[0].Status().Code != codes.Error {
		t.Errorf("got %v", ended)
	}
}

// own is a model of the program's own, which asks another.
type own struct {
	llms.Model
	fail error
}

func (o own) GenerateContent(ctx context.Context, messages []llms.MessageContent, options ...llms.CallOption) (*llms.ContentResponse, error) {
	if o.fail != nil {
		return nil, o.fail
	}
	return langchaingo.GenerateContent(o.Model, ctx, messages, options...)
}

func (own) SupportsReasoning() bool { return true }

func TestModelsOfTheProgram(t *testing.T) {
	m, rec := server(t), spantest.Record(t)
	if _, err := langchaingo.GenerateContent(own{Model: m}, t.Context(), question("x")); err != nil {
		t.Fatal(err)
	}
	if n := len(rec.Ended()); n != 1 {
		t.Errorf("%d spans for one request", n)
	}
	boom := errors.New("boom")
	if _, err := langchaingo.Model(own{fail: boom}).GenerateContent(t.Context(), nil); err != boom { //nolint:errorlint // the very error
		t.Errorf("got %v", err)
	}
	if _, ok := langchaingo.Model(own{}).(interface{ SupportsReasoning() bool }); !ok {
		t.Error("the model has lost a method")
	}
	if _, ok := langchaingo.Model(m).(interface{ SupportsReasoning() bool }); ok {
		t.Error("the model has got a method")
	}
	if langchaingo.Model(nil) != nil {
		t.Error("no model became one")
	}
	if _, err := langchaingo.Call(m, t.Context(), "x"); err != nil {
		t.Error(err)
	}
}
