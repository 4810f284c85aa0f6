package eino

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/cloudwego/eino/components/model"
	"github.com/cloudwego/eino/compose"
	"github.com/cloudwego/eino/schema"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// parrot is a chat model.
type parrot struct{ fails error }

func (p parrot) answer() *schema.Message {
	return &schema.Message{Role: schema.Assistant, Content: "secret", ResponseMeta: &schema.ResponseMeta{
		FinishReason: "stop", Usage: &schema.TokenUsage{PromptTokens: 4, CompletionTokens: 2, TotalTokens: 6},
	}}
}

func (p parrot) Generate(context.Context, []*schema.Message, ...model.Option) (*schema.Message, error) {
	if p.fails != nil {
		return nil, p.fails
	}
	return p.answer(), nil
}

func (p parrot) Stream(context.Context, []*schema.Message, ...model.Option) (*schema.StreamReader[*schema.Message], error) {
	if p.fails != nil {
		return nil, p.fails
	}
	return schema.StreamReaderFromArray([]*schema.Message{{Role: schema.Assistant, Content: "se"}, p.answer()}), nil
}

func (parrot) GetType() string { return "Parrot" }

func chain(t *testing.T, p parrot) compose.Runnable[string, string] {
	t.Helper()
	c := compose.NewChain[string, string]()
	c.AppendLambda(compose.InvokableLambda(func(_ context.Context, s string) ([]*schema.Message, error) {
		return []*schema.Message{schema.UserMessage(s)}, nil
	}))
	c.AppendChatModel(p, compose.WithNodeName("bird"))
	c.AppendLambda(compose.InvokableLambda(func(_ context.Context, m *schema.Message) (string, error) { return m.Content, nil }))
	r, err := c.Compile(t.Context(), compose.WithGraphName("talk"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// recorder keeps what ends, and tells of it.
func recorder(t *testing.T) (*tracetest.SpanRecorder, chan sdk.ReadOnlySpan) {
	rec, ended := tracetest.NewSpanRecorder(), make(chan sdk.ReadOnlySpan, 100)
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(sdk.NewTracerProvider(sdk.WithSpanProcessor(rec), sdk.WithSpanProcessor(telling(ended))))
	t.Cleanup(func() { otel.SetTracerProvider(before) })
	return rec, ended
}

type telling chan sdk.ReadOnlySpan

func (telling) OnStart(context.Context, sdk.ReadWriteSpan) {}
func (c telling) OnEnd(s sdk.ReadOnlySpan)                 { c <- s }
func (telling) Shutdown(context.Context) error             { return nil }
func (telling) ForceFlush(context.Context) error           { return nil }

func find(t *testing.T, rec *tracetest.SpanRecorder, name string) sdk.ReadOnlySpan {
	t.Helper()
	var names []string
	for _, s := range rec.Ended() {
		if names = append(names, s.Name()); s.Name() == name {
			return s
		}
	}
	t.Fatalf("no span %q among %q", name, names)
	return nil
}

func attribute(s sdk.ReadOnlySpan, key string) string {
	for _, kv := range s.Attributes() {
		if string(kv.Key) == key {
			return kv.Value.Emit()
		}
	}
	return ""
}

func TestGraphAndModelAreOneTrace(t *testing.T) {
	rec, _ := recorder(t)
	ctx, parent := otel.Tracer("test").Start(t.Context(), "request")
	if got, err := chain(t, parrot{}).Invoke(ctx, "my secret"); err != nil || got != "secret" {
		t.Fatal(got, err)
	}
	graph, chat := find(t, rec, "Chain talk"), find(t, rec, "chat")
	if graph.Parent().SpanID() != parent.SpanContext().SpanID() || chat.Parent().SpanID() != graph.SpanContext().SpanID() {
		t.Errorf("graph below %v, model below %v", graph.Parent(), chat.Parent())
	}
	for key, want := range map[string]string{
		"gen_ai.provider.name": "parrot", "gen_ai.usage.input_tokens": "4", "gen_ai.usage.output_tokens": "2", "gen_ai.response.finish_reasons": `["stop"]`,
	} {
		if got := attribute(chat, key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if got := attribute(chat, "gen_ai.output.messages"); got != "" {
		t.Errorf("the span tells %s", got)
	}
}

func TestStreamEndsTheSpanOfItsModel(t *testing.T) {
	rec, ended := recorder(t)
	stream, err := chain(t, parrot{}).Stream(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	for {
		if _, err := stream.Recv(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for s := range ended {
		if s.Name() == "chat" {
			break
		}
	}
	if got := attribute(find(t, rec, "chat"), "gen_ai.usage.output_tokens"); got != "2" {
		t.Errorf("%q tokens", got)
	}
}

func TestErrorsStandOnGraphAndModel(t *testing.T) {
	rec, _ := recorder(t)
	no := errors.New("no")
	if _, err := chain(t, parrot{fails: no}).Invoke(t.Context(), "x"); !errors.Is(err, no) {
		t.Fatalf("got %v", err)
	}
	for _, name := range []string{"Chain talk", "chat"} {
		if s := find(t, rec, name); s.Status().Code != codes.Error {
			t.Errorf("%s has not failed", name)
		}
	}
	if slices.ContainsFunc(rec.Started(), func(s sdk.ReadWriteSpan) bool { return s.EndTime().IsZero() }) {
		t.Error("a span has not ended")
	}
}
