// Package openaiv2 stands between woven code and openai-go v2: a client sends its
// requests through a middleware that gives each of them a span with the model,
// token usage and finish reasons, by the OpenTelemetry semantic conventions for
// generative AI. Prompts and answers stay out of it, unless
// OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT is true.
package openaiv2

import (
	"github.com/openai/openai-go/v2"
	"github.com/openai/openai-go/v2/option"

	"github.com/orchestrall/orchestrall/runtime/internal/genai"
)

// NewClient is [openai.NewClient]. The program's own middlewares run inside of
// the span.
func NewClient(opts ...option.RequestOption) openai.Client {
	return openai.NewClient(append([]option.RequestOption{option.WithMiddleware(genai.OpenAI.Do)}, opts...)...)
}
