package model

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestCompleteAndStreamAgree(t *testing.T) {
	m := &Offline{Name: "test"}
	prompt := Prompt{Text: "who?", Facts: []string{"Acme pays late", "risk: high"}}
	whole, err := m.Complete(t.Context(), prompt)
	if want := "Here is what I found. Acme pays late. risk: high."; err != nil || whole.Text != want {
		t.Errorf("Complete = %q, %v; want %q", whole.Text, err, want)
	}
	var words []string
	for word, err := range m.Stream(t.Context(), prompt) {
		if err != nil {
			t.Fatal(err)
		}
		words = append(words, word)
	}
	if got := strings.Join(words, " "); got != whole.Text || len(words) != whole.Tokens {
		t.Errorf("Stream = %q, want %q", got, whole.Text)
	}
}

func TestDetailedIsLonger(t *testing.T) {
	m := &Offline{}
	short, _ := m.Complete(t.Context(), Prompt{Facts: []string{"one fact"}})
	long, _ := m.Complete(t.Context(), Prompt{Facts: []string{"one fact"}, Detailed: true})
	if long.Tokens <= short.Tokens {
		t.Errorf("a detailed answer has %d tokens, a short one %d", long.Tokens, short.Tokens)
	}
}

func TestCancelledCallersGetTheirReason(t *testing.T) {
	reason := errors.New("caller went away")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(reason)
	m := &Offline{PerToken: time.Hour}
	if _, err := m.Complete(ctx, Prompt{}); !errors.Is(err, reason) {
		t.Errorf("Complete = %v, want %v", err, reason)
	}
	for _, err := range m.Stream(ctx, Prompt{}) {
		if !errors.Is(err, reason) {
			t.Errorf("Stream = %v, want %v", err, reason)
		}
	}
}
