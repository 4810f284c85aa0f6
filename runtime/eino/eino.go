// Package eino traces cloudwego/eino by the callbacks that eino itself offers:
// a program that imports this package has a global handler which gives graphs,
// chains and workflows, chat models, tools and everything else that eino runs a
// span each. Prompts and answers stay out of it, unless
// OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT is true.
package eino

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/cloudwego/eino/callbacks"
	"github.com/cloudwego/eino/components"
	"github.com/cloudwego/eino/components/model"
	"github.com/cloudwego/eino/schema"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
	"github.com/orchestrall/orchestrall/runtime/internal/genai"
)

var opWorkflow, opAgent, opTool, opComponent orchestrall.Operation

func init() {
	register := func(op *orchestrall.Operation, name string, kind orchestrall.Kind) {
		op.Register(orchestrall.Spec{Name: name, SpanName: "{0}", Kind: kind, Log: "debug", Fields: []orchestrall.Field{
			{Role: orchestrall.NamePart, Key: "name"},
			{Role: orchestrall.Attribute, Key: "eino.component"},
			{Role: orchestrall.Attribute, Key: "eino.type"},
			{Role: orchestrall.Attribute, Key: "eino.name"},
			{Role: orchestrall.Attribute, Key: "gen_ai.tool.name"},
		}})
	}
	register(&opWorkflow, "eino.graph", orchestrall.Workflow)
	register(&opAgent, "eino.agent", orchestrall.Agent)
	register(&opTool, "eino.tool", orchestrall.Tool)
	register(&opComponent, "eino.component", orchestrall.Internal)
	callbacks.AppendGlobalHandlers(handler{})
}

// running is what the handler keeps of a component that runs: either a request
// to a model, or a call.
type running struct {
	model *genai.Exchange
	call  orchestrall.Call
}

type runningKey struct{}

// handler is called by eino around everything that it runs. eino hands the
// context that one method returns to the next one of the same run.
type handler struct{}

// OnStart implements callbacks.Handler.
func (handler) OnStart(ctx context.Context, info *callbacks.RunInfo, input callbacks.CallbackInput) context.Context {
	if info == nil {
		return ctx
	}
	r := new(running)
	if info.Component == components.ComponentOfChatModel {
		ctx, r.model = genai.Start(ctx, asked(info, model.ConvCallbackInput(input)))
	} else {
		ctx, r.call = operation(info.Component).Start(ctx, func(field int) orchestrall.Value { return told(info, field) })
	}
	return context.WithValue(ctx, runningKey{}, r)
}

// OnStartWithStreamInput implements callbacks.Handler.
func (h handler) OnStartWithStreamInput(ctx context.Context, info *callbacks.RunInfo, input *schema.StreamReader[callbacks.CallbackInput]) context.Context {
	input.Close() // a copy that nobody reads would be kept whole
	return h.OnStart(ctx, info, nil)
}

// OnEnd implements callbacks.Handler.
func (handler) OnEnd(ctx context.Context, info *callbacks.RunInfo, output callbacks.CallbackOutput) context.Context {
	if r := runningIn(ctx); r != nil {
		if r.model != nil {
			add(r.model, model.ConvCallbackOutput(output))
		}
		r.end(nil)
	}
	return ctx
}

// OnEndWithStreamOutput implements callbacks.Handler. The answer of a model is
// read on the side, on a copy that eino has made for the purpose; its span ends
// with it.
func (handler) OnEndWithStreamOutput(ctx context.Context, info *callbacks.RunInfo, output *schema.StreamReader[callbacks.CallbackOutput]) context.Context {
	r := runningIn(ctx)
	if r == nil || r.model == nil {
		output.Close()
		r.end(nil)
		return ctx
	}
	go func() {
		defer output.Close()
		for {
			piece, err := output.Recv()
			if err != nil {
				if errors.Is(err, io.EOF) {
					err = nil
				}
				r.end(err)
				return
			}
			add(r.model, model.ConvCallbackOutput(piece))
		}
	}()
	return ctx
}

// OnError implements callbacks.Handler.
func (handler) OnError(ctx context.Context, info *callbacks.RunInfo, err error) context.Context {
	runningIn(ctx).end(err)
	return ctx
}

func runningIn(ctx context.Context) *running {
	r, _ := ctx.Value(runningKey{}).(*running)
	return r
}

func (r *running) end(err error) {
	switch {
	case r == nil:
	case r.model != nil:
		r.model.End(err)
	default:
		r.call.EndErr(&err)
	}
}

// operation is chosen by the kind of component. What eino adds one day is a
// component like any other.
func operation(c components.Component) *orchestrall.Operation {
	switch c {
	case "Graph", "StateGraph", "Chain", "Workflow":
		return &opWorkflow
	case "Agent", "AgentRunner":
		return &opAgent
	case components.ComponentOfTool:
		return &opTool
	}
	return &opComponent
}

func told(info *callbacks.RunInfo, field int) orchestrall.Value {
	switch field {
	case 0:
		return orchestrall.Of(spanName(info))
	case 1:
		return orchestrall.Of(string(info.Component))
	case 2:
		return text(info.Type)
	case 3:
		return text(info.Name)
	case 4:
		if info.Component == components.ComponentOfTool {
			return text(toolName(info))
		}
	}
	return orchestrall.Value{}
}

// toolName is what the program calls the tool, else its type.
func toolName(info *callbacks.RunInfo) string {
	if info.Name != "" {
		return info.Name
	}
	return info.Type
}

// spanName says what runs, and which of them: "execute_tool weather",
// "Graph onboarding".
func spanName(info *callbacks.RunInfo) string {
	what, which := string(info.Component), info.Name
	if info.Component == components.ComponentOfTool {
		what, which = "execute_tool", toolName(info)
	}
	if which == "" {
		which = info.Type
	}
	return strings.TrimSpace(what + " " + which)
}

func text(s string) orchestrall.Value {
	if s == "" {
		return orchestrall.Value{}
	}
	return orchestrall.Of(s)
}

func asked(info *callbacks.RunInfo, input *model.CallbackInput) genai.Asked {
	a := genai.Asked{Provider: &genai.Provider{Name: strings.ToLower(info.Type)}, Operation: "chat"}
	if input == nil {
		return a
	}
	a.Prompt = func() string { return said(input.Messages...) }
	if c := input.Config; c != nil {
		a.Model = c.Model
		if c.MaxTokens > 0 {
			a.MaxTokens = &c.MaxTokens
		}
		if c.Temperature != 0 {
			t := float64(c.Temperature)
			a.Temperature = &t
		}
	}
	return a
}

func add(x *genai.Exchange, output *model.CallbackOutput) {
	if output == nil {
		return
	}
	s := genai.Said{}
	if m := output.Message; m != nil {
		s.Text = m.Content
		if meta := m.ResponseMeta; meta != nil {
			s.FinishReason = meta.FinishReason
			if u := meta.Usage; u != nil {
				s.InputTokens, s.OutputTokens = &u.PromptTokens, &u.CompletionTokens
			}
		}
	}
	if u := output.TokenUsage; u != nil {
		s.InputTokens, s.OutputTokens = &u.PromptTokens, &u.CompletionTokens
	}
	if output.Config != nil {
		s.Model = output.Config.Model
	}
	x.Add(s)
}

func said(messages ...*schema.Message) string {
	var b strings.Builder
	for _, m := range messages {
		if m != nil {
			b.WriteString(m.Content)
			b.WriteByte('\n')
		}
	}
	return b.String()
}
