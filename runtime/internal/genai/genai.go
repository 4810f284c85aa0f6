// Package genai watches requests to language models at the HTTP level, where the
// SDKs of the providers offer a middleware: a span for each request, by the
// OpenTelemetry semantic conventions for generative AI, with the model, token
// usage and finish reasons, whether the answer comes at once or as a stream.
//
// Prompts and answers are never recorded, unless
// OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT is true.
package genai

import (
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// A Provider is one vendor's API.
type Provider struct {
	Name string // gen_ai.provider.name
	// Operations gives gen_ai.operation.name by the end of the request's path.
	// Requests to other paths are passed on.
	Operations map[string]string
}

// The providers.
var (
	OpenAI = &Provider{Name: "openai", Operations: map[string]string{
		"/chat/completions": "chat",
		"/responses":        "chat",
		"/completions":      "text_completion",
		"/embeddings":       "embeddings",
	}}
	Anthropic = &Provider{Name: "anthropic", Operations: map[string]string{
		"/messages": "chat",
		"/complete": "text_completion",
	}}
	Google = &Provider{Name: "gcp.gen_ai"}
)

// operation tells what a request is for; "" for what is of no interest.
func (p *Provider) operation(u *url.URL) string {
	path, longest := strings.TrimSuffix(u.Path, "/"), ""
	for end := range p.Operations {
		if strings.HasSuffix(path, end) && len(end) > len(longest) {
			longest = end
		}
	}
	return p.Operations[longest]
}

// Do passes a request on. It has the shape of a middleware of the SDKs. The
// response and its body are what next returned, read as the caller reads them;
// the span ends with the body.
func (p *Provider) Do(req *http.Request, next func(*http.Request) (*http.Response, error)) (*http.Response, error) {
	operation := p.operation(req.URL)
	if operation == "" {
		return next(req)
	}
	x := start(req.Context(), p, operation, req.URL, requestBody(req))
	sent := req
	if ctx := x.context(); ctx != req.Context() {
		sent = req.WithContext(ctx)
	}
	defer x.passing() // a panic on its way
	resp, err := next(sent)
	switch {
	case err != nil:
		x.end(err)
	case resp.StatusCode >= http.StatusBadRequest:
		x.end(StatusError(resp.StatusCode))
	case resp.Body == nil || resp.Body == http.NoBody:
		x.end(nil)
	default:
		resp.Body = newBody(resp.Body, x, strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream"))
	}
	x.handedOver = true
	return resp, err
}

// StatusError is the failure of a request that was answered with that status.
type StatusError int

// Error implements error.
func (e StatusError) Error() string {
	return "status " + strconv.Itoa(int(e)) + " " + http.StatusText(int(e))
}

// ErrorType is error.type by the semantic conventions.
func (e StatusError) ErrorType() string { return strconv.Itoa(int(e)) }

// maxBody bounds what is read of a request or kept of an answer that comes at
// once. What is longer has no usage on its span.
const maxBody = 4 << 20

// requestBody reads a copy of the request's body, if the request can give one.
func requestBody(req *http.Request) (data []byte) {
	defer func() {
		if recover() != nil {
			data = nil
		}
	}()
	if req.GetBody == nil {
		return nil
	}
	body, err := req.GetBody()
	if err != nil {
		return nil
	}
	defer body.Close()
	data, err = io.ReadAll(io.LimitReader(body, maxBody))
	if err != nil {
		return nil
	}
	return data
}
