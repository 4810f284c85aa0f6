package nats

import (
	"context"
	"reflect"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/trace"
)

// handled holds the contexts of the messages that handlers work on right now,
// by the message: a handler has no context of its own.
var handled sync.Map

// handle runs f for a message below a consumer span.
func handle(m any, header nats.Header, told message, f func()) {
	producer := incoming(context.Background(), header)
	told.verb, told.kind = "process", "process"
	ctx, call := opProcess.Start(producer, told.fill)
	defer call.End()
	linked(ctx, producer)
	if reflect.TypeOf(m).Comparable() { // a program's own type behind jetstream.Msg need not be
		handled.Store(m, ctx)
		defer handled.Delete(m)
	}
	f()
}

// handler wraps the handler of a subscription.
func handler(cb nats.MsgHandler) nats.MsgHandler {
	if cb == nil {
		return nil
	}
	return func(m *nats.Msg) {
		handle(m, m.Header, message{subject: m.Subject, size: len(m.Data)}, func() { cb(m) })
	}
}

// Subscribe is [nats.Conn.Subscribe].
func Subscribe(nc *nats.Conn, subj string, cb nats.MsgHandler) (*nats.Subscription, error) {
	return nc.Subscribe(subj, handler(cb))
}

// QueueSubscribe is [nats.Conn.QueueSubscribe].
func QueueSubscribe(nc *nats.Conn, subj, queue string, cb nats.MsgHandler) (*nats.Subscription, error) {
	return nc.QueueSubscribe(subj, queue, handler(cb))
}

// JetStreamSubscribe is [nats.JetStream.Subscribe].
func JetStreamSubscribe(js nats.JetStream, subj string, cb nats.MsgHandler, opts ...nats.SubOpt) (*nats.Subscription, error) {
	return js.Subscribe(subj, handler(cb), opts...)
}

// JetStreamQueueSubscribe is [nats.JetStream.QueueSubscribe].
func JetStreamQueueSubscribe(js nats.JetStream, subj, queue string, cb nats.MsgHandler, opts ...nats.SubOpt) (*nats.Subscription, error) {
	return js.QueueSubscribe(subj, queue, handler(cb), opts...)
}

// Consume is [jetstream.Consumer.Consume].
func Consume(c jetstream.Consumer, handler jetstream.MessageHandler, opts ...jetstream.PullConsumeOpt) (jetstream.ConsumeContext, error) {
	if handler == nil {
		return c.Consume(nil, opts...)
	}
	return c.Consume(func(m jetstream.Msg) {
		handle(m, m.Headers(), message{subject: m.Subject(), size: len(m.Data())}, func() { handler(m) })
	}, opts...)
}

// received leaves a span for a message that the program asked for itself.
func received(ctx context.Context, header nats.Header, told message) {
	producer := incoming(context.Background(), header)
	if !trace.SpanContextFromContext(ctx).IsValid() {
		ctx = producer
	}
	told.verb, told.kind = "receive", "receive"
	ctx, call := opReceive.Start(ctx, told.fill)
	defer call.End()
	linked(ctx, producer)
}

// NextMsg is [nats.Subscription.NextMsg].
func NextMsg(s *nats.Subscription, timeout time.Duration) (*nats.Msg, error) {
	m, err := s.NextMsg(timeout)
	if err == nil {
		received(context.Background(), m.Header, message{subject: m.Subject, size: len(m.Data)})
	}
	return m, err
}

// NextMsgWithContext is [nats.Subscription.NextMsgWithContext].
func NextMsgWithContext(s *nats.Subscription, ctx context.Context) (*nats.Msg, error) {
	m, err := s.NextMsgWithContext(ctx)
	if err == nil {
		received(ctx, m.Header, message{subject: m.Subject, size: len(m.Data)})
	}
	return m, err
}

// Next is [jetstream.Consumer.Next].
func Next(c jetstream.Consumer, opts ...jetstream.FetchOpt) (jetstream.Msg, error) {
	m, err := c.Next(opts...)
	if err == nil {
		received(context.Background(), m.Headers(), message{subject: m.Subject(), size: len(m.Data())})
	}
	return m, err
}

// Context takes the place of [context.Background] where a function has a
// message and no context: it is the context of the message's span while its
// handler runs, and later that of its producer. It is never cancelled.
func Context(m *nats.Msg) context.Context {
	if m == nil {
		return context.Background()
	}
	return contextOf(m, m.Header)
}

// StreamContext is [Context] for the messages of package jetstream.
func StreamContext(m jetstream.Msg) context.Context {
	if m == nil {
		return context.Background()
	}
	return contextOf(m, m.Headers())
}

func contextOf(m any, header nats.Header) context.Context {
	if reflect.TypeOf(m).Comparable() {
		if ctx, ok := handled.Load(m); ok {
			return ctx.(context.Context)
		}
	}
	return incoming(context.Background(), header)
}
