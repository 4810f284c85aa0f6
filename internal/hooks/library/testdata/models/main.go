// Command models asks the models of three providers by their SDKs, in the ways
// in which programs do: behind an interface of their own, from the field of a
// struct, through a constructor with options, at once and as a stream.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	openaiv1 "github.com/openai/openai-go"
	optionv1 "github.com/openai/openai-go/option"
	openaiv2 "github.com/openai/openai-go/v2"
	optionv2 "github.com/openai/openai-go/v2/option"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
	"google.golang.org/genai"
)

// assistant is what the program knows of a model.
type assistant interface {
	ask(ctx context.Context, question string) (string, error)
}

func main() {
	server := httptest.NewServer(http.HandlerFunc(api))
	defer server.Close()
	gemini, err := genai.NewClient(context.Background(), &genai.ClientConfig{
		APIKey: "key", Backend: genai.BackendGeminiAPI, HTTPOptions: genai.HTTPOptions{BaseURL: server.URL},
	})
	if err != nil {
		panic(err)
	}
	claude := anthropic.NewClient(anthropicoption.WithBaseURL(server.URL), anthropicoption.WithAPIKey("key"))
	all := []assistant{
		newChat(server.URL+"/openai", option.WithMaxRetries(0)),
		stream{construct(optionv2.WithBaseURL(server.URL+"/openai"), optionv2.WithAPIKey("key"))},
		embedded{openaiv1.NewClient(optionv1.WithBaseURL(server.URL+"/openai"), optionv1.WithAPIKey("key"))},
		&messages{&claude},
		geminis{gemini},
	}
	work(context.Background(), all)
}

//orchestrall:trace kind=agent
func work(ctx context.Context, all []assistant) {
	for _, a := range all {
		answer, err := a.ask(ctx, "my secret")
		if err != nil || strings.ReplaceAll(answer, "secret", "") != "" {
			fmt.Println(answer, err)
			os.Exit(1)
		}
	}
}

// chat holds a client of openai-go v3, and what all of its requests share.
type chat struct {
	client openai.Client
	model  string
}

func newChat(url string, opts ...option.RequestOption) *chat {
	return &chat{client: openai.NewClient(append(opts, option.WithBaseURL(url), option.WithAPIKey("key"))...), model: "gpt-x"}
}

func (c *chat) ask(ctx context.Context, question string) (string, error) {
	params := openai.ChatCompletionNewParams{Model: c.model, Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(question)}}
	completion, err := c.client.Chat.Completions.New(ctx, params)
	if err != nil {
		return "", err
	}
	answer := completion.Choices[0].Message.Content
	pieces := c.client.Chat.Completions.NewStreaming(ctx, params)
	defer pieces.Close()
	for pieces.Next() {
		for _, choice := range pieces.Current().Choices {
			answer += choice.Delta.Content
		}
	}
	if pieces.Err() != nil {
		return "", pieces.Err()
	}
	response, err := c.client.Responses.New(ctx, responses.ResponseNewParams{
		Model: c.model, Input: responses.ResponseNewParamsInputUnion{OfString: openai.String(question)},
	})
	if err != nil {
		return "", err
	}
	answer += response.OutputText()
	if _, err = c.client.Embeddings.New(ctx, openai.EmbeddingNewParams{
		Model: "embed-x", Input: openai.EmbeddingNewParamsInputUnion{OfString: openai.String(question)},
	}); err != nil {
		return "", err
	}
	params.Model = "refuse"
	var refused *openai.Error
	if _, err = c.client.Chat.Completions.New(ctx, params); !errors.As(err, &refused) || refused.StatusCode != http.StatusTooManyRequests {
		return "", fmt.Errorf("not refused: %w", err)
	}
	return answer, nil
}

// construct makes clients of openai-go v2.
var construct = openaiv2.NewClient

type stream struct{ client openaiv2.Client }

func (s stream) ask(ctx context.Context, question string) (answer string, err error) {
	completions := &s.client.Chat.Completions
	pieces := completions.NewStreaming(ctx, openaiv2.ChatCompletionNewParams{
		Model: "gpt-x", Messages: []openaiv2.ChatCompletionMessageParamUnion{openaiv2.UserMessage(question)},
	})
	for pieces.Next() {
		for _, choice := range pieces.Current().Choices {
			answer += choice.Delta.Content
		}
	}
	return answer, pieces.Err()
}

// embedded is a client of openai-go v1.
type embedded struct{ openaiv1.Client }

func (e embedded) ask(ctx context.Context, question string) (string, error) {
	completion, err := e.Chat.Completions.New(ctx, openaiv1.ChatCompletionNewParams{
		Model: "gpt-x", Messages: []openaiv1.ChatCompletionMessageParamUnion{openaiv1.UserMessage(question)},
	})
	if err != nil {
		return "", err
	}
	return completion.Choices[0].Message.Content, nil
}

type messages struct{ client *anthropic.Client }

func (m *messages) ask(ctx context.Context, question string) (string, error) {
	params := anthropic.MessageNewParams{
		Model: "claude-x", MaxTokens: 100,
		Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(question))},
	}
	message, err := m.client.Messages.New(ctx, params)
	if err != nil {
		return "", err
	}
	answer, events, sum := message.Content[0].Text, m.client.Messages.NewStreaming(ctx, params), anthropic.Message{}
	for events.Next() {
		if err := sum.Accumulate(events.Current()); err != nil {
			return "", err
		}
	}
	if events.Err() != nil {
		return "", events.Err()
	}
	return answer + sum.Content[0].Text, nil
}

type geminis struct{ *genai.Client }

func (g geminis) ask(ctx context.Context, question string) (string, error) {
	resp, err := g.Models.GenerateContent(ctx, "gemini-x", genai.Text(question), nil)
	if err != nil {
		return "", err
	}
	answer := resp.Text()
	for resp, err := range g.Models.GenerateContentStream(ctx, "gemini-x", genai.Text(question), nil) {
		if err != nil {
			return "", err
		}
		answer += resp.Text()
	}
	chat, err := g.Chats.Create(ctx, "gemini-x", nil, nil)
	if err != nil {
		return "", err
	}
	for resp, err := range chat.SendMessageStream(ctx, genai.Part{Text: question}) {
		if err != nil {
			return "", err
		}
		answer += resp.Text()
	}
	return answer, nil
}
