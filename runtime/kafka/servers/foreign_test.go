package servers

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	segmentio "github.com/segmentio/kafka-go"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"

	"github.com/orchestrall/orchestrall/runtime/internal/spantest"
	"github.com/orchestrall/orchestrall/runtime/kafka"
)

// kcat runs Debian's program of that name, which is librdkafka: a client that
// shares no code with the hooked one. Everything that it is told comes first,
// then what its input is.
func kcat(t *testing.T, address, input string, args ...string) string {
	t.Helper()
	program, err := exec.LookPath("kcat")
	if err != nil {
		if os.Getenv("ORCHESTRALL_REQUIRE_SERVERS") != "" {
			t.Fatal(err)
		}
		t.Skip("kcat is not installed (Debian: kcat)")
	}
	var said, problems bytes.Buffer
	cmd := exec.CommandContext(patient(t), program, append([]string{"-b", address}, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &said, &problems
	if err := cmd.Run(); err != nil {
		t.Fatalf("kcat %q: %v\n%s%s", args, err, &said, &problems)
	}
	return said.String()
}

func TestForeignConsumersReadTheTrace(t *testing.T) {
	address, rec, ctx := broker(t), spantest.Record(t), patient(t)
	request, span := otel.Tracer("test").Start(ctx, "request")
	if err := kafka.WriteMessages(writer(t, address), request,
		segmentio.Message{Key: []byte("k1"), Value: []byte("one"), Headers: []segmentio.Header{{Key: "x", Value: []byte("1")}, {Key: "x", Value: []byte("2")}}},
		segmentio.Message{Value: []byte("two"), Headers: []segmentio.Header{{Key: "traceparent", Value: []byte("mine")}}},
	); err != nil {
		t.Fatal(err)
	}
	span.End()
	producer := find(t, rec, "send "+topic).SpanContext()
	got := kcat(t, address, "", "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-f", `%k|%s|%h\n`)
	want := "k1|one|x=1,x=2,traceparent=00-" + producer.TraceID().String() + "-" + producer.SpanID().String() + "-01\n" +
		"|two|traceparent=mine\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// remote is the parent that a foreign producer names.
const remote = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestForeignProducersAreContinued(t *testing.T) {
	address, rec, ctx := broker(t), spantest.Record(t), patient(t)
	kcat(t, address, "k:one\nk:two\n", "-P", "-t", topic, "-K", ":", "-H", "traceparent="+remote, "-H", "x=1")
	kcat(t, address, "plain\n", "-P", "-t", topic)
	r := reader(t, address)
	for _, want := range []string{"one", "two"} {
		m, err := kafka.ReadMessage(r, ctx)
		if err != nil || string(m.Value) != want || string(m.Key) != "k" || len(m.Headers) != 2 || string(m.Headers[1].Value) != "1" {
			t.Fatal(m, err)
		}
		consumer := find(t, rec, "receive "+topic)
		rec.Reset()
		for what, c := range map[string]trace.SpanContext{"parent": consumer.Parent(), "link": links(consumer)[0], "context": trace.SpanContextFromContext(kafka.Context(m))} {
			if c.SpanID().String() != "b7ad6b7169203331" || c.TraceID().String() != "0af7651916cd43dd8448eb211c80319c" || !c.IsRemote() {
				t.Errorf("the %s of %s is %v", what, want, c)
			}
		}
	}
	if m, err := kafka.ReadMessage(r, ctx); err != nil || string(m.Value) != "plain" || len(m.Headers) != 0 {
		t.Fatal(m, err)
	}
	if consumer := find(t, rec, "receive "+topic); consumer.Parent().IsValid() || len(consumer.Links()) > 0 {
		t.Errorf("a message without a trace is below %v, linked to %v", consumer.Parent(), consumer.Links())
	}
}

// Behind what a transaction has written stands a marker of the broker's, which
// kafka-go hands to the program as well: a message without headers.
func TestTransactionsAreContinued(t *testing.T) {
	address, rec, ctx := broker(t), spantest.Record(t), patient(t)
	for _, value := range []string{"one\n", "two\n"} {
		kcat(t, address, value, "-P", "-t", topic, "-X", "transactional.id=t", "-H", "traceparent="+remote)
	}
	r := segmentio.NewReader(segmentio.ReaderConfig{
		Brokers: []string{address}, Topic: topic, MaxWait: wait, StartOffset: segmentio.FirstOffset, IsolationLevel: segmentio.ReadCommitted,
	})
	t.Cleanup(func() { r.Close() })
	var values []string
	for len(values) < 2 {
		rec.Reset()
		m, err := kafka.ReadMessage(r, ctx)
		if err != nil {
			t.Fatal(err)
		}
		consumer := find(t, rec, "receive "+topic)
		if len(m.Headers) == 0 {
			if consumer.Parent().IsValid() {
				t.Errorf("a marker is below %v", consumer.Parent())
			}
			continue
		}
		values = append(values, string(m.Value))
		if consumer.Parent().SpanID().String() != "b7ad6b7169203331" || len(links(consumer)) != 1 {
			t.Errorf("%s is below %v, linked to %v", m.Value, consumer.Parent(), consumer.Links())
		}
	}
	if values[0] != "one" || values[1] != "two" {
		t.Errorf("read %q", values)
	}
}
