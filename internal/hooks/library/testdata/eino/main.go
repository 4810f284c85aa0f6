// Command eino runs chains: one without a model, and one whose model, at once
// and as a stream, has a tool called.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cloudwego/eino/components/model"
	"github.com/cloudwego/eino/components/tool"
	"github.com/cloudwego/eino/compose"
	"github.com/cloudwego/eino/schema"
)

// assistant holds what is compiled once.
type assistant struct {
	greeting compose.Runnable[string, string]
	weather  compose.Runnable[string, []*schema.Message]
}

func main() {
	a, err := newAssistant(context.Background())
	check(err)
	check(work(context.Background(), a))
}

func newAssistant(ctx context.Context) (a *assistant, err error) {
	a = new(assistant)
	greeting := compose.NewChain[string, string]()
	greeting.AppendLambda(compose.InvokableLambda(func(_ context.Context, in string) (string, error) { return "hello " + in, nil }))
	if a.greeting, err = greeting.Compile(ctx, compose.WithGraphName("greeting")); err != nil {
		return nil, err
	}
	tools, err := compose.NewToolNode(ctx, &compose.ToolsNodeConfig{Tools: []tool.BaseTool{sky{}}})
	if err != nil {
		return nil, err
	}
	weather := compose.NewChain[string, []*schema.Message]()
	weather.AppendLambda(compose.InvokableLambda(func(_ context.Context, in string) ([]*schema.Message, error) {
		return []*schema.Message{schema.UserMessage(in)}, nil
	}))
	weather.AppendChatModel(parrot{})
	weather.AppendToolsNode(tools)
	a.weather, err = weather.Compile(ctx, compose.WithGraphName("weather"))
	return a, err
}

//orchestrall:trace
func work(ctx context.Context, a *assistant) error {
	if _, err := a.greeting.Invoke(ctx, "my secret"); err != nil {
		return err
	}
	said, err := a.weather.Invoke(ctx, "my secret")
	if err != nil || said[0].Content != "secret rain" {
		return fmt.Errorf("%v, %w", said, err)
	}
	stream, err := a.weather.Stream(ctx, "my secret")
	if err != nil {
		return err
	}
	defer stream.Close()
	for {
		if _, err := stream.Recv(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// parrot is a chat model that wants to know of the weather.
type parrot struct{}

func (parrot) GetType() string { return "Parrot" }

func (parrot) Generate(context.Context, []*schema.Message, ...model.Option) (*schema.Message, error) {
	return &schema.Message{
		Role:      schema.Assistant,
		ToolCalls: []schema.ToolCall{{ID: "1", Type: "function", Function: schema.FunctionCall{Name: "sky", Arguments: `{"where":"secret"}`}}},
		ResponseMeta: &schema.ResponseMeta{
			FinishReason: "tool_calls", Usage: &schema.TokenUsage{PromptTokens: 4, CompletionTokens: 2, TotalTokens: 6},
		},
	}, nil
}

func (p parrot) Stream(ctx context.Context, in []*schema.Message, opts ...model.Option) (*schema.StreamReader[*schema.Message], error) {
	m, err := p.Generate(ctx, in, opts...)
	return schema.StreamReaderFromArray([]*schema.Message{m}), err
}

type sky struct{}

func (sky) Info(context.Context) (*schema.ToolInfo, error) {
	return &schema.ToolInfo{Name: "sky", Desc: "tells the weather"}, nil
}

func (sky) InvokableRun(context.Context, string, ...tool.Option) (string, error) {
	return "secret rain", nil
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
