package googlegenai

import (
	"context"
	"iter"

	"google.golang.org/genai"
)

// The functions of this file stand in for methods that are called through an
// interface: they are traced where it holds a *genai.Models.

// InterfaceGenerateContent is c.GenerateContent: [GenerateContent] where c holds a *genai.Models.
func InterfaceGenerateContent(c interface {
	GenerateContent(ctx context.Context, model string, contents []*genai.Content, config *genai.GenerateContentConfig) (*genai.GenerateContentResponse, error)
}, ctx context.Context, model string, contents []*genai.Content, config *genai.GenerateContentConfig,
) (*genai.GenerateContentResponse, error) {
	if own, ok := c.(*genai.Models); ok && own != nil {
		return GenerateContent(*own, ctx, model, contents, config)
	}
	if own, ok := c.(genai.Models); ok {
		return GenerateContent(own, ctx, model, contents, config)
	}
	return c.GenerateContent(ctx, model, contents, config)
}

// InterfaceGenerateContentStream is c.GenerateContentStream: [GenerateContentStream] where c holds a *genai.Models.
func InterfaceGenerateContentStream(c interface {
	GenerateContentStream(ctx context.Context, model string, contents []*genai.Content, config *genai.GenerateContentConfig) iter.Seq2[*genai.GenerateContentResponse, error]
}, ctx context.Context, model string, contents []*genai.Content, config *genai.GenerateContentConfig,
) iter.Seq2[*genai.GenerateContentResponse, error] {
	if own, ok := c.(*genai.Models); ok && own != nil {
		return GenerateContentStream(*own, ctx, model, contents, config)
	}
	if own, ok := c.(genai.Models); ok {
		return GenerateContentStream(own, ctx, model, contents, config)
	}
	return c.GenerateContentStream(ctx, model, contents, config)
}

// InterfaceEmbedContent is c.EmbedContent: [EmbedContent] where c holds a *genai.Models.
func InterfaceEmbedContent(c interface {
	EmbedContent(ctx context.Context, model string, contents []*genai.Content, config *genai.EmbedContentConfig) (*genai.EmbedContentResponse, error)
}, ctx context.Context, model string, contents []*genai.Content, config *genai.EmbedContentConfig,
) (*genai.EmbedContentResponse, error) {
	if own, ok := c.(*genai.Models); ok && own != nil {
		return EmbedContent(*own, ctx, model, contents, config)
	}
	if own, ok := c.(genai.Models); ok {
		return EmbedContent(own, ctx, model, contents, config)
	}
	return c.EmbedContent(ctx, model, contents, config)
}
