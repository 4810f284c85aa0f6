// Package chains stands between woven code and langchaingo's chains: a run of a
// chain is a workflow's span, that of an executor an agent's, and the requests
// to models are below it. Inputs and outputs are never recorded.
package chains

import (
	"context"
	"fmt"
	"strings"

	"github.com/tmc/langchaingo/chains"
	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/prompts"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
	"github.com/orchestrall/orchestrall/runtime/langchaingo"
)

var opWorkflow, opAgent orchestrall.Operation

func init() {
	register := func(op *orchestrall.Operation, name string, kind orchestrall.Kind) {
		op.Register(orchestrall.Spec{Name: name, SpanName: "{0}", Kind: kind, Fields: []orchestrall.Field{
			{Role: orchestrall.NamePart, Key: "name"},
			{Role: orchestrall.Attribute, Key: "langchaingo.chain"},
		}})
	}
	register(&opWorkflow, "langchaingo.chain", orchestrall.Workflow)
	register(&opAgent, "langchaingo.agent", orchestrall.Agent)
}

// NewLLMChain is [chains.NewLLMChain] with a model that is watched.
func NewLLMChain(llm llms.Model, prompt prompts.FormatPrompter, opts ...chains.ChainCallOption) *chains.LLMChain {
	return chains.NewLLMChain(langchaingo.Model(llm), prompt, opts...)
}

// Call is [chains.Call].
func Call(ctx context.Context, c chains.Chain, inputs map[string]any, options ...chains.ChainCallOption) (_ map[string]any, err error) {
	ctx, call := start(ctx, c)
	defer call.EndErr(&err)
	return chains.Call(ctx, c, inputs, options...)
}

// Run is [chains.Run].
func Run(ctx context.Context, c chains.Chain, input any, options ...chains.ChainCallOption) (_ string, err error) {
	ctx, call := start(ctx, c)
	defer call.EndErr(&err)
	return chains.Run(ctx, c, input, options...)
}

// Predict is [chains.Predict].
func Predict(ctx context.Context, c chains.Chain, inputs map[string]any, options ...chains.ChainCallOption) (_ string, err error) {
	ctx, call := start(ctx, c)
	defer call.EndErr(&err)
	return chains.Predict(ctx, c, inputs, options...)
}

// Apply is [chains.Apply]: one span for all inputs.
func Apply(ctx context.Context, c chains.Chain, inputs []map[string]any, maxWorkers int, options ...chains.ChainCallOption) (_ []map[string]any, err error) {
	ctx, call := start(ctx, c)
	defer call.EndErr(&err)
	return chains.Apply(ctx, c, inputs, maxWorkers, options...)
}

func start(ctx context.Context, c chains.Chain) (context.Context, orchestrall.Call) {
	op, verb := &opWorkflow, "run "
	name := strings.TrimPrefix(fmt.Sprintf("%T", c), "*")
	if name == "agents.Executor" {
		op, verb = &opAgent, "invoke_agent "
	}
	return op.Start(ctx, func(field int) orchestrall.Value {
		if field == 0 {
			return orchestrall.Of(verb + name)
		}
		return orchestrall.Of(name)
	})
}
