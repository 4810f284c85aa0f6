package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
)

// api speaks what the three providers speak.
func api(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	asked := string(body)
	if strings.Contains(asked, `"stream":true`) || strings.Contains(r.URL.Path, ":stream") {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, piece := range pieces(r.URL.Path) {
			fmt.Fprint(w, piece)
			w.(http.Flusher).Flush()
		}
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch path := r.URL.Path; {
	case strings.Contains(asked, "refuse"):
		w.WriteHeader(http.StatusTooManyRequests)
		fmt.Fprint(w, `{"error":{"message":"no","type":"rate_limit","code":"later"}}`)
	case path == "/openai/chat/completions":
		fmt.Fprint(w, `{"id":"c1","object":"chat.completion","model":"gpt-x-2026","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"secret"}}],"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}`)
	case path == "/openai/responses":
		fmt.Fprint(w, `{"id":"r1","object":"response","status":"completed","model":"gpt-x-2026","output":[{"type":"message","content":[{"type":"output_text","text":"secret"}]}],"usage":{"input_tokens":5,"output_tokens":4}}`)
	case path == "/openai/embeddings":
		fmt.Fprint(w, `{"object":"list","model":"embed-x-2026","data":[],"usage":{"prompt_tokens":11,"total_tokens":11}}`)
	case path == "/v1/messages":
		fmt.Fprint(w, `{"id":"m1","type":"message","role":"assistant","model":"claude-x-2026","stop_reason":"end_turn","content":[{"type":"text","text":"secret"}],"usage":{"input_tokens":9,"output_tokens":6}}`)
	case strings.HasSuffix(path, ":generateContent"):
		fmt.Fprintf(w, gemini, "secret", `,"finishReason":"STOP"`, 3)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

const (
	chunk  = "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"model\":\"gpt-x-2026\",\"choices\":[{\"index\":0,\"delta\":{\"content\":%q},\"finish_reason\":%s}]}\n\n"
	gemini = `{"candidates":[{"content":{"role":"model","parts":[{"text":"%s"}]}%s}],"usageMetadata":{"promptTokenCount":8,"candidatesTokenCount":%d},"modelVersion":"gemini-x-001","responseId":"g1"}`
)

func pieces(path string) []string {
	switch {
	case path == "/openai/chat/completions":
		return []string{
			fmt.Sprintf(chunk, "sec", "null"), fmt.Sprintf(chunk, "ret", `"stop"`),
			"data: {\"id\":\"c1\",\"model\":\"gpt-x-2026\",\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,\"total_tokens\":10}}\n\n", "data: [DONE]\n\n",
		}
	case path == "/v1/messages":
		return []string{
			event("message_start", `"message":{"id":"m1","type":"message","role":"assistant","model":"claude-x-2026","content":[],"usage":{"input_tokens":9,"output_tokens":1}}`),
			event("content_block_start", `"index":0,"content_block":{"type":"text","text":""}`),
			event("content_block_delta", `"index":0,"delta":{"type":"text_delta","text":"secret"}`),
			event("content_block_stop", `"index":0`),
			event("message_delta", `"delta":{"stop_reason":"max_tokens"},"usage":{"output_tokens":8}`),
			event("message_stop", `"index":0`),
		}
	default:
		return []string{"data: " + fmt.Sprintf(gemini, "sec", "", 1) + "\n\n", "data: " + fmt.Sprintf(gemini, "ret", `,"finishReason":"STOP"`, 4) + "\n\n"}
	}
}

func event(name, rest string) string {
	return fmt.Sprintf("event: %s\ndata: {\"type\":%q,%s}\n\n", name, name, rest)
}
