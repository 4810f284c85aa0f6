package googlegenai_test

import (
	"context"
	"iter"
	"testing"

	"go.opentelemetry.io/otel"
	"google.golang.org/genai"

	"github.com/orchestrall/orchestrall/runtime/googlegenai"
	"github.com/orchestrall/orchestrall/runtime/internal/genaitest"
)

func TestChats(t *testing.T) {
	client, rec := setUp(t)
	chat, err := client.Chats.Create(t.Context(), "gemini-x", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, parent := otel.Tracer("test").Start(t.Context(), "agent")
	stream := func(send func(context.Context) iter.Seq2[*genai.GenerateContentResponse, error]) func(context.Context) (string, error) {
		return func(ctx context.Context) (said string, err error) {
			for resp, err := range send(ctx) {
				if err != nil {
					return said, err
				}
				said += resp.Text()
			}
			return said, nil
		}
	}
	once := func(send func(context.Context) (*genai.GenerateContentResponse, error)) func(context.Context) (string, error) {
		return func(ctx context.Context) (string, error) {
			resp, err := send(ctx)
			if err != nil {
				return "", err
			}
			return resp.Text(), nil
		}
	}
	part := genai.Part{Text: "my secret"}
	for name, test := range map[string]struct {
		send   func(context.Context) (string, error)
		reason string
	}{
		"Send": {once(func(ctx context.Context) (*genai.GenerateContentResponse, error) {
			return googlegenai.ChatSend(chat, ctx, &part)
		}), `["max_tokens"]`},
		"SendMessage": {once(func(ctx context.Context) (*genai.GenerateContentResponse, error) {
			return googlegenai.ChatSendMessage(chat, ctx, part)
		}), `["max_tokens"]`},
		"SendStream": {stream(func(ctx context.Context) iter.Seq2[*genai.GenerateContentResponse, error] {
			return googlegenai.ChatSendStream(chat, ctx, &part)
		}), `["stop"]`},
		"SendMessageStream": {stream(func(ctx context.Context) iter.Seq2[*genai.GenerateContentResponse, error] {
			return googlegenai.ChatSendMessageStream(chat, ctx, part)
		}), `["stop"]`},
	} {
		before := len(chat.History(false))
		if said, err := test.send(ctx); err != nil || said != "secret" {
			t.Fatalf("%s: %q, %v", name, said, err)
		}
		if len(chat.History(false)) == before {
			t.Errorf("%s: the chat has forgotten it", name)
		}
		genaitest.Only(t, rec, parent, "generate_content gemini-x", "gen_ai.request.model=gemini-x",
			"gen_ai.response.finish_reasons="+test.reason, "gen_ai.usage.input_tokens=8", "gen_ai.usage.output_tokens=3")
	}
}
