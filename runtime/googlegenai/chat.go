package googlegenai

import (
	"context"
	"iter"
	"reflect"

	"google.golang.org/genai"

	llm "github.com/orchestrall/orchestrall/runtime/internal/genai"
)

// ChatSend is [genai.Chat.Send].
func ChatSend(c *genai.Chat, ctx context.Context, parts ...*genai.Part) (*genai.GenerateContentResponse, error) {
	if ctx == nil || c == nil {
		return c.Send(ctx, parts...)
	}
	return answered(ctx, turn(c, parts), func(ctx context.Context) (*genai.GenerateContentResponse, error) { return c.Send(ctx, parts...) })
}

// ChatSendMessage is [genai.Chat.SendMessage].
func ChatSendMessage(c *genai.Chat, ctx context.Context, parts ...genai.Part) (*genai.GenerateContentResponse, error) {
	if ctx == nil || c == nil {
		return c.SendMessage(ctx, parts...)
	}
	return answered(ctx, turn(c, pointers(parts)), func(ctx context.Context) (*genai.GenerateContentResponse, error) {
		return c.SendMessage(ctx, parts...)
	})
}

// ChatSendStream is [genai.Chat.SendStream].
func ChatSendStream(c *genai.Chat, ctx context.Context, parts ...*genai.Part) iter.Seq2[*genai.GenerateContentResponse, error] {
	if ctx == nil || c == nil {
		return c.SendStream(ctx, parts...)
	}
	return streamed(ctx, turn(c, parts), func(ctx context.Context) iter.Seq2[*genai.GenerateContentResponse, error] {
		return c.SendStream(ctx, parts...)
	})
}

// ChatSendMessageStream is [genai.Chat.SendMessageStream].
func ChatSendMessageStream(c *genai.Chat, ctx context.Context, parts ...genai.Part) iter.Seq2[*genai.GenerateContentResponse, error] {
	if ctx == nil || c == nil {
		return c.SendMessageStream(ctx, parts...)
	}
	return streamed(ctx, turn(c, pointers(parts)), func(ctx context.Context) iter.Seq2[*genai.GenerateContentResponse, error] {
		return c.SendMessageStream(ctx, parts...)
	})
}

// turn is the request that a chat makes. The chat tells neither its model nor
// its configuration: the model is read from the field, and left out where a
// version has none of that name.
func turn(c *genai.Chat, parts []*genai.Part) llm.Asked {
	model := ""
	if field := reflect.ValueOf(c).Elem().FieldByName("model"); field.Kind() == reflect.String {
		model = field.String()
	}
	return asked(model, []*genai.Content{{Parts: parts}}, nil)
}

func pointers(parts []genai.Part) []*genai.Part {
	all := make([]*genai.Part, len(parts))
	for i := range parts {
		all[i] = &parts[i]
	}
	return all
}
