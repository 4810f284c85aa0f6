package googlegenai_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/genai"

	"github.com/orchestrall/orchestrall/runtime/googlegenai"
	"github.com/orchestrall/orchestrall/runtime/internal/genaitest"
	"github.com/orchestrall/orchestrall/runtime/internal/spantest"
)

const piece = `{"candidates":[{"content":{"role":"model","parts":[{"text":"%s"}]}%s}],"usageMetadata":{"promptTokenCount":8,"candidatesTokenCount":%d},"modelVersion":"gemini-x-001","responseId":"r1"}`

func api(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch {
	case strings.Contains(r.URL.Path, "refuse"):
		w.WriteHeader(http.StatusTooManyRequests)
		fmt.Fprint(w, `{"error":{"code":429,"message":"later","status":"RESOURCE_EXHAUSTED"}}`)
	case strings.HasSuffix(r.URL.Path, ":streamGenerateContent"):
		fmt.Fprintf(w, "data: "+piece+"\n\n", "sec", "", 1)
		fmt.Fprintf(w, "data: "+piece+"\n\n", "ret", `,"finishReason":"STOP"`, 3)
	case strings.HasSuffix(r.URL.Path, ":generateContent"):
		fmt.Fprintf(w, piece, "secret", `,"finishReason":"MAX_TOKENS"`, 3)
	default:
		fmt.Fprint(w, `{"embeddings":[{"values":[1]}]}`)
	}
}

func setUp(t *testing.T) (*genai.Client, *tracetest.SpanRecorder) {
	server := httptest.NewServer(http.HandlerFunc(api))
	t.Cleanup(server.Close)
	return connect(t, server.URL), spantest.Record(t)
}

func connect(t *testing.T, url string) *genai.Client {
	t.Helper()
	client, err := genai.NewClient(t.Context(), &genai.ClientConfig{
		APIKey: "key", Backend: genai.BackendGeminiAPI, HTTPOptions: genai.HTTPOptions{BaseURL: url},
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestRequests(t *testing.T) {
	client, rec := setUp(t)
	models := *client.Models
	ctx, parent := otel.Tracer("test").Start(t.Context(), "agent")
	warm := float32(0.5)
	resp, err := googlegenai.GenerateContent(models, ctx, "gemini-x", genai.Text("my secret"), &genai.GenerateContentConfig{MaxOutputTokens: 50, Temperature: &warm})
	if err != nil || resp.Text() != "secret" {
		t.Fatal(resp, err)
	}
	genaitest.Only(t, rec, parent, "generate_content gemini-x",
		"gen_ai.operation.name=generate_content", "gen_ai.provider.name=gcp.gen_ai", "gen_ai.request.model=gemini-x",
		"gen_ai.request.max_tokens=50", "gen_ai.request.temperature=0.5", "gen_ai.response.model=gemini-x-001",
		`gen_ai.response.finish_reasons=["max_tokens"]`, "gen_ai.usage.input_tokens=8", "gen_ai.usage.output_tokens=3")
	if _, err := googlegenai.EmbedContent(models, ctx, "embed-x", genai.Text("my secret"), nil); err != nil {
		t.Fatal(err)
	}
	genaitest.Only(t, rec, parent, "embeddings embed-x",
		"gen_ai.operation.name=embeddings")
}

func TestStream(t *testing.T) {
	client, rec := setUp(t)
	models := *client.Models
	ctx, parent := otel.Tracer("test").Start(t.Context(), "agent")
	pieces := googlegenai.GenerateContentStream(models, ctx, "gemini-x", genai.Text("my secret"), nil)
	said := ""
	for resp, err := range pieces {
		if err != nil {
			t.Fatal(err)
		}
		if len(rec.Ended()) != 0 {
			t.Error("the span has ended before the stream")
		}
		said += resp.Text()
	}
	if said != "secret" {
		t.Errorf("got %q", said)
	}
	genaitest.Only(t, rec, parent, "generate_content gemini-x",
		`gen_ai.response.finish_reasons=["stop"]`, "gen_ai.usage.input_tokens=8", "gen_ai.usage.output_tokens=3")
	for range googlegenai.GenerateContentStream(models, ctx, "gemini-x", genai.Text("my secret"), nil) {
		break
	}
	genaitest.Only(t, rec, parent, "generate_content gemini-x")
}

func TestFailure(t *testing.T) {
	client, rec := setUp(t)
	models := *client.Models
	_, err := googlegenai.GenerateContent(models, t.Context(), "refuse", genai.Text("x"), nil)
	var own genai.APIError
	if !errors.As(err, &own) || own.Code != http.StatusTooManyRequests {
		t.Fatalf("got %v", err)
	}
	for _, err := range googlegenai.GenerateContentStream(models, t.Context(), "refuse", genai.Text("x"), nil) {
		if err == nil {
			t.Error("answered")
		}
	}
	for _, span := range rec.Ended() {
		if span.Status().Code != codes.Error {
			t.Errorf("%s has not failed", span.Name())
		}
	}
	if n := len(rec.Ended()); n != 2 {
		t.Errorf("%d spans", n)
	}
}

// When a request is sent is the library's choice, which differs by version.
func TestStreamsAskWhenTheLibraryDoes(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked.Add(1); api(w, r) }))
	t.Cleanup(server.Close)
	type stream func(genai.Models, context.Context, string, []*genai.Content, *genai.GenerateContentConfig) iter.Seq2[*genai.GenerateContentResponse, error]
	requests := func(send stream) (counts []int32) {
		pieces := send(*connect(t, server.URL).Models, t.Context(), "gemini-x", genai.Text("x"), nil)
		counts = append(counts, asked.Swap(0))
		for range 2 {
			for range pieces {
			}
			counts = append(counts, asked.Swap(0))
		}
		return counts
	}
	if got, want := requests(googlegenai.GenerateContentStream), requests(genai.Models.GenerateContentStream); !slices.Equal(got, want) {
		t.Errorf("at the call and by two loops it sends %d requests, the library %d", got, want)
	}
}

func TestAStreamThatNobodyReadsEnds(t *testing.T) {
	client, rec := setUp(t)
	models := *client.Models
	googlegenai.GenerateContentStream(models, t.Context(), "gemini-x", genai.Text("x"), nil)
	for deadline := time.Now().Add(time.Minute); len(rec.Ended()) == 0; runtime.GC() {
		if time.Now().After(deadline) {
			t.Fatal("the span of a stream that nobody has does not end")
		}
	}
}
