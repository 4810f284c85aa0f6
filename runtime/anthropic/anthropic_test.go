package anthropic_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	sdkanthropic "github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/orchestrall/orchestrall/runtime/anthropic"
	"github.com/orchestrall/orchestrall/runtime/internal/genaitest"
	"github.com/orchestrall/orchestrall/runtime/internal/spantest"
)

const stream = `event: message_start
data: {"type":"message_start","message":{"id":"m1","type":"message","role":"assistant","model":"claude-x-2026","content":[],"usage":{"input_tokens":9,"cache_read_input_tokens":4,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"secret"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"max_tokens"},"usage":{"output_tokens":6}}

event: message_stop
data: {"type":"message_stop"}

`

func api(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	switch {
	case strings.Contains(string(body), "overload"):
		w.WriteHeader(529)
		fmt.Fprint(w, `{"type":"error","error":{"type":"overloaded_error","message":"later"}}`)
	case strings.Contains(string(body), `"stream":true`):
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, stream)
	default:
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"id":"m1","type":"message","role":"assistant","model":"claude-x-2026","stop_reason":"end_turn","content":[{"type":"text","text":"secret"}],"usage":{"input_tokens":9,"output_tokens":6}}`)
	}
}

func setUp(t *testing.T) (sdkanthropic.Client, *tracetest.SpanRecorder) {
	server := httptest.NewServer(http.HandlerFunc(api))
	t.Cleanup(server.Close)
	return anthropic.NewClient(option.WithBaseURL(server.URL), option.WithAPIKey("key"), option.WithMaxRetries(1)), spantest.Record(t)
}

func question(model sdkanthropic.Model) sdkanthropic.MessageNewParams {
	return sdkanthropic.MessageNewParams{
		Model: model, MaxTokens: 100,
		Messages: []sdkanthropic.MessageParam{sdkanthropic.NewUserMessage(sdkanthropic.NewTextBlock("my secret"))},
	}
}

func TestMessage(t *testing.T) {
	c, rec := setUp(t)
	ctx, parent := otel.Tracer("test").Start(t.Context(), "agent")
	answer, err := c.Messages.New(ctx, question("claude-x"))
	if err != nil || answer.Content[0].Text != "secret" {
		t.Fatal(answer, err)
	}
	genaitest.Only(t, rec, parent, "chat claude-x",
		"gen_ai.operation.name=chat", "gen_ai.provider.name=anthropic", "gen_ai.request.model=claude-x",
		"gen_ai.request.max_tokens=100", "gen_ai.response.model=claude-x-2026", "gen_ai.response.id=m1",
		`gen_ai.response.finish_reasons=["end_turn"]`, "gen_ai.usage.input_tokens=9", "gen_ai.usage.output_tokens=6")
}

func TestStream(t *testing.T) {
	c, rec := setUp(t)
	ctx, parent := otel.Tracer("test").Start(t.Context(), "agent")
	events, n := c.Messages.NewStreaming(ctx, question("claude-x")), 0
	for events.Next() {
		n++
	}
	if events.Err() != nil || n != 6 {
		t.Fatal(n, events.Err())
	}
	genaitest.Only(t, rec, parent, "chat claude-x",
		"gen_ai.response.model=claude-x-2026", "gen_ai.response.id=m1", `gen_ai.response.finish_reasons=["max_tokens"]`,
		"gen_ai.usage.input_tokens=9", "gen_ai.usage.output_tokens=6", "gen_ai.usage.cache_read.input_tokens=4")
}

func TestEachAttemptHasASpan(t *testing.T) {
	c, rec := setUp(t)
	ctx, parent := otel.Tracer("test").Start(t.Context(), "agent")
	if _, err := c.Messages.New(ctx, question("overload")); err == nil {
		t.Fatal("answered")
	}
	if n := len(rec.Ended()); n != 2 {
		t.Errorf("%d spans for a request and its repetition", n)
	}
	for _, span := range rec.Ended() {
		if span.Status().Code != codes.Error || span.Parent().SpanID() != parent.SpanContext().SpanID() {
			t.Errorf("%v below %v", span.Status(), span.Parent())
		}
	}
}
