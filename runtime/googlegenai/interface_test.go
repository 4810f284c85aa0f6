package googlegenai_test

import (
	"context"
	"errors"
	"testing"

	"go.opentelemetry.io/otel"
	"google.golang.org/genai"

	"github.com/orchestrall/orchestrall/runtime/googlegenai"
	"github.com/orchestrall/orchestrall/runtime/internal/genaitest"
)

// generator is what a program says that it needs.
type generator interface {
	GenerateContent(ctx context.Context, model string, contents []*genai.Content, config *genai.GenerateContentConfig) (*genai.GenerateContentResponse, error)
}

var errFake = errors.New("fake")

type fake struct{}

func (fake) GenerateContent(context.Context, string, []*genai.Content, *genai.GenerateContentConfig) (*genai.GenerateContentResponse, error) {
	return nil, errFake
}

// Models that are held as an interface, as a pointer or a value, leave the same
// spans.
func TestThroughInterfaces(t *testing.T) {
	client, rec := setUp(t)
	ctx, parent := otel.Tracer("test").Start(t.Context(), "agent")
	for _, models := range []generator{client.Models, *client.Models} {
		if resp, err := googlegenai.InterfaceGenerateContent(models, ctx, "gemini-x", genai.Text("hello"), nil); err != nil || resp.Text() != "secret" {
			t.Fatal(resp, err)
		}
		genaitest.Only(t, rec, parent, "generate_content gemini-x", "gen_ai.provider.name=gcp.gen_ai")
	}
	if _, err := googlegenai.InterfaceEmbedContent(client.Models, ctx, "embed-x", genai.Text("hello"), nil); err != nil {
		t.Fatal(err)
	}
	genaitest.Only(t, rec, parent, "embeddings embed-x", "gen_ai.operation.name=embeddings")
	for _, err := range googlegenai.InterfaceGenerateContentStream(client.Models, ctx, "gemini-x", genai.Text("hello"), nil) {
		if err != nil {
			t.Fatal(err)
		}
	}
	genaitest.Only(t, rec, parent, "generate_content gemini-x", "gen_ai.provider.name=gcp.gen_ai")
	if _, err := googlegenai.InterfaceGenerateContent(fake{}, ctx, "gemini-x", nil, nil); err != errFake {
		t.Errorf("another error: %v", err)
	}
}

// A nil pointer panics with the very value that it panics with by itself.
func TestNilModels(t *testing.T) {
	panics := func(call func(generator)) (value any) {
		defer func() { value = recover() }()
		call((*genai.Models)(nil))
		return nil
	}
	want := panics(func(m generator) { m.GenerateContent(t.Context(), "", nil, nil) })
	got := panics(func(m generator) { googlegenai.InterfaceGenerateContent(m, t.Context(), "", nil, nil) })
	if want == nil || got.(error).Error() != want.(error).Error() {
		t.Errorf("panics with %v, want %v", got, want)
	}
}
