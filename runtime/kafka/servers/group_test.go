package servers

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"testing"

	segmentio "github.com/segmentio/kafka-go"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/orchestrall/orchestrall/runtime/internal/spantest"
	"github.com/orchestrall/orchestrall/runtime/kafka"
)

// member is a reader of a group, which reads on where the group has committed.
func member(t *testing.T, address, group string) *segmentio.Reader {
	r := segmentio.NewReader(segmentio.ReaderConfig{
		Brokers: []string{address}, GroupID: group, GroupTopics: []string{topic}, MaxWait: wait, StartOffset: segmentio.FirstOffset,
	})
	t.Cleanup(func() { r.Close() })
	return r
}

func TestGroupsReceiveEachMessageOnce(t *testing.T) {
	address, rec, ctx := broker(t), spantest.Record(t), patient(t)
	w, producers := writer(t, address), make([]trace.SpanContext, 3)
	for i := range producers {
		request, span := otel.Tracer("test").Start(ctx, "request")
		if err := kafka.WriteMessages(w, request, segmentio.Message{Value: []byte(strconv.Itoa(i))}); err != nil {
			t.Fatal(err)
		}
		span.End()
		producers[i] = find(t, rec, "send "+topic).SpanContext()
		rec.Reset()
	}
	// A worker collects a batch, commits it, and another member goes on.
	worker, span := otel.Tracer("test").Start(ctx, "worker")
	first := member(t, address, "billing")
	var batch []segmentio.Message
	for len(batch) < 2 {
		m, err := kafka.FetchMessage(first, worker)
		if err != nil {
			t.Fatal(err)
		}
		batch = append(batch, m)
	}
	if err := first.CommitMessages(worker, batch...); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if m, err := kafka.FetchMessage(member(t, address, "billing"), worker); err != nil || string(m.Value) != "2" {
		t.Fatalf("the group goes on with %s, %v", m.Value, err)
	}
	span.End()

	var received []string
	for _, consumer := range rec.Ended() {
		if consumer.Name() != "receive "+topic {
			continue
		}
		received = append(received, attr(consumer, "messaging.kafka.offset"))
		if consumer.Parent().SpanID() != span.SpanContext().SpanID() || attr(consumer, "messaging.consumer.group.name") != "billing" ||
			attr(consumer, "messaging.destination.partition.id") != "0" {
			t.Errorf("below %v, of %v", consumer.Parent(), consumer.Attributes())
		}
		if got := links(consumer); len(got) != 1 || got[0].SpanID() != producers[len(received)-1].SpanID() {
			t.Errorf("message %d is linked to %v", len(received)-1, got)
		}
	}
	if want := []string{"0", "1", "2"}; !slices.Equal(received, want) {
		t.Errorf("received the offsets %q, want %q", received, want)
	}
}

func TestABatchIsOneSpanThatEachMessageCarries(t *testing.T) {
	address, rec, ctx := broker(t), spantest.Record(t), patient(t)
	w := writer(t, address)
	w.BatchSize = 3
	var batch []segmentio.Message
	for i := range 3 {
		batch = append(batch, segmentio.Message{Value: []byte(strconv.Itoa(i))})
	}
	if err := kafka.WriteMessages(w, ctx, batch...); err != nil {
		t.Fatal(err)
	}
	producer := find(t, rec, "send "+topic)
	if n := len(rec.Ended()); n != 1 || attr(producer, "messaging.batch.message_count") != "3" {
		t.Errorf("%d spans, %v", n, producer.Attributes())
	}
	r := reader(t, address)
	for range batch {
		m, err := kafka.ReadMessage(r, ctx)
		if err != nil || trace.SpanContextFromContext(kafka.Context(m)).SpanID() != producer.SpanContext().SpanID() {
			t.Fatal(m, err)
		}
	}
}

func TestErrorsAreKafkas(t *testing.T) {
	address, rec, ctx := broker(t), spantest.Record(t), patient(t)
	w := writer(t, address)
	w.Topic, w.MaxAttempts = "nowhere", 1
	err := kafka.WriteMessages(w, ctx, segmentio.Message{Value: []byte("1")})
	if !errors.Is(err, segmentio.UnknownTopicOrPartition) {
		t.Fatalf("got %v", err)
	}
	if span := find(t, rec, "send nowhere"); span.Status().Code != codes.Error {
		t.Errorf("the span of a batch that could not be written has the status %v", span.Status())
	}
	rec.Reset()

	r := reader(t, address)
	stopped, stop := context.WithCancel(ctx)
	stop()
	if _, err := kafka.ReadMessage(r, stopped); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := kafka.FetchMessage(r, ctx); err != io.EOF { //nolint:errorlint // it must be the very error
		t.Errorf("a closed reader says %v", err)
	}
	if ended := rec.Ended(); len(ended) > 0 {
		t.Errorf("what was not received has the span %s", ended[0].Name())
	}
}
