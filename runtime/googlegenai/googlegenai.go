// Package googlegenai stands between woven code and google.golang.org/genai: a
// request to a model gets a span with the model, token usage and finish reasons,
// by the OpenTelemetry semantic conventions for generative AI. Prompts and
// answers stay out of it, unless
// OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT is true.
package googlegenai

import (
	"context"
	"iter"
	"strings"

	"google.golang.org/genai"

	llm "github.com/orchestrall/orchestrall/runtime/internal/genai"
)

// GenerateContent is [genai.Models.GenerateContent].
func GenerateContent(m genai.Models, ctx context.Context, model string, contents []*genai.Content, config *genai.GenerateContentConfig) (*genai.GenerateContentResponse, error) {
	if ctx == nil {
		return m.GenerateContent(ctx, model, contents, config)
	}
	ctx, x := llm.Start(ctx, asked(model, contents, config))
	defer x.Panicked()
	resp, err := m.GenerateContent(ctx, model, contents, config)
	if err == nil {
		add(x, resp)
	}
	x.End(err)
	return resp, err
}

// GenerateContentStream is [genai.Models.GenerateContentStream]. Each run of the
// sequence is a request, and a span that lasts until its last piece.
func GenerateContentStream(m genai.Models, ctx context.Context, model string, contents []*genai.Content, config *genai.GenerateContentConfig) iter.Seq2[*genai.GenerateContentResponse, error] {
	if ctx == nil {
		return m.GenerateContentStream(ctx, model, contents, config)
	}
	return func(yield func(*genai.GenerateContentResponse, error) bool) {
		ctx, x := llm.Start(ctx, asked(model, contents, config))
		defer x.Panicked()
		var failure error
		for resp, err := range m.GenerateContentStream(ctx, model, contents, config) {
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
