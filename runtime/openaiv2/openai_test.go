package openaiv2_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	sdkopenai "github.com/openai/openai-go/v2"
	"github.com/openai/openai-go/v2/option"
	"github.com/openai/openai-go/v2/responses"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/orchestrall/orchestrall/runtime/openaiv2"
)

const chunk = "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"model\":\"gpt-x-2026\",\"choices\":[{\"index\":0,\"delta\":{\"content\":%q},\"finish_reason\":%s}]}\n\n"

// api answers as the service does, as far as the tests ask.
func api(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	stream := strings.Contains(string(body), `"stream":true`)
	if stream {
		w.Header().Set("Content-Type", "text/event-stream")
	} else {
		w.Header().Set("Content-Type", "application/json")
	}
	switch {
	case strings.Contains(string(body), "refuse"):
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":{"message":"no","type":"invalid_request_error","code":"bad"}}`)
	case r.URL.Path == "/chat/completions" && stream:
		fmt.Fprintf(w, chunk, "sec", "null")
		w.(http.Flusher).Flush()
		fmt.Fprintf(w, chunk, "ret", `"stop"`)
		fmt.Fprint(w, "data: {\"id\":\"c1\",\"model\":\"gpt-x-2026\",\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2,\"total_tokens\":9}}\n\ndata: [DONE]\n\n")
	case r.URL.Path == "/chat/completions":
		fmt.Fprint(w, `{"id":"c1","object":"chat.completion","model":"gpt-x-2026","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"secret"}}],
			"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9,"prompt_tokens_details":{"cached_tokens":3}}}`)
	case r.URL.Path == "/responses":
		fmt.Fprint(w, `{"id":"r1","object":"response","status":"completed","model":"gpt-x-2026","output":[{"type":"message","content":[{"type":"output_text","text":"secret"}]}],"usage":{"input_tokens":5,"output_tokens":4}}`)
	case r.URL.Path == "/embeddings":
		fmt.Fprint(w, `{"object":"list","model":"embed-2026","data":[],"usage":{"prompt_tokens":11,"total_tokens":11}}`)
	default:
		fmt.Fprint(w, `{"object":"list","data":[]}`)
	}
}

func client(t *testing.T) sdkopenai.Client {
	server := httptest.NewServer(http.HandlerFunc(api))
	t.Cleanup(server.Close)
	return openaiv2.NewClient(option.WithBaseURL(server.URL), option.WithAPIKey("key"), option.WithMaxRetries(0))
}

func recorder(t *testing.T) *tracetest.SpanRecorder {
	rec := tracetest.NewSpanRecorder()
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(sdk.NewTracerProvider(sdk.WithSpanProcessor(rec)))
	t.Cleanup(func() { otel.SetTracerProvider(before) })
	return rec
}

// only is the one span that has ended, which is below the parent and tells
// nothing of what was said.
func only(t *testing.T, rec *tracetest.SpanRecorder, parent trace.Span) (sdk.ReadOnlySpan, map[attribute.Key]string) {
	t.Helper()
	ended := rec.Ended()
	if len(ended) != 1 {
		t.Fatalf("%d spans", len(ended))
	}
	rec.Reset()
	span, attributes := ended[0], make(map[attribute.Key]string)
	if span.Parent().SpanID() != parent.SpanContext().SpanID() || span.SpanKind() != trace.SpanKindClient {
		t.Errorf("a %v below %v", span.SpanKind(), span.Parent())
	}
	for _, kv := range span.Attributes() {
		attributes[kv.Key] = kv.Value.Emit()
		if strings.Contains(kv.Value.Emit(), "secret") {
			t.Errorf("the span tells %s=%s", kv.Key, kv.Value.Emit())
		}
	}
	return span, attributes
}

func expect(t *testing.T, got map[attribute.Key]string, want ...string) {
	t.Helper()
	for _, pair := range want {
		key, value, _ := strings.Cut(pair, "=")
		if got[attribute.Key("gen_ai."+key)] != value {
			t.Errorf("gen_ai.%s is %q, want %q", key, got[attribute.Key("gen_ai."+key)], value)
		}
	}
}

var question = sdkopenai.ChatCompletionNewParams{
	Model: "gpt-x", MaxCompletionTokens: sdkopenai.Int(50), Temperature: sdkopenai.Float(0.5),
	Messages: []sdkopenai.ChatCompletionMessageParamUnion{sdkopenai.UserMessage("my secret")},
}

func TestChat(t *testing.T) {
	c, rec := client(t), recorder(t)
	ctx, parent := otel.Tracer("test").Start(t.Context(), "agent")
	answer, err := c.Chat.Completions.New(ctx, question)
	if err != nil || answer.Choices[0].Message.Content != "secret" {
		t.Fatal(answer, err)
	}
	span, got := only(t, rec, parent)
	if span.Name() != "chat gpt-x" {
		t.Errorf("the span is called %q", span.Name())
	}
	expect(t, got, "operation.name=chat", "provider.name=openai", "request.model=gpt-x", "request.max_tokens=50", "request.temperature=0.5",
		"response.model=gpt-x-2026", "response.id=c1", `response.finish_reasons=["stop"]`,
		"usage.input_tokens=7", "usage.output_tokens=2", "usage.cache_read.input_tokens=3")
	if got["server.address"] != "127.0.0.1" {
		t.Errorf("server.address is %q", got["server.address"])
	}
}

func TestStream(t *testing.T) {
	c, rec := client(t), recorder(t)
	ctx, parent := otel.Tracer("test").Start(t.Context(), "agent")
	stream := c.Chat.Completions.NewStreaming(ctx, question)
	said := ""
	for stream.Next() {
		for _, choice := range stream.Current().Choices {
			said += choice.Delta.Content
		}
	}
	if stream.Err() != nil || said != "secret" {
		t.Fatal(said, stream.Err())
	}
	stream.Close()
	_, got := only(t, rec, parent)
	expect(t, got, "response.model=gpt-x-2026", "response.id=c1", `response.finish_reasons=["stop"]`, "usage.input_tokens=7", "usage.output_tokens=2")

	stream = c.Chat.Completions.NewStreaming(ctx, question)
	stream.Next()
	stream.Close() // the rest is of no interest
	if span, _ := only(t, rec, parent); span.Status().Code == codes.Error {
		t.Error("a stream that is left is a failure")
	}
}

func TestOtherRequests(t *testing.T) {
	c, rec := client(t), recorder(t)
	ctx, parent := otel.Tracer("test").Start(t.Context(), "agent")
	if _, err := c.Responses.New(ctx, responses.ResponseNewParams{
		Model: "gpt-x", Input: responses.ResponseNewParamsInputUnion{OfString: sdkopenai.String("my secret")},
	}); err != nil {
		t.Fatal(err)
	}
	_, got := only(t, rec, parent)
	expect(t, got, "operation.name=chat", "response.id=r1", `response.finish_reasons=["completed"]`, "usage.input_tokens=5", "usage.output_tokens=4")

	if _, err := c.Embeddings.New(ctx, sdkopenai.EmbeddingNewParams{
		Model: "embed", Input: sdkopenai.EmbeddingNewParamsInputUnion{OfString: sdkopenai.String("my secret")},
	}); err != nil {
		t.Fatal(err)
	}
	span, got := only(t, rec, parent)
	if span.Name() != "embeddings embed" {
		t.Errorf("the span is called %q", span.Name())
	}
	expect(t, got, "operation.name=embeddings", "usage.input_tokens=11")

	if _, err := c.Models.List(ctx); err != nil {
		t.Fatal(err)
	}
	if n := len(rec.Ended()); n > 0 {
		t.Errorf("a list of models has %d spans", n)
	}
}

func TestFailures(t *testing.T) {
	c, rec := client(t), recorder(t)
	ctx, parent := otel.Tracer("test").Start(t.Context(), "agent")
	refused := question
	refused.Model = "refuse"
	_, err := c.Chat.Completions.New(ctx, refused)
	var own *sdkopenai.Error
	if !errors.As(err, &own) || own.StatusCode != http.StatusBadRequest {
		t.Fatalf("got %v", err)
	}
	span, got := only(t, rec, parent)
	if span.Status().Code != codes.Error || got["error.type"] != "400" {
		t.Errorf("status %v, error.type %q", span.Status(), got["error.type"])
	}

	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := c.Chat.Completions.New(cancelled, question); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	for _, span := range rec.Ended() {
		if span.Status().Code != codes.Error {
			t.Errorf("%s has not failed", span.Name())
		}
	}
}
