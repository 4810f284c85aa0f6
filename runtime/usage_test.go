package orchestrall_test

import (
	"fmt"
	"testing"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

type modelName string

type openAI struct {
	Model modelName
	Usage struct{ PromptTokens, CompletionTokens int64 }
}

type anthropic struct {
	ID    string
	Usage *struct{ InputTokens, OutputTokens int }
}

type gemini struct {
	UsageMetadata *struct {
		PromptTokenCount     *int32
		CandidatesTokenCount uint32
	}
}

type spoken struct{ in, out int }

// TokenUsage is the method that results may have.
func (s *spoken) TokenUsage() (input, output int) { return s.in, s.out }

type embedding struct {
	*openAI
	usage struct{ inputTokens, outputTokens float64 }
}

func TestUsage(t *testing.T) {
	open := &openAI{Model: "m-1"}
	open.Usage.PromptTokens, open.Usage.CompletionTokens = 3, 4
	ant := anthropic{Usage: &struct{ InputTokens, OutputTokens int }{5, 0}}
	var gem gemini
	seven := int32(7)
	gem.UsageMetadata = &struct {
		PromptTokenCount     *int32
		CandidatesTokenCount uint32
	}{&seven, 8}
	kept := embedding{}
	kept.usage.inputTokens, kept.usage.outputTokens = 9, 10
	const none = "(none)"
	for name, test := range map[string]struct{ input, output, model, wantInput, wantOutput, wantModel any }{
		"openai":         {orchestrall.UsageOf(open, 0), orchestrall.UsageOf(open, 1), orchestrall.ModelOf(open), 3, 4, "m-1"},
		"a pointer more": {orchestrall.UsageOf(&open, 0), orchestrall.UsageOf(any(open), 1), orchestrall.ModelOf(*open), 3, 4, "m-1"},
		"anthropic":      {orchestrall.UsageOf(ant, 0), orchestrall.UsageOf(ant, 1), orchestrall.ModelOf(ant), 5, 0, none},
		"gemini":         {orchestrall.UsageOf(&gem, 0), orchestrall.UsageOf(&gem, 1), orchestrall.ModelOf(&gem), 7, 8, none},
		"method":         {orchestrall.UsageOf(&spoken{1, 2}, 0), orchestrall.UsageOf(&spoken{1, 2}, 1), orchestrall.ModelOf(&spoken{}), 1, 2, none},
		"own fields":     {orchestrall.UsageOf(kept, 0), orchestrall.UsageOf(kept, 1), orchestrall.ModelOf(kept), 9, 10, none},
		"nil":            {orchestrall.UsageOf((*openAI)(nil), 0), orchestrall.UsageOf[any](nil, 1), orchestrall.ModelOf((*openAI)(nil)), none, none, none},
		"nil method":     {orchestrall.UsageOf((*spoken)(nil), 0), orchestrall.UsageOf(any((*spoken)(nil)), 1), orchestrall.ModelOf((*spoken)(nil)), none, none, none},
		"never filled":   {orchestrall.UsageOf(&openAI{}, 0), orchestrall.UsageOf(anthropic{}, 1), orchestrall.ModelOf(openAI{}), none, none, none},
		"text":           {orchestrall.UsageOf("yes", 0), orchestrall.UsageOf(12, 1), orchestrall.ModelOf([]int{1}), none, none, none},
		"no such part":   {orchestrall.UsageOf(open, 2), orchestrall.UsageOf(open, -1), orchestrall.ModelOf(map[string]string{"Model": "x"}), none, none, none},
	} {
		o := operation(orchestrall.Spec{Name: "Usage.Of", Kind: orchestrall.LLM, Log: "off", Fields: []orchestrall.Field{
			{Key: "in", AtEnd: true}, {Key: "out", AtEnd: true}, {Key: "model", AtEnd: true},
		}})
		recorder := spans(t)
		_, call := o.Start(t.Context())
		call.End(func(i int) orchestrall.Value { return orchestrall.Of([]any{test.input, test.output, test.model}[i]) })
		s := only(t, recorder)
		for i, want := range []any{test.wantInput, test.wantOutput, test.wantModel} {
			key := []string{"in", "out", "model"}[i]
			text := "(absent)"
			if want != none {
				text = fmt.Sprint(want)
			}
			if got := attr(s, key); got != text {
				t.Errorf("%s: %s = %s, want %s", name, key, got, text)
			}
		}
	}
}
