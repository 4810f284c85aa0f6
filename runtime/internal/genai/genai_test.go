package genai

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// Content is off unless asked for; the tests of the SDKs' hooks hold that. Here
// it is on.
func TestMain(m *testing.M) {
	os.Setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true")
	os.Exit(m.Run())
}

func recorder(t *testing.T) *tracetest.SpanRecorder {
	rec := tracetest.NewSpanRecorder()
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(sdk.NewTracerProvider(sdk.WithSpanProcessor(rec)))
	t.Cleanup(func() { otel.SetTracerProvider(before) })
	return rec
}

// ask sends a request whose answer is known.
func ask(t *testing.T, path, question, kind, answer string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://api.test"+path, strings.NewReader(question))
	if err != nil {
		t.Fatal(err)
	}
	return OpenAI.Do(req, func(*http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(strings.NewReader(answer)),
		}, nil
	})
}

func valueOf(span sdk.ReadOnlySpan, key string) string {
	for _, kv := range span.Attributes() {
		if string(kv.Key) == key {
			return kv.Value.Emit()
		}
	}
	return ""
}

func TestContentOnDemand(t *testing.T) {
	rec := recorder(t)
	for _, test := range []struct{ path, question, kind, answer string }{
		{"/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":"ping"}]}`, "application/json", `{"choices":[{"message":{"content":"pong"}}]}`},
		{"/v1/chat/completions", `{"messages":[{"role":"user","content":[{"type":"text","text":"ping"},{"type":"image_url"}]}]}`, "text/event-stream; charset=utf-8", "data: {\"choices\":[{\"delta\":{\"content\":\"po\"}}]}\r\n\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"ng\"}}]}"},
		{"/v1/responses", `{"input":"ping"}`, "application/json", `{"output":[{"content":[{"type":"output_text","text":"pong"}]}]}`},
		{"/v1/responses", `{"input":"ping"}`, "text/event-stream", "data: {\"type\":\"response.output_text.delta\",\"delta\":\"pong\"}\n\ndata: {\"type\":\"response.completed\",\"response\":{\"output\":[{\"content\":[{\"text\":\"pong\"}]}]}}\n\n"},
		{"/v1/completions", `{"prompt":"ping"}`, "application/json", `{"choices":[{"text":"pong"}]}`},
	} {
		rec.Reset()
		resp, err := ask(t, test.path, test.question, test.kind, test.answer)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		if err != nil || string(got) != test.answer {
			t.Errorf("the caller reads %q, %v", got, err)
		}
		resp.Body.Close()
		span := rec.Ended()[0]
		if got := valueOf(span, "gen_ai.input.messages"); got != `[{"role":"user","parts":[{"type":"text","content":"ping"}]}]` {
			t.Errorf("%s %s: asked %s", test.path, test.kind, got)
		}
		if got := valueOf(span, "gen_ai.output.messages"); got != `[{"role":"assistant","parts":[{"type":"text","content":"pong"}]}]` {
			t.Errorf("%s %s: answered %s", test.path, test.kind, got)
		}
	}
}

type broken struct{ io.Reader }

func (broken) Close() error { return nil }

func TestAnswerThatBreaksOff(t *testing.T) {
	rec := recorder(t)
	cut := errors.New("connection reset")
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://api.test/v1/chat/completions", http.NoBody)
	resp, err := OpenAI.Do(req, func(*http.Request) (*http.Response, error) {
		reader, writer := io.Pipe()
		go func() {
			_, _ = io.WriteString(writer, `{"id":`)
			writer.CloseWithError(cut)
		}()
		return &http.Response{StatusCode: http.StatusOK, Body: broken{reader}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(resp.Body); err != cut {
		t.Errorf("got %v", err)
	}
	resp.Body.Close()
	if ended := rec.Ended(); len(ended) != 1 || ended[0].Status().Code != codes.Error {
		t.Errorf("got %v", ended)
	}
}

func TestPanicOnTheWayEndsTheSpan(t *testing.T) {
	rec := recorder(t)
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://api.test/v1/embeddings", http.NoBody)
	func() {
		defer func() {
			if got := recover(); got != "boom" {
				t.Errorf("got %v", got)
			}
		}()
		_, _ = OpenAI.Do(req, func(*http.Request) (*http.Response, error) { panic("boom") })
	}()
	if ended := rec.Ended(); len(ended) != 1 || ended[0].Status().Code != codes.Error {
		t.Errorf("got %v", ended)
	}
}

func TestLongestPathDecides(t *testing.T) {
	for path, want := range map[string]string{
		"/v1/chat/completions": "chat", "/v1/completions/": "text_completion", "/openai/deployments/x/embeddings": "embeddings",
		"/v1/models": "", "/": "", "/v1/responses/r1": "",
	} {
		req, _ := http.NewRequest(http.MethodGet, "http://api.test"+path, http.NoBody)
		if got := OpenAI.operation(req.URL); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
}

// Whatever an answer holds, the caller reads it byte for byte.
func FuzzAnswer(f *testing.F) {
	f.Add("data: {\"choices\":[{\"delta\":{\"content\":1}}]}\n\n", true)
	f.Add(`{"usage":{"input_tokens":"x"},"id":3}`, false)
	f.Add("data: [DONE]", true)
	f.Fuzz(func(t *testing.T, answer string, stream bool) {
		kind := "application/json"
		if stream {
			kind = "text/event-stream"
		}
		resp, err := ask(t, "/chat/completions", answer, kind, answer)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		if err != nil || string(got) != answer {
			t.Errorf("the caller reads %q, %v", got, err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
	})
}
