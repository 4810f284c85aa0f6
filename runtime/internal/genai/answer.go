package genai

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// maxContent caps what is kept of prompts and of answers, in bytes.
const maxContent = 64 << 10

var errPanic = errors.New("panic while the request was sent")

// An answer is what spans tell of a model's response. A stream fills it piece
// by piece.
type answer struct {
	keep   bool // content, too
	model  string
	id     string
	finish []string
	input  *int
	output *int
	cached *int
	said   strings.Builder
}

// document is an answer, or an event of a stream, of either API. Everything
// that is not named is skipped, content among it where it is not wanted.
type document struct {
	ID         string    `json:"id"`
	Model      string    `json:"model"`
	Status     string    `json:"status"`
	StopReason string    `json:"stop_reason"`
	Usage      *counted  `json:"usage"`
	Choices    []choice  `json:"choices"`
	Message    *document `json:"message"`  // Anthropic: message_start
	Response   *document `json:"response"` // OpenAI: response.completed and the like
	Type       string    `json:"type"`
	Delta      delta     `json:"delta"` // Anthropic: message_delta; a string in OpenAI's response events
	Content    []part    `json:"content"`
	Output     []struct {
		Content []part `json:"content"`
	} `json:"output"`
}

type counted struct {
	InputTokens      *int `json:"input_tokens"`
	OutputTokens     *int `json:"output_tokens"`
	PromptTokens     *int `json:"prompt_tokens"`
	CompletionTokens *int `json:"completion_tokens"`
	CacheRead        *int `json:"cache_read_input_tokens"`
	PromptDetails    struct {
		Cached *int `json:"cached_tokens"`
	} `json:"prompt_tokens_details"`
	InputDetails struct {
		Cached *int `json:"cached_tokens"`
	} `json:"input_tokens_details"`
}

type choice struct {
	FinishReason string `json:"finish_reason"`
	Text         string `json:"text"`
	Message      part   `json:"message"`
	Delta        part   `json:"delta"`
}

// part is a piece of content. Content is a string in most places.
type part struct {
	Text    string          `json:"text"`
	Content json.RawMessage `json:"content"`
}

func (p part) said() string {
	if p.Text != "" {
		return p.Text
	}
	var s string
	_ = json.Unmarshal(p.Content, &s) // null, or a list that is none of ours
	return s
}

// delta is an object with a stop reason or text, or the text itself.
type delta struct {
	StopReason string
	Text       string
}

// UnmarshalJSON implements json.Unmarshaler; nothing that comes is an error.
func (d *delta) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, &d.Text) == nil {
		return nil
	}
	var object struct {
		StopReason string `json:"stop_reason"`
		Text       string `json:"text"`
	}
	if json.Unmarshal(data, &object) == nil {
		d.StopReason, d.Text = object.StopReason, object.Text
	}
	return nil
}

// read adds what one document says. Text that is no JSON, such as the end of a
// stream, says nothing.
func (a *answer) read(data []byte) {
	var d document
	var mismatch *json.UnmarshalTypeError
	if err := json.Unmarshal(data, &d); err != nil && !errors.As(err, &mismatch) {
		return
	}
	a.add(&d)
}

func (a *answer) add(d *document) {
	for _, inner := range []*document{d.Message, d.Response} {
		if inner != nil {
			a.add(inner)
		}
	}
	setText(&a.model, d.Model)
	if a.id == "" && d.Type != "response.output_text.delta" {
		a.id = d.ID
	}
	a.finished(d.StopReason)
	a.finished(d.Delta.StopReason)
	if d.Status == "completed" || d.Status == "incomplete" || d.Status == "failed" {
		a.finished(d.Status)
	}
	for _, c := range d.Choices {
		a.finished(c.FinishReason)
	}
	if u := d.Usage; u != nil {
		setCount(&a.input, u.InputTokens, u.PromptTokens)
		setCount(&a.output, u.OutputTokens, u.CompletionTokens)
		setCount(&a.cached, u.CacheRead, u.PromptDetails.Cached, u.InputDetails.Cached)
	}
	if a.keep {
		a.listen(d)
	}
}

func (a *answer) finished(reason string) {
	if reason != "" && len(a.finish) < 128 && !slices.Contains(a.finish, reason) {
		a.finish = append(a.finish, reason)
	}
}

// say keeps text of the answer.
func (a *answer) say(s string) {
	if room := maxContent - a.said.Len(); room > 0 {
		a.said.WriteString(s[:min(len(s), room)])
	}
}

// listen keeps the text of d.
func (a *answer) listen(d *document) {
	for _, c := range d.Choices {
		a.say(c.Text)
		a.say(c.Message.said())
		a.say(c.Delta.said())
	}
	a.say(d.Delta.Text)
	if d.Type == "response" || d.Type == "message" || d.Type == "" {
		for _, p := range d.Content {
			a.say(p.said())
		}
	}
	if a.said.Len() == 0 { // a stream has said it before
		for _, o := range d.Output {
			for _, p := range o.Content {
				a.say(p.said())
			}
		}
	}
}

// content is the answer as gen_ai.output.messages has it.
func (a *answer) content() string {
	if a.said.Len() == 0 {
		return ""
	}
	return messages([]message{{Role: "assistant", Parts: []textPart{{"text", a.said.String()}}}})
}

// message is one message by the JSON schema of the semantic conventions.
type message struct {
	Role  string     `json:"role"`
	Parts []textPart `json:"parts"`
}

type textPart struct {
	Type    string `json:"type"`
	Content string `json:"content"`
}

func messages(all []message) string {
	data, err := json.Marshal(all)
	if err != nil {
		return ""
	}
	return string(data)
}

// content is the prompt as gen_ai.input.messages has it: the text of it.
func (r *request) content() string {
	var all []message
	var plain string
	for _, raw := range []json.RawMessage{r.Messages, r.Input, r.Prompt} {
		var list []struct {
			Role    string          `json:"role"`
			Content json.RawMessage `json:"content"`
		}
		switch {
		case len(raw) == 0:
		case json.Unmarshal(raw, &plain) == nil:
			all = append(all, message{"user", []textPart{{"text", plain}}})
		case json.Unmarshal(raw, &list) == nil:
			for _, m := range list {
				all = append(all, message{m.Role, texts(m.Content)})
			}
		}
	}
	if len(all) == 0 {
		return ""
	}
	return messages(all)
}

// texts are the texts of a message's content: a string, or a list of parts.
func texts(raw json.RawMessage) []textPart {
	var plain string
	if json.Unmarshal(raw, &plain) == nil {
		return []textPart{{"text", plain}}
	}
	found := []textPart{}
	var parts []part
	if json.Unmarshal(raw, &parts) == nil {
		for _, p := range parts {
			if s := p.said(); s != "" {
				found = append(found, textPart{"text", s})
			}
		}
	}
	return found
}

func setText(to *string, s string) {
	if s != "" {
		*to = s
	}
}

func setCount(to **int, counts ...*int) {
	for _, n := range counts {
		if n != nil {
			*to = n
			return
		}
	}
}
