// Package googlegenai stands between woven code and google.golang.org/genai: a
// request to a model gets a span with the model, token usage and finish reasons,
// by the OpenTelemetry semantic conventions for generative AI. Prompts and
// answers stay out of it, unless
// OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT is true.
package googlegenai

import (
	"context"
	"iter"
	"runtime"
	"strings"

	"google.golang.org/genai"

	llm "github.com/orchestrall/orchestrall/runtime/internal/genai"
)

// GenerateContent is [genai.Models.GenerateContent].
func GenerateContent(m genai.Models, ctx context.Context, model string, contents []*genai.Content, config *genai.GenerateContentConfig) (*genai.GenerateContentResponse, error) {
	if ctx == nil {
		return m.GenerateContent(ctx, model, contents, config)
	}
	return answered(ctx, asked(model, contents, config), func(ctx context.Context) (*genai.GenerateContentResponse, error) {
		return m.GenerateContent(ctx, model, contents, config)
	})
}

// GenerateContentStream is [genai.Models.GenerateContentStream]. The span lasts
// until the first loop over the sequence is done, or until nobody can loop over
// it any more.
func GenerateContentStream(m genai.Models, ctx context.Context, model string, contents []*genai.Content, config *genai.GenerateContentConfig) iter.Seq2[*genai.GenerateContentResponse, error] {
	if ctx == nil {
		return m.GenerateContentStream(ctx, model, contents, config)
	}
	return streamed(ctx, asked(model, contents, config), func(ctx context.Context) iter.Seq2[*genai.GenerateContentResponse, error] {
		return m.GenerateContentStream(ctx, model, contents, config)
	})
}

// EmbedContent is [genai.Models.EmbedContent].
func EmbedContent(m genai.Models, ctx context.Context, model string, contents []*genai.Content, config *genai.EmbedContentConfig) (*genai.EmbedContentResponse, error) {
	if ctx == nil {
		return m.EmbedContent(ctx, model, contents, config)
	}
	ctx, x := llm.Start(ctx, llm.Asked{Provider: llm.Google, Operation: "embeddings", Model: model})
	defer x.Panicked()
	resp, err := m.EmbedContent(ctx, model, contents, config)
	x.End(err)
	return resp, err
}

// answered sends a request whose answer comes at once.
func answered(ctx context.Context, a llm.Asked, send func(context.Context) (*genai.GenerateContentResponse, error)) (*genai.GenerateContentResponse, error) {
	ctx, x := llm.Start(ctx, a)
	defer x.Panicked()
	resp, err := send(ctx)
	if err == nil {
		add(x, resp)
	}
	x.End(err)
	return resp, err
}

// streamed sends a request whose answer comes in pieces. Whether it is sent at
// once or by the loop is the library's choice, which differs by version.
func streamed(ctx context.Context, a llm.Asked, send func(context.Context) iter.Seq2[*genai.GenerateContentResponse, error]) iter.Seq2[*genai.GenerateContentResponse, error] {
	ctx, x := llm.Start(ctx, a)
	sent := false
	defer func() {
		if !sent {
			x.Panicked()
		}
	}()
	pieces := send(ctx)
	sent = true
	// What lives as long as the sequence must not be reachable from the span.
	guard := new(*llm.Exchange)
	runtime.AddCleanup(guard, func(x *llm.Exchange) { x.End(nil) }, x)
	return func(yield func(*genai.GenerateContentResponse, error) bool) {
		defer runtime.KeepAlive(guard)
		defer x.Panicked()
		var failure error
		for resp, err := range pieces {
			if err != nil {
				failure = err
			} else {
				add(x, resp)
			}
			if !yield(resp, err) {
				break
			}
		}
		x.End(failure)
	}
}

func asked(model string, contents []*genai.Content, config *genai.GenerateContentConfig) llm.Asked {
	a := llm.Asked{Provider: llm.Google, Operation: "generate_content", Model: model, Prompt: func() string { return text(contents...) }}
	if config != nil {
		if n := int(config.MaxOutputTokens); n > 0 {
			a.MaxTokens = &n
		}
		a.Temperature, a.TopP = wide(config.Temperature), wide(config.TopP)
	}
	return a
}

func wide(v *float32) *float64 {
	if v == nil {
		return nil
	}
	w := float64(*v)
	return &w
}

func add(x *llm.Exchange, resp *genai.GenerateContentResponse) {
	if resp == nil {
		return
	}
	said := llm.Said{Model: resp.ModelVersion, ID: resp.ResponseID}
	if u := resp.UsageMetadata; u != nil {
		said.InputTokens, said.OutputTokens, said.FromCache = count(u.PromptTokenCount), count(u.CandidatesTokenCount), count(u.CachedContentTokenCount)
	}
	x.Add(said)
	for _, c := range resp.Candidates {
		if c != nil {
			x.Add(llm.Said{FinishReason: strings.ToLower(string(c.FinishReason)), Text: text(c.Content)})
		}
	}
}

func count(n int32) *int {
	if n == 0 {
		return nil
	}
	tokens := int(n)
	return &tokens
}

// text joins the texts of contents.
func text(contents ...*genai.Content) string {
	var b strings.Builder
	for _, c := range contents {
		if c == nil {
			continue
		}
		for _, p := range c.Parts {
			if p != nil && !p.Thought {
				b.WriteString(p.Text)
			}
		}
	}
	return b.String()
}
