package genkit_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/firebase/genkit/go/ai"
	"github.com/firebase/genkit/go/genkit"
	"go.opentelemetry.io/otel"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
	"github.com/orchestrall/orchestrall/runtime/bootstrap"
)

// receiver is a back end that keeps the spans that come.
type receiver struct {
	mu    sync.Mutex
	spans map[string]*trace.Span // by name
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	var batch collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(body, &batch); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rs := range batch.GetResourceSpans() {
		for _, ss := range rs.GetScopeSpans() {
			for _, s := range ss.GetSpans() {
				r.spans[s.GetName()] = s
			}
		}
	}
}

// What genkit traces itself is in the trace of the program, and what was said
// stays out of it.
func TestGenkitTracesWithTheBootstrap(t *testing.T) {
	back := &receiver{spans: map[string]*trace.Span{}}
	server := httptest.NewServer(back)
	defer server.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
	t.Setenv("PROMETHEUS_PORT", "0")
	stop := bootstrap.Start(bootstrap.Options{Service: "test"})
	if _, ok := otel.GetTracerProvider().(*sdk.TracerProvider); !ok {
		t.Fatalf("the provider is a %T, which genkit replaces by its own", otel.GetTracerProvider())
	}
	var op orchestrall.Operation
	op.Register(orchestrall.Spec{Name: "request", Kind: orchestrall.Agent})
	g := genkit.Init(t.Context())
	parrot := genkit.DefineModel(g, "googleai/parrot", &ai.ModelOptions{Supports: &ai.ModelSupports{Multiturn: true}},
		func(_ context.Context, req *ai.ModelRequest, _ ai.ModelStreamCallback) (*ai.ModelResponse, error) {
			return &ai.ModelResponse{
				Request: req, Message: ai.NewModelTextMessage("my secret"), FinishReason: ai.FinishReasonStop,
				Usage: &ai.GenerationUsage{InputTokens: 4, OutputTokens: 2, CachedContentTokens: 1},
			}, nil
		})
	flow := genkit.DefineFlow(g, "greet", func(ctx context.Context, name string) (string, error) {
		if _, err := genkit.Generate(ctx, g, ai.WithModel(parrot), ai.WithPrompt(name)); err != nil {
			return "", err
		}
		return genkit.Run(ctx, "step", func() (string, error) { return "hello " + name, nil })
	})
	ctx, call := op.Start(t.Context())
	answer, err := flow.Run(ctx, "my secret")
	call.End()
	if err != nil || answer != "hello my secret" {
		t.Fatal(answer, err)
	}
	stop()
	request, greet, step := back.spans["request"], back.spans["greet"], back.spans["step"]
	if request == nil || greet == nil || step == nil {
		t.Fatalf("got %v", back.spans)
	}
	if string(greet.GetParentSpanId()) != string(request.GetSpanId()) || string(step.GetParentSpanId()) != string(greet.GetSpanId()) {
		t.Error("genkit's spans are not below the program's")
	}
	told := make(map[string]string)
	for _, kv := range back.spans["googleai/parrot"].GetAttributes() {
		told[kv.GetKey()] = kv.GetValue().String()
	}
	for key, want := range map[string]string{
		"gen_ai.operation.name": "chat", "gen_ai.provider.name": "gcp.gemini", "gen_ai.request.model": "parrot", "gen_ai.response.finish_reasons": "stop",
		"gen_ai.usage.input_tokens": "4", "gen_ai.usage.output_tokens": "2", "gen_ai.usage.cache_read.input_tokens": "1",
	} {
		if !strings.Contains(told[key], want) {
			t.Errorf("%s is %q, want %q", key, told[key], want)
		}
	}
	for name, span := range back.spans {
		for _, kv := range span.GetAttributes() {
			if strings.Contains(kv.GetValue().GetStringValue(), "my secret") {
				t.Errorf("the span %s tells %s", name, kv.GetKey())
			}
		}
	}
}
