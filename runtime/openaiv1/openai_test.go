package openaiv1_test

import (
	"context"
	"errors"
	"testing"

	sdk "github.com/openai/openai-go"
	"github.com/openai/openai-go/option"
	"github.com/openai/openai-go/responses"

	"github.com/orchestrall/orchestrall/runtime/internal/genaitest"
	"github.com/orchestrall/orchestrall/runtime/openaiv1"
)

func TestOpenAI(t *testing.T) {
	genaitest.OpenAI(t, func(url string) genaitest.Client {
		c := openaiv1.NewClient(option.WithBaseURL(url), option.WithAPIKey("key"), option.WithMaxRetries(0))
		question := func(model string) sdk.ChatCompletionNewParams {
			return sdk.ChatCompletionNewParams{
				Model: model, MaxCompletionTokens: sdk.Int(50), Temperature: sdk.Float(0.5),
				Messages: []sdk.ChatCompletionMessageParamUnion{sdk.UserMessage("my secret")},
			}
		}
		return genaitest.Client{
			Chat: func(ctx context.Context, model string) (string, error) {
				answer, err := c.Chat.Completions.New(ctx, question(model))
				if err != nil {
					return "", err
				}
				return answer.Choices[0].Message.Content, nil
			},
			Stream: func(ctx context.Context, whole bool) (said string, err error) {
				stream := c.Chat.Completions.NewStreaming(ctx, question("gpt-x"))
				defer stream.Close()
				for stream.Next() {
					for _, choice := range stream.Current().Choices {
						said += choice.Delta.Content
					}
					if !whole {
						break
					}
				}
				return said, stream.Err()
			},
			Respond: func(ctx context.Context) error {
				_, err := c.Responses.New(ctx, responses.ResponseNewParams{
					Model: "gpt-x", Input: responses.ResponseNewParamsInputUnion{OfString: sdk.String("my secret")},
				})
				return err
			},
			Embed: func(ctx context.Context) error {
				_, err := c.Embeddings.New(ctx, sdk.EmbeddingNewParams{
					Model: "embed-x", Input: sdk.EmbeddingNewParamsInputUnion{OfString: sdk.String("my secret")},
				})
				return err
			},
			List: func(ctx context.Context) error {
				_, err := c.Models.List(ctx)
				return err
			},
			Status: func(err error) int {
				var own *sdk.Error
				if !errors.As(err, &own) {
					return 0
				}
				return own.StatusCode
			},
		}
	})
}
