// Package anthropic stands between woven code and anthropic-sdk-go: a client
// sends its requests through a middleware that gives each of them a span with
// the model, token usage and stop reason, by the OpenTelemetry semantic
// conventions for generative AI. Prompts and answers stay out of it, unless
// OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT is true.
package anthropic

import (
	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"

	"github.com/orchestrall/orchestrall/runtime/internal/genai"
)

// NewClient is [anthropic.NewClient]. The program's own middlewares run inside
// of the span.
func NewClient(opts ...option.RequestOption) anthropic.Client {
	return anthropic.NewClient(append([]option.RequestOption{option.WithMiddleware(genai.Anthropic.Do)}, opts...)...)
}
