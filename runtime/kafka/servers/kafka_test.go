// Package servers holds the tests of the Kafka hook.
package servers

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	segmentio "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/orchestrall/orchestrall/runtime/internal/spantest"
	"github.com/orchestrall/orchestrall/runtime/kafka"
)

const (
	topic = "orders"
	wait  = 50 * time.Millisecond
)

func broker(t *testing.T) string {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()[0]
}

func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func writer(t *testing.T, address string) *segmentio.Writer {
	w := &segmentio.Writer{Addr: segmentio.TCP(address), Topic: topic, BatchSize: 1}
	t.Cleanup(func() { w.Close() })
	return w
}

func reader(t *testing.T, address string) *segmentio.Reader {
	r := segmentio.NewReader(segmentio.ReaderConfig{
		Brokers: []string{address}, Topic: topic, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: wait,
		StartOffset: segmentio.FirstOffset,
	})
	t.Cleanup(func() { r.Close() })
	return r
}

func find(t *testing.T, rec *tracetest.SpanRecorder, name string) sdk.ReadOnlySpan {
	t.Helper()
	var names []string
	for _, span := range rec.Ended() {
		if span.Name() == name {
			return span
		}
		names = append(names, span.Name())
	}
	t.Fatalf("no span %q among %q", name, names)
	return nil
}

func links(span sdk.ReadOnlySpan) (to []trace.SpanContext) {
	for _, l := range span.Links() {
		to = append(to, l.SpanContext)
	}
	return to
}

func attr(span sdk.ReadOnlySpan, key attribute.Key) string {
	for _, kv := range span.Attributes() {
		if kv.Key == key {
			return kv.Value.Emit()
		}
	}
	return "(absent)"
}

func linked(consumer, producer sdk.ReadOnlySpan) bool {
	return slices.ContainsFunc(links(consumer), func(c trace.SpanContext) bool { return c.SpanID() == producer.SpanContext().SpanID() })
}

func TestConsumersAreLinkedToProducers(t *testing.T) {
	address, rec, ctx := broker(t), spantest.Record(t), patient(t)
	request, span := otel.Tracer("test").Start(ctx, "request")
	mine := []segmentio.Message{{Key: []byte("k"), Value: []byte("secret"), Headers: []segmentio.Header{{Key: "x", Value: []byte("1")}}}}
	if err := kafka.WriteMessages(writer(t, address), request, mine...); err != nil {
		t.Fatal(err)
	}
	span.End()
	if len(mine[0].Headers) != 1 {
		t.Errorf("the program's message has the headers %v now", mine[0].Headers)
	}
	producer := find(t, rec, "send "+topic)
	if producer.SpanKind() != trace.SpanKindProducer || producer.Parent().SpanID() != span.SpanContext().SpanID() {
		t.Errorf("%v below %v", producer.SpanKind(), producer.Parent())
	}

	m, err := kafka.ReadMessage(reader(t, address), ctx)
	if err != nil || string(m.Value) != "secret" || string(m.Headers[0].Value) != "1" {
		t.Fatal(m, err)
	}
	consumer := find(t, rec, "receive "+topic)
	if consumer.SpanKind() != trace.SpanKindConsumer || consumer.Parent().SpanID() != producer.SpanContext().SpanID() || !linked(consumer, producer) {
		t.Errorf("%v below %v, linked to %v", consumer.SpanKind(), consumer.Parent(), consumer.Links())
	}
	for _, c := range []context.Context{kafka.Context(m), kafka.ContextOf(&m)} {
		if trace.SpanContextFromContext(c).SpanID() != producer.SpanContext().SpanID() {
			t.Error("the message has lost its trace")
		}
	}
	for _, span := range rec.Ended() {
		for _, kv := range span.Attributes() {
			if strings.Contains(kv.Value.Emit(), "secret") {
				t.Errorf("%s tells the value", span.Name())
			}
		}
	}
}

func TestWorkersReceiveBelowTheirSpan(t *testing.T) {
	address, rec, ctx := broker(t), spantest.Record(t), patient(t)
	request, span := otel.Tracer("test").Start(ctx, "request")
	if err := kafka.WriteMessages(writer(t, address), request, segmentio.Message{Value: []byte("1")}); err != nil {
		t.Fatal(err)
	}
	span.End()
	worker, work := otel.Tracer("test").Start(ctx, "worker")
	if m, err := kafka.FetchMessage(reader(t, address), worker); err != nil || string(m.Value) != "1" {
		t.Fatal(m, err)
	}
	consumer := find(t, rec, "receive "+topic)
	if consumer.Parent().SpanID() != work.SpanContext().SpanID() || !linked(consumer, find(t, rec, "send "+topic)) {
		t.Errorf("below %v, linked to %v", consumer.Parent(), consumer.Links())
	}
	if group := attr(consumer, "messaging.consumer.group.name"); group != "(absent)" {
		t.Errorf("a reader of no group tells the group %q", group)
	}
}

func TestTheTraceMakesNoMessageTooLarge(t *testing.T) {
	address, ctx := broker(t), patient(t)
	spantest.Record(t)
	request, span := otel.Tracer("test").Start(ctx, "request")
	defer span.End()
	w := writer(t, address)
	w.BatchBytes = 1000
	fits := segmentio.Message{Value: bytes.Repeat([]byte("x"), 950)}
	if err := w.WriteMessages(ctx, fits); err != nil {
		t.Fatal("it does not fit at all:", err)
	}
	if err := kafka.WriteMessages(w, request, fits); err != nil {
		t.Error(err)
	}
	big := segmentio.Message{Value: bytes.Repeat([]byte("x"), 2000)}
	var tooLarge segmentio.MessageTooLargeError
	if err := kafka.WriteMessages(w, request, big, fits); !errors.As(err, &tooLarge) || len(tooLarge.Remaining) != 1 || len(tooLarge.Message.Headers) != 0 {
		t.Errorf("got %v", err)
	}
}

func TestSeveralTopics(t *testing.T) {
	address, rec, ctx := broker(t), spantest.Record(t), patient(t)
	w := writer(t, address)
	w.Topic = ""
	if err := kafka.WriteMessages(w, ctx, segmentio.Message{Topic: topic}, segmentio.Message{Topic: ""}); err == nil {
		t.Error("a message without a topic is written")
	}
	find(t, rec, "send (several)")
	if err := kafka.WriteMessages(w, ctx); err != nil {
		t.Error(err)
	}
}
