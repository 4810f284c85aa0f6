package genaitest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"

	"github.com/orchestrall/orchestrall/runtime/internal/spantest"
)

// A Client is one of OpenAI's SDKs, with the hook. It asks "my secret" unless
// said otherwise, and takes nothing but the answer.
type Client struct {
	Chat    func(ctx context.Context, model string) (string, error) // at most 50 tokens, at temperature 0.5
	Stream  func(ctx context.Context, whole bool) (string, error)   // a chat with gpt-x; the first piece is enough, unless it is to be whole
	Respond func(context.Context) error                             // by gpt-x
	Embed   func(context.Context) error                             // by embed-x
	List    func(context.Context) error                             // the models
	Status  func(error) int                                         // what the SDK's own error says, 0 for others
}

// OpenAI tests the hook of one of OpenAI's SDKs. connect makes a client of the
// service at a URL, which tries everything once.
func OpenAI(t *testing.T, connect func(url string) Client) {
	server := httptest.NewServer(http.HandlerFunc(openAI))
	t.Cleanup(server.Close)
	c, rec := connect(server.URL), spantest.Record(t)
	ctx, parent := otel.Tracer("test").Start(t.Context(), "agent")

	t.Run("chat", func(t *testing.T) {
		rec.Reset()
		if answer, err := c.Chat(ctx, "gpt-x"); err != nil || answer != "secret" {
			t.Fatal(answer, err)
		}
		Only(t, rec, parent, "chat gpt-x", "gen_ai.operation.name=chat", "gen_ai.provider.name=openai",
			"gen_ai.request.model=gpt-x", "gen_ai.request.max_tokens=50", "gen_ai.request.temperature=0.5",
			"gen_ai.response.model=gpt-x-2026", "gen_ai.response.id=c1", `gen_ai.response.finish_reasons=["stop"]`,
			"gen_ai.usage.input_tokens=7", "gen_ai.usage.output_tokens=2", "gen_ai.usage.cache_read.input_tokens=3",
			"server.address=127.0.0.1")
	})

	t.Run("stream", func(t *testing.T) {
		rec.Reset()
		if answer, err := c.Stream(ctx, true); err != nil || answer != "secret" {
			t.Fatal(answer, err)
		}
		Only(t, rec, parent, "chat gpt-x", "gen_ai.response.model=gpt-x-2026", "gen_ai.response.id=c1",
			`gen_ai.response.finish_reasons=["stop"]`, "gen_ai.usage.input_tokens=7", "gen_ai.usage.output_tokens=2")
		if _, err := c.Stream(ctx, false); err != nil {
			t.Fatal(err)
		}
		if span := Only(t, rec, parent, "chat gpt-x"); span.Status().Code == codes.Error {
			t.Error("a stream that is left is a failure")
		}
	})

	t.Run("others", func(t *testing.T) {
		rec.Reset()
		if err := c.Respond(ctx); err != nil {
			t.Fatal(err)
		}
		Only(t, rec, parent, "chat gpt-x", "gen_ai.operation.name=chat", "gen_ai.response.id=r1",
			`gen_ai.response.finish_reasons=["completed"]`, "gen_ai.usage.input_tokens=5", "gen_ai.usage.output_tokens=4")
		if err := c.Embed(ctx); err != nil {
			t.Fatal(err)
		}
		Only(t, rec, parent, "embeddings embed-x", "gen_ai.operation.name=embeddings", "gen_ai.usage.input_tokens=11")
		if err := c.List(ctx); err != nil {
			t.Fatal(err)
		}
		if n := len(rec.Ended()); n > 0 {
			t.Errorf("a list of models has %d spans", n)
		}
	})

	t.Run("failures", func(t *testing.T) {
		rec.Reset()
		if _, err := c.Chat(ctx, "refuse"); c.Status(err) != http.StatusBadRequest {
			t.Fatalf("got %v", err)
		}
		if span := Only(t, rec, parent, "chat refuse", "error.type=400"); span.Status().Code != codes.Error {
			t.Errorf("status %v", span.Status())
		}
		cancelled, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := c.Chat(cancelled, "gpt-x"); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v", err)
		}
		for _, span := range rec.Ended() {
			if span.Status().Code != codes.Error {
				t.Errorf("%s has not failed", span.Name())
			}
		}
	})
}

const chunk = "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"model\":\"gpt-x-2026\",\"choices\":[{\"index\":0,\"delta\":{\"content\":%q},\"finish_reason\":%s}]}\n\n"

// openAI answers as the service does, as far as the tests ask.
func openAI(w http.ResponseWriter, r *http.Request) {
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
