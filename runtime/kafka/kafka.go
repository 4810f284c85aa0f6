// Package kafka stands between woven code and segmentio/kafka-go: a written
// batch gets a producer span and its messages carry the trace in their headers;
// a message that is read gets a consumer span that is linked to the producer's.
//
// The functions have the signatures of the methods that they replace, the
// receiver first. Attributes follow the OpenTelemetry semantic conventions for
// messaging. Keys and values are never recorded.
package kafka

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/segmentio/kafka-go"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

var opSend, opReceive orchestrall.Operation

const system = "kafka"

func init() {
	opSend.Register(orchestrall.Spec{
		Name: "kafka.send", SpanName: "send {0}", Kind: orchestrall.Producer,
		Fields: []orchestrall.Field{
			{Role: orchestrall.NamePart, Key: "topic"},
			{Role: orchestrall.Attribute, Key: "messaging.system"},
			{Role: orchestrall.Attribute, Key: "messaging.operation.name"},
			{Role: orchestrall.Attribute, Key: "messaging.operation.type"},
			{Role: orchestrall.Attribute, Key: "messaging.destination.name"},
			{Role: orchestrall.Attribute, Key: "messaging.batch.message_count"},
		},
	})
	opReceive.Register(orchestrall.Spec{
		Name: "kafka.receive", SpanName: "receive {0}", Kind: orchestrall.Consumer,
		Metric: "off", // the span stands for the message's arrival, not for the wait
		Fields: []orchestrall.Field{
			{Role: orchestrall.NamePart, Key: "topic"},
			{Role: orchestrall.Attribute, Key: "messaging.system"},
			{Role: orchestrall.Attribute, Key: "messaging.operation.name"},
			{Role: orchestrall.Attribute, Key: "messaging.operation.type"},
			{Role: orchestrall.Attribute, Key: "messaging.destination.name"},
			{Role: orchestrall.Attribute, Key: "messaging.destination.partition.id"},
			{Role: orchestrall.Attribute, Key: "messaging.kafka.offset"},
			{Role: orchestrall.Attribute, Key: "messaging.consumer.group.name"},
			{Role: orchestrall.Attribute, Key: "messaging.message.body.size"},
		},
	})
}

// headers lets a propagator read and write the headers of a message.
type headers struct{ m *kafka.Message }

func (h headers) Get(key string) string {
	for _, header := range h.m.Headers {
		if header.Key == key {
			return string(header.Value)
		}
	}
	return ""
}

// Set leaves what the program itself has set.
func (h headers) Set(key, value string) {
	if h.Get(key) == "" {
		h.m.Headers = append(slices.Clip(h.m.Headers), kafka.Header{Key: key, Value: []byte(value)})
	}
}

func (h headers) Keys() []string {
	keys := make([]string, len(h.m.Headers))
	for i, header := range h.m.Headers {
		keys[i] = header.Key
	}
	return keys
}

// WriteMessages is [kafka.Writer.WriteMessages].
func WriteMessages(w *kafka.Writer, ctx context.Context, msgs ...kafka.Message) (err error) {
	if ctx == nil || w == nil || len(msgs) == 0 {
		return w.WriteMessages(ctx, msgs...)
	}
	ctx, call := opSend.Start(ctx, func(field int) orchestrall.Value {
		switch field {
		case 0, 4:
			return orchestrall.Of(topic(w, msgs))
		case 1:
			return orchestrall.Of(system)
		case 5:
			return orchestrall.Of(len(msgs))
		default:
			return orchestrall.Of("send")
		}
	})
	defer call.EndErr(&err)
	err = w.WriteMessages(ctx, outgoing(ctx, msgs)...)
	var tooLarge kafka.MessageTooLargeError
	if errors.As(err, &tooLarge) {
		// Nothing was written yet. It may be the trace that is too much: without
		// it the error, if there still is one, has the program's own messages.
		return w.WriteMessages(ctx, msgs...)
	}
	return err
}

// outgoing returns copies of msgs that carry the trace of ctx.
func outgoing(ctx context.Context, msgs []kafka.Message) []kafka.Message {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return msgs
	}
	traced := slices.Clone(msgs)
	for i := range traced {
		otel.GetTextMapPropagator().Inject(ctx, headers{&traced[i]})
	}
	return traced
}

// topic names where a batch goes: a batch for several topics has no name.
func topic(w *kafka.Writer, msgs []kafka.Message) string {
	if w.Topic != "" {
		return w.Topic
	}
	for i := range msgs {
		if msgs[i].Topic != msgs[0].Topic {
			return "(several)"
		}
	}
	return msgs[0].Topic
}

// ReadMessage is [kafka.Reader.ReadMessage].
func ReadMessage(r *kafka.Reader, ctx context.Context) (kafka.Message, error) {
	m, err := r.ReadMessage(ctx)
	if err == nil {
		received(ctx, r, &m)
	}
	return m, err
}

// FetchMessage is [kafka.Reader.FetchMessage].
func FetchMessage(r *kafka.Reader, ctx context.Context) (kafka.Message, error) {
	m, err := r.FetchMessage(ctx)
	if err == nil {
		received(ctx, r, &m)
	}
	return m, err
}

// received leaves a span for a message: below the one in ctx, or, where there
// is none, in the trace of the producer, and linked to the producer's either
// way.
func received(ctx context.Context, r *kafka.Reader, m *kafka.Message) {
	producer := otel.GetTextMapPropagator().Extract(context.Background(), headers{m})
	if !trace.SpanContextFromContext(ctx).IsValid() {
		ctx = producer
	}
	ctx, call := opReceive.Start(ctx, func(field int) orchestrall.Value {
		switch field {
		case 0, 4:
			return orchestrall.Of(m.Topic)
		case 1:
			return orchestrall.Of(system)
		case 5:
			return orchestrall.Of(strconv.Itoa(m.Partition))
		case 6:
			return orchestrall.Of(m.Offset)
		case 7:
			if group := r.Config().GroupID; group != "" {
				return orchestrall.Of(group)
			}
			return orchestrall.Value{}
		case 8:
			return orchestrall.Of(len(m.Value))
		default:
			return orchestrall.Of("receive")
		}
	})
	defer call.End()
	if link := trace.LinkFromContext(producer); link.SpanContext.IsValid() {
		trace.SpanFromContext(ctx).AddLink(link)
	}
}

// Context takes the place of [context.Background] where a function has a
// message and no context: what it does is in the trace of the producer. It is
// never cancelled.
func Context(m kafka.Message) context.Context {
	return otel.GetTextMapPropagator().Extract(context.Background(), headers{&m})
}

// ContextOf is [Context] for functions that have a pointer to a message.
func ContextOf(m *kafka.Message) context.Context {
	if m == nil {
		return context.Background()
	}
	return Context(*m)
}
