// Package langchaingo stands between woven code and langchaingo's llms.Model: a
// request to a model gets a span with the model, token usage and finish reasons,
// by the OpenTelemetry semantic conventions for generative AI, whichever
// provider is behind it. Prompts and answers stay out of it, unless
// OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT is true.
package langchaingo

import (
	"context"
	"path"
	"reflect"
	"strings"

	"github.com/tmc/langchaingo/llms"

	"github.com/orchestrall/orchestrall/runtime/internal/genai"
)

// asking marks the context of a request, so that a model which asks another one
// on its way, such as a cache, is one request.
type asking struct{}

// GenerateContent is [llms.Model.GenerateContent].
func GenerateContent(m llms.Model, ctx context.Context, messages []llms.MessageContent, options ...llms.CallOption) (*llms.ContentResponse, error) {
	if ctx == nil || ctx.Value(asking{}) != nil {
		return m.GenerateContent(ctx, messages, options...)
	}
	ctx, x := genai.Start(ctx, asked(m, func() string { return text(messages) }, options))
	defer x.Panicked()
	resp, err := m.GenerateContent(context.WithValue(ctx, asking{}, true), messages, options...)
	if err == nil {
		add(x, resp)
	}
	x.End(err)
	return resp, err
}

// Call is [llms.Model.Call]. The library tells nothing of the tokens.
func Call(m llms.Model, ctx context.Context, prompt string, options ...llms.CallOption) (string, error) {
	if _, watched := m.(*model); watched || ctx == nil || ctx.Value(asking{}) != nil {
		return m.Call(ctx, prompt, options...)
	}
	ctx, x := genai.Start(ctx, asked(m, func() string { return prompt }, options))
	defer x.Panicked()
	answer, err := m.Call(context.WithValue(ctx, asking{}, true), prompt, options...)
	if err == nil {
		x.Add(genai.Said{Text: answer})
	}
	x.End(err)
	return answer, err
}

// GenerateFromSinglePrompt is [llms.GenerateFromSinglePrompt].
func GenerateFromSinglePrompt(ctx context.Context, m llms.Model, prompt string, options ...llms.CallOption) (string, error) {
	return llms.GenerateFromSinglePrompt(ctx, Model(m), prompt, options...)
}

// Model returns m with a span for each request, for code of the library that
// calls models itself. Wrapping twice is wrapping once.
func Model(m llms.Model) llms.Model {
	switch m := m.(type) {
	case nil, *model, *reasoner:
		return m
	case reasons:
		return &reasoner{model{m.(llms.Model)}, m}
	}
	return &model{m}
}

type model struct{ inner llms.Model }

// GenerateContent implements llms.Model.
func (m *model) GenerateContent(ctx context.Context, messages []llms.MessageContent, options ...llms.CallOption) (*llms.ContentResponse, error) {
	return GenerateContent(m.inner, ctx, messages, options...)
}

// Call implements llms.Model.
func (m *model) Call(ctx context.Context, prompt string, options ...llms.CallOption) (string, error) {
	return Call(m.inner, ctx, prompt, options...)
}

// reasons is what newer versions of the library ask some models.
type reasons interface{ SupportsReasoning() bool }

type reasoner struct {
	model
	reasons
}

func asked(m llms.Model, prompt func() string, options []llms.CallOption) genai.Asked {
	var o llms.CallOptions
	for _, option := range options {
		if option != nil { // a mistake that the provider shall answer
			option(&o)
		}
	}
	a := genai.Asked{Provider: &genai.Provider{Name: provider(m)}, Operation: "chat", Model: o.Model, Prompt: prompt}
	if a.Model == "" {
		a.Model = configured(m)
	}
	if o.MaxTokens > 0 {
		a.MaxTokens = &o.MaxTokens
	}
	if o.Temperature != 0 {
		a.Temperature = &o.Temperature
	}
	if o.TopP != 0 {
		a.TopP = &o.TopP
	}
	return a
}

// provider is gen_ai.provider.name: the library has a package for each, and a
// model of the program's own is called by its package, too.
func provider(m llms.Model) string {
	switch m := m.(type) {
	case *model:
		return provider(m.inner)
	case *reasoner:
		return provider(m.inner)
	}
	t := reflect.TypeOf(m)
	if t == nil {
		return ""
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	name := path.Base(t.PkgPath())
	known := map[string]string{
		"googleai": "gcp.gemini", "vertex": "gcp.vertex_ai", "bedrock": "aws.bedrock", "mistral": "mistral_ai", "watsonx": "ibm.watsonx.ai",
	}
	if by := known[name]; by != "" {
		return by
	}
	return name
}

// configured is the model that a provider was made with. Their fields are not
// exported; one that looks otherwise has no name.
func configured(m llms.Model) (name string) {
	defer func() {
		if recover() != nil {
			name = ""
		}
	}()
	switch m := m.(type) {
	case *model:
		return configured(m.inner)
	case *reasoner:
		return configured(m.inner)
	}
	v := reflect.Indirect(reflect.ValueOf(m))
	if v.Kind() != reflect.Struct {
		return ""
	}
	for _, path := range [][2]string{{"client", "Model"}, {"options", "model"}, {"client", "model"}, {"model", ""}} {
		f := reflect.Indirect(v.FieldByName(path[0]))
		if f.Kind() == reflect.Struct && path[1] != "" {
			f = f.FieldByName(path[1])
		}
		if f.Kind() == reflect.String {
			return f.String()
		}
	}
	return ""
}

func add(x *genai.Exchange, resp *llms.ContentResponse) {
	if resp == nil {
		return
	}
	for i, c := range resp.Choices {
		if c == nil {
			continue
		}
		said := genai.Said{FinishReason: c.StopReason, Text: c.Content}
		if i == 0 { // each choice repeats what the request took
			said.InputTokens = count(c.GenerationInfo, "PromptTokens", "InputTokens", "input_tokens")
			said.OutputTokens = count(c.GenerationInfo, "CompletionTokens", "OutputTokens", "output_tokens")
			said.FromCache = count(c.GenerationInfo, "PromptCachedTokens", "CachedTokens", "CacheReadInputTokens")
			said.Model, _ = c.GenerationInfo["model"].(string)
		}
		x.Add(said)
	}
}

// count reads what providers say of tokens, each under a name of its own.
func count(info map[string]any, names ...string) *int {
	for _, name := range names {
		v := reflect.ValueOf(info[name])
		n := 0
		switch {
		case !v.IsValid():
			continue
		case v.CanInt():
			n = int(v.Int())
		case v.CanUint():
			n = int(v.Uint()) //nolint:gosec // a number of tokens
		case v.CanFloat():
			n = int(v.Float())
		default:
			continue
		}
		if n > 0 {
			return &n
		}
	}
	return nil
}

// text joins the texts of messages.
func text(messages []llms.MessageContent) string {
	var b strings.Builder
	for _, m := range messages {
		for _, part := range m.Parts {
			if t, ok := part.(llms.TextContent); ok {
				b.WriteString(t.Text)
				b.WriteByte('\n')
			}
		}
	}
	return b.String()
}
