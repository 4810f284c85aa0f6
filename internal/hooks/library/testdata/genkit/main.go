// Command genkit runs a flow that asks a model, which has a tool called.
package main

import (
	"context"

	"github.com/firebase/genkit/go/ai"
	"github.com/firebase/genkit/go/core"
	"github.com/firebase/genkit/go/genkit"
)

func main() {
	g := genkit.Init(context.Background())
	sky := genkit.DefineTool(g, "sky", "tells the weather", func(*ai.ToolContext, string) (string, error) { return "secret rain", nil })
	parrot := genkit.DefineModel(g, "test/parrot", &ai.ModelOptions{Supports: &ai.ModelSupports{Tools: true, Multiturn: true}}, answer)
	work(context.Background(), genkit.DefineFlow(g, "greet", func(ctx context.Context, name string) (string, error) {
		resp, err := genkit.Generate(ctx, g, ai.WithModel(parrot), ai.WithTools(sky), ai.WithPrompt(name))
		if err != nil {
			return "", err
		}
		return genkit.Run(ctx, "polish", func() (string, error) { return "hello " + resp.Text(), nil })
	}))
}

// answer first asks for the weather.
func answer(_ context.Context, req *ai.ModelRequest, _ ai.ModelStreamCallback) (*ai.ModelResponse, error) {
	said := ai.NewModelTextMessage("my secret")
	if req.Messages[len(req.Messages)-1].Role != ai.RoleTool {
		said = ai.NewModelMessage(ai.NewToolRequestPart(&ai.ToolRequest{Name: "sky", Input: "secret"}))
	}
	return &ai.ModelResponse{Request: req, Message: said, FinishReason: ai.FinishReasonStop, Usage: &ai.GenerationUsage{InputTokens: 4, OutputTokens: 2}}, nil
}

//orchestrall:trace
func work(ctx context.Context, flow *core.Flow[string, string, struct{}]) {
	if answer, err := flow.Run(ctx, "my secret"); err != nil || answer != "hello my secret" {
		panic(err)
	}
}
