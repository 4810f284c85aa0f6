// Command langchaingo asks a model, by itself, in a chain and as an agent with a
// tool.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/tmc/langchaingo/agents"
	"github.com/tmc/langchaingo/chains"
	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/llms/openai"
	"github.com/tmc/langchaingo/prompts"
	"github.com/tmc/langchaingo/tools"
)

const answer = `{"id":"c1","model":"gpt-x","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":%q}}],
	"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}`

// api lets the agent look first.
func api(w http.ResponseWriter, r *http.Request) {
	asked, _ := io.ReadAll(r.Body)
	said := "Thought: done\nFinal Answer: secret"
	if strings.Contains(string(asked), "sky") && !strings.Contains(string(asked), "secret rain") {
		said = "Thought: look\nAction: sky\nAction Input: secret"
	}
	fmt.Fprintf(w, answer, said)
}

type sky struct{}

func (sky) Name() string                                 { return "sky" }
func (sky) Description() string                          { return "tells the weather" }
func (sky) Call(context.Context, string) (string, error) { return "secret rain", nil }

func main() {
	server := httptest.NewServer(http.HandlerFunc(api))
	defer server.Close()
	m, err := openai.New(openai.WithToken("key"), openai.WithBaseURL(server.URL), openai.WithModel("gpt-x"))
	if err != nil {
		panic(err)
	}
	work(context.Background(), m, m)
}

//orchestrall:trace
func work(ctx context.Context, m llms.Model, concrete *openai.LLM) {
	question := []llms.MessageContent{llms.TextParts(llms.ChatMessageTypeHuman, "my secret")}
	if _, err := m.GenerateContent(ctx, question); err != nil {
		panic(err)
	}
	if _, err := concrete.GenerateContent(ctx, question); err != nil {
		panic(err)
	}
	c := chains.NewLLMChain(m, prompts.NewPromptTemplate("say {{.what}}", []string{"what"}))
	if _, err := chains.Run(ctx, c, "my secret"); err != nil {
		panic(err)
	}
	executor := agents.NewExecutor(agents.NewOneShotAgent(m, []tools.Tool{sky{}}))
	if _, err := chains.Run(ctx, executor, "my secret"); err != nil {
		panic(err)
	}
}
