// Command langchaingo asks a model of its own making.
package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/tmc/langchaingo/chains"
	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/llms/openai"
	"github.com/tmc/langchaingo/prompts"
)

const answer = `{"id":"c1","model":"gpt-x","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"secret"}}],
	"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}`

func main() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, answer) }))
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
}
