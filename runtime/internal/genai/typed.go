package genai

import (
	"context"
	"encoding/json"
	"net/url"
)

// Asked is a request by an SDK that has no place for a middleware, as far as
// spans tell of it.
type Asked struct {
	Provider    *Provider
	Operation   string // gen_ai.operation.name
	Model       string
	MaxTokens   *int
	Temperature *float64
	TopP        *float64
	Prompt      func() string // called only where content is wanted
}

// Said is an answer, or a piece of one, as far as spans tell of it. Zero values
// say nothing.
type Said struct {
	Model, ID, FinishReason              string
	InputTokens, OutputTokens, FromCache *int
	Text                                 string
}

// An Exchange is a request that waits for its answer. It belongs to one
// goroutine at a time.
type Exchange struct{ x *exchange }

// Start begins the span of a request and returns the context to send it with.
func Start(ctx context.Context, asked Asked) (context.Context, *Exchange) {
	x := &exchange{provider: asked.Provider, operation: asked.Operation, url: new(url.URL), request: request{
		Model: asked.Model, MaxTokens: asked.MaxTokens, Temperature: asked.Temperature, TopP: asked.TopP,
	}}
	if x.answer.keep = capture(); x.answer.keep && asked.Prompt != nil {
		x.request.Prompt, _ = json.Marshal(asked.Prompt())
	}
	x.ctx, x.call = op.Start(ctx, x.asked)
	return x.ctx, &Exchange{x}
}

// Add takes in what came.
func (e *Exchange) Add(s Said) {
	a := &e.x.answer
	setText(&a.model, s.Model)
	setText(&a.id, s.ID)
	a.finished(s.FinishReason)
	setCount(&a.input, s.InputTokens)
	setCount(&a.output, s.OutputTokens)
	setCount(&a.cached, s.FromCache)
	if a.keep {
		a.say(s.Text)
	}
}

// End ends the span; only the first call counts. nil is success.
func (e *Exchange) End(err error) { e.x.end(err) }

// Panicked ends the span of a request that a panic leaves. It is deferred; after
// End it does nothing.
func (e *Exchange) Panicked() { e.x.end(errPanic) }
