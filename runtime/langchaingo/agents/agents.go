// Package agents stands between woven code and langchaingo's agents: a run of an
// executor is an agent's span, each tool that it calls a tool's, and the requests
// to the model are below it. Inputs and outputs are never recorded.
package agents

import (
	"context"

	"github.com/tmc/langchaingo/agents"
	"github.com/tmc/langchaingo/chains"
	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/tools"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
	"github.com/orchestrall/orchestrall/runtime/langchaingo"
)

var opAgent, opTool orchestrall.Operation

func init() {
	opAgent.Register(orchestrall.Spec{Name: "langchaingo.executor", SpanName: "invoke_agent {0}", Kind: orchestrall.Agent, Fields: []orchestrall.Field{
		{Role: orchestrall.NamePart, Key: "name"},
	}})
	opTool.Register(orchestrall.Spec{Name: "langchaingo.tool", SpanName: "execute_tool {0}", Kind: orchestrall.Tool, Fields: []orchestrall.Field{
		{Role: orchestrall.NamePart, Key: "name"},
		{Role: orchestrall.Attribute, Key: "gen_ai.tool.name"},
	}})
}

// Initialize is [agents.Initialize] with a model and tools that are watched.
func Initialize(llm llms.Model, all []tools.Tool, agentType agents.AgentType, opts ...agents.Option) (*agents.Executor, error) {
	return agents.Initialize(langchaingo.Model(llm), watched(all), agentType, opts...)
}

// NewOneShotAgent is [agents.NewOneShotAgent] with a model and tools that are
// watched.
func NewOneShotAgent(llm llms.Model, all []tools.Tool, opts ...agents.Option) *agents.OneShotZeroAgent {
	return agents.NewOneShotAgent(langchaingo.Model(llm), watched(all), opts...)
}

// NewConversationalAgent is [agents.NewConversationalAgent] with a model and
// tools that are watched.
func NewConversationalAgent(llm llms.Model, all []tools.Tool, opts ...agents.Option) *agents.ConversationalAgent {
	return agents.NewConversationalAgent(langchaingo.Model(llm), watched(all), opts...)
}

// NewOpenAIFunctionsAgent is [agents.NewOpenAIFunctionsAgent] with a model and
// tools that are watched.
func NewOpenAIFunctionsAgent(llm llms.Model, all []tools.Tool, opts ...agents.Option) *agents.OpenAIFunctionsAgent {
	return agents.NewOpenAIFunctionsAgent(langchaingo.Model(llm), watched(all), opts...)
}

// ExecutorCall is [agents.Executor.Call].
func ExecutorCall(e *agents.Executor, ctx context.Context, inputs map[string]any, options ...chains.ChainCallOption) (_ map[string]any, err error) {
	ctx, call := opAgent.Start(ctx, func(int) orchestrall.Value { return orchestrall.Of("agents.Executor") })
	defer call.EndErr(&err)
	return e.Call(ctx, inputs, options...)
}

// watched returns the tools with a span for each of their calls.
func watched(all []tools.Tool) []tools.Tool {
	if all == nil {
		return nil
	}
	traced := make([]tools.Tool, len(all))
	for i, t := range all {
		if _, done := t.(tool); t == nil || done {
			traced[i] = t
			continue
		}
		traced[i] = tool{t}
	}
	return traced
}

type tool struct{ tools.Tool }

// Call implements tools.Tool.
func (t tool) Call(ctx context.Context, input string) (_ string, err error) {
	ctx, call := opTool.Start(ctx, func(int) orchestrall.Value { return orchestrall.Of(t.Name()) })
	defer call.EndErr(&err)
	return t.Tool.Call(ctx, input)
}
