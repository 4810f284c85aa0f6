// Package model is the language model of the platform: an offline one that
// answers from the facts it is given, and takes its time as a remote one does.
package model

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"
)

// A Prompt is what the model is asked.
type Prompt struct {
	Text     string
	Facts    []string
	Detailed bool // a long report instead of a short answer
}

// A Completion is a whole answer.
type Completion struct {
	Text   string
	Tokens int
}

// Offline answers by rule. Its zero value answers at once.
type Offline struct {
	Name     string
	PerToken time.Duration // how long each word of the answer takes
}

// reportRounds is how often a detailed report goes over the facts.
const reportRounds = 12

// Complete returns the answer to p.
//
//orchestrall:trace kind=llm slow=250ms
//orchestrall:attr gen_ai.request.model=m.Name
//orchestrall:attr gen_ai.prompt=p.Text|max=60
//orchestrall:attr gen_ai.usage.output_tokens=answer.Tokens
func (m *Offline) Complete(ctx context.Context, p Prompt) (answer Completion, err error) {
	words := compose(p)
	if err := wait(ctx, time.Duration(len(words))*m.PerToken); err != nil {
		return Completion{}, fmt.Errorf("model %s: %w", m.Name, err)
	}
	return Completion{Text: strings.Join(words, " "), Tokens: len(words)}, nil
}

// Stream yields the answer to p word by word.
//
//orchestrall:trace kind=llm attr.gen_ai.request.model=m.Name
func (m *Offline) Stream(ctx context.Context, p Prompt) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, word := range compose(p) {
			if err := wait(ctx, m.PerToken); err != nil {
				yield("", fmt.Errorf("model %s: %w", m.Name, err))
				return
			}
			if !yield(word, nil) {
				return
			}
		}
	}
}

func compose(p Prompt) []string {
	rounds := 1
	if p.Detailed {
		rounds = reportRounds
	}
	words := []string{"Here", "is", "what", "I", "found."}
	for range rounds {
		for _, fact := range p.Facts {
			words = append(words, strings.Fields(fact+".")...)
		}
	}
	return words
}

// wait returns after d, or earlier with the reason why ctx ended.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
