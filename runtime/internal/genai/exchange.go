package genai

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// exchange is one request to a model and its answer.
type exchange struct {
	ctx        context.Context
	call       orchestrall.Call
	provider   *Provider
	operation  string
	url        *url.URL
	request    request
	answer     answer
	handedOver bool // the response, or its error, is the caller's
	once       sync.Once
}

// request holds the parameters of a request that spans tell. The names are
// those of both APIs.
type request struct {
	Model               string          `json:"model"`
	MaxTokens           *int            `json:"max_tokens"`
	MaxCompletionTokens *int            `json:"max_completion_tokens"`
	MaxOutputTokens     *int            `json:"max_output_tokens"`
	Temperature         *float64        `json:"temperature"`
	TopP                *float64        `json:"top_p"`
	Messages            json.RawMessage `json:"messages"`
	Input               json.RawMessage `json:"input"`
	Prompt              json.RawMessage `json:"prompt"`
}

func (r *request) maxTokens() *int {
	for _, n := range []*int{r.MaxCompletionTokens, r.MaxOutputTokens, r.MaxTokens} {
		if n != nil {
			return n
		}
	}
	return nil
}

// The fields of the operation, in the order of fill.
const (
	fieldName = iota
	fieldOperation
	fieldProvider
	fieldModel
	fieldHost
	fieldPort
	fieldMaxTokens
	fieldTemperature
	fieldTopP
	fieldInput
	fieldModelLabel
	fieldProviderLabel
	fieldAnswerModel
	fieldAnswerID
	fieldFinish
	fieldInputTokens
	fieldOutputTokens
	fieldCached
	fieldOutput
)

var op orchestrall.Operation

func init() {
	atStart := func(key string) orchestrall.Field {
		return orchestrall.Field{Role: orchestrall.Attribute, Key: key}
	}
	atEnd := func(key string) orchestrall.Field {
		return orchestrall.Field{Role: orchestrall.Attribute, Key: key, AtEnd: true}
	}
	content := func(f orchestrall.Field) orchestrall.Field { f.Max = maxContent; return f }
	op.Register(orchestrall.Spec{
		Name: "llm.request", SpanName: "{0}", Kind: orchestrall.LLM,
		Fields: []orchestrall.Field{
			fieldName:          {Role: orchestrall.NamePart, Key: "name"},
			fieldOperation:     atStart("gen_ai.operation.name"),
			fieldProvider:      atStart("gen_ai.provider.name"),
			fieldModel:         atStart("gen_ai.request.model"),
			fieldHost:          atStart("server.address"),
			fieldPort:          atStart("server.port"),
			fieldMaxTokens:     atStart("gen_ai.request.max_tokens"),
			fieldTemperature:   atStart("gen_ai.request.temperature"),
			fieldTopP:          atStart("gen_ai.request.top_p"),
			fieldInput:         content(atStart("gen_ai.input.messages")),
			fieldModelLabel:    {Role: orchestrall.Label, Key: "gen_ai_request_model"},
			fieldProviderLabel: {Role: orchestrall.Label, Key: "gen_ai_provider_name"},
			fieldAnswerModel:   atEnd("gen_ai.response.model"),
			fieldAnswerID:      atEnd("gen_ai.response.id"),
			fieldFinish:        atEnd("gen_ai.response.finish_reasons"),
			fieldInputTokens:   atEnd("gen_ai.usage.input_tokens"),
			fieldOutputTokens:  atEnd("gen_ai.usage.output_tokens"),
			fieldCached:        atEnd("gen_ai.usage.cache_read.input_tokens"),
			fieldOutput:        content(atEnd("gen_ai.output.messages")),
		},
	})
}

func start(ctx context.Context, p *Provider, operation string, u *url.URL, body []byte) *exchange {
	x := &exchange{provider: p, operation: operation, url: u}
	if json.Unmarshal(body, &x.request) != nil {
		x.request = request{}
	}
	x.answer.keep = capture()
	x.ctx, x.call = op.Start(ctx, x.asked)
	return x
}

func (x *exchange) context() context.Context { return x.ctx }

// passing ends the span of a request whose sending panics.
func (x *exchange) passing() {
	if !x.handedOver {
		x.end(errPanic)
	}
}

// end ends the span, once.
func (x *exchange) end(err error) {
	x.once.Do(func() {
		x.call.EndErr(&err, x.answered)
		x.count()
	})
}

func (x *exchange) asked(field int) orchestrall.Value {
	switch field {
	case fieldName:
		return orchestrall.Of(strings.TrimSpace(x.operation + " " + x.request.Model))
	case fieldOperation:
		return orchestrall.Of(x.operation)
	case fieldProvider, fieldProviderLabel:
		return orchestrall.Of(x.provider.Name)
	case fieldModel:
		return text(x.request.Model)
	case fieldModelLabel:
		return orchestrall.Of(x.request.Model)
	case fieldHost:
		return text(x.url.Hostname())
	case fieldPort:
		if port, err := strconv.Atoi(x.url.Port()); err == nil {
			return orchestrall.Of(port)
		}
	case fieldMaxTokens:
		return optional(x.request.maxTokens())
	case fieldTemperature:
		return optional(x.request.Temperature)
	case fieldTopP:
		return optional(x.request.TopP)
	case fieldInput:
		if x.answer.keep {
			return text(x.request.content())
		}
	}
	return orchestrall.Value{}
}

func (x *exchange) answered(field int) orchestrall.Value {
	a := &x.answer
	switch field {
	case fieldAnswerModel:
		return text(a.model)
	case fieldAnswerID:
		return text(a.id)
	case fieldFinish:
		if len(a.finish) > 0 {
			return orchestrall.Of(a.finish)
		}
	case fieldInputTokens:
		return optional(a.input)
	case fieldOutputTokens:
		return optional(a.output)
	case fieldCached:
		return optional(a.cached)
	case fieldOutput:
		return text(a.content())
	}
	return orchestrall.Value{}
}

func text(s string) orchestrall.Value {
	if s == "" {
		return orchestrall.Value{}
	}
	return orchestrall.Of(s)
}

func optional[T int | float64](v *T) orchestrall.Value {
	if v == nil {
		return orchestrall.Value{}
	}
	return orchestrall.Of(*v)
}

// usage is gen_ai.client.token.usage of the semantic conventions.
var usage = sync.OnceValue(func() metric.Int64Histogram {
	h, err := orchestrall.Meter("github.com/orchestrall/orchestrall/runtime/internal/genai").Int64Histogram("gen_ai.client.token.usage",
		metric.WithUnit("{token}"), metric.WithDescription("Tokens that requests to language models took and returned."),
		metric.WithExplicitBucketBoundaries(1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304))
	if err != nil {
		return nil
	}
	return h
})

func (x *exchange) count() {
	defer func() { _ = recover() }()
	h := usage()
	for kind, n := range map[string]*int{"input": x.answer.input, "output": x.answer.output} {
		if n != nil && h != nil {
			h.Record(x.ctx, int64(*n), metric.WithAttributes(
				attribute.String("gen_ai.operation.name", x.operation), attribute.String("gen_ai.provider.name", x.provider.Name),
				attribute.String("gen_ai.request.model", x.request.Model), attribute.String("gen_ai.token.type", kind)))
		}
	}
}

// capture reports whether the operator wants prompts and answers on spans.
var capture = sync.OnceValue(func() bool {
	yes, _ := strconv.ParseBool(os.Getenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"))
	return yes
})
