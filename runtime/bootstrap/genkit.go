package bootstrap

import (
	"encoding/json"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/trace"
)

// genkit traces itself. It tells of a request to a model what was said, under
// names of its own, and nothing by the semantic conventions: not even how many
// tokens it took, but for those in the answer that stays out of what is sent.

// genkitModel returns the span of a genkit model with the attributes of requests
// to language models, and every other span as it is.
func genkitModel(s trace.ReadOnlySpan) trace.ReadOnlySpan {
	if s.InstrumentationScope().Name != "genkit-tracer" {
		return s
	}
	own := s.Attributes()
	if genkitText(own, "genkit:metadata:subtype") != "model" {
		return s
	}
	more := []attribute.KeyValue{attribute.String("gen_ai.operation.name", "chat")}
	name := genkitText(own, "genkit:name")
	if plugin, model, ok := strings.Cut(name, "/"); ok {
		name = model
		more = append(more, attribute.String("gen_ai.provider.name", genkitProvider(plugin)))
	}
	more = append(more, attribute.String("gen_ai.request.model", name))
	var answer struct {
		FinishReason string `json:"finishReason"`
		Usage        struct {
			Input  int `json:"inputTokens"`
			Output int `json:"outputTokens"`
			Cached int `json:"cachedContentTokens"`
		} `json:"usage"`
	}
	if json.Unmarshal([]byte(genkitText(own, "genkit:output")), &answer) == nil {
		if answer.FinishReason != "" {
			more = append(more, attribute.StringSlice("gen_ai.response.finish_reasons", []string{answer.FinishReason}))
		}
		for _, tokens := range []attribute.KeyValue{
			attribute.Int("gen_ai.usage.input_tokens", answer.Usage.Input),
			attribute.Int("gen_ai.usage.output_tokens", answer.Usage.Output),
			attribute.Int("gen_ai.usage.cache_read.input_tokens", answer.Usage.Cached),
		} {
			if tokens.Value.AsInt64() > 0 {
				more = append(more, tokens)
			}
		}
	}
	return genkitSpan{s, slices.Concat(own, more)}
}

// genkitProvider is gen_ai.provider.name by the name of a plugin.
func genkitProvider(plugin string) string {
	switch plugin {
	case "googleai":
		return "gcp.gemini"
	case "vertexai":
		return "gcp.vertex_ai"
	default:
		return plugin
	}
}

func genkitText(kvs []attribute.KeyValue, key attribute.Key) string {
	for i := range kvs {
		if kvs[i].Key == key {
			return kvs[i].Value.AsString()
		}
	}
	return ""
}

type genkitSpan struct {
	trace.ReadOnlySpan
	attributes []attribute.KeyValue
}

// Attributes implements trace.ReadOnlySpan.
func (s genkitSpan) Attributes() []attribute.KeyValue { return s.attributes }
