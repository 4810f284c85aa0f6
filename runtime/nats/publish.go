package nats

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// sent runs send with m as it goes out, below a span of op.
func sent[T any](ctx context.Context, op *orchestrall.Operation, kind string, m *nats.Msg, send func(context.Context, *nats.Msg) (T, error)) (result T, err error) {
	ctx = orBackground(ctx)
	if m == nil { // an error of nats.go's own
		return send(ctx, m)
	}
	told := message{verb: "publish", kind: kind, subject: m.Subject, size: len(m.Data)}
	if op == &opRequest {
		told.verb = "request"
	}
	ctx, call := op.Start(ctx, told.fill)
	defer call.EndErr(&err)
	return send(ctx, outgoing(ctx, m))
}

type nothing struct{}

// Publish is [nats.Conn.Publish].
func Publish(ctx context.Context, nc *nats.Conn, subj string, data []byte) error {
	return publish(ctx, nc, &nats.Msg{Subject: subj, Data: data})
}

// PublishRequest is [nats.Conn.PublishRequest].
func PublishRequest(ctx context.Context, nc *nats.Conn, subj, reply string, data []byte) error {
	return publish(ctx, nc, &nats.Msg{Subject: subj, Reply: reply, Data: data})
}

// publish sends without headers where the server knows none.
func publish(ctx context.Context, nc *nats.Conn, m *nats.Msg) error {
	_, err := sent(ctx, &opSend, "send", m, func(_ context.Context, m *nats.Msg) (nothing, error) {
		if nc == nil || !nc.HeadersSupported() {
			return nothing{}, nc.PublishRequest(m.Subject, m.Reply, m.Data)
		}
		return nothing{}, nc.PublishMsg(m)
	})
	return err
}

// PublishMsg is [nats.Conn.PublishMsg].
func PublishMsg(ctx context.Context, nc *nats.Conn, m *nats.Msg) error {
	_, err := sent(ctx, &opSend, "send", m, func(_ context.Context, out *nats.Msg) (nothing, error) {
		if nc == nil || !nc.HeadersSupported() {
			out = m
		}
		return nothing{}, nc.PublishMsg(out)
	})
	return err
}

// Request is [nats.Conn.Request].
func Request(ctx context.Context, nc *nats.Conn, subj string, data []byte, timeout time.Duration) (*nats.Msg, error) {
	return RequestMsg(ctx, nc, &nats.Msg{Subject: subj, Data: data}, timeout)
}

// RequestMsg is [nats.Conn.RequestMsg].
func RequestMsg(ctx context.Context, nc *nats.Conn, m *nats.Msg, timeout time.Duration) (*nats.Msg, error) {
	return sent(ctx, &opRequest, "send", m, func(_ context.Context, out *nats.Msg) (*nats.Msg, error) {
		if nc == nil || !nc.HeadersSupported() {
			out = m
		}
		return nc.RequestMsg(out, timeout)
	})
}

// RequestWithContext is [nats.Conn.RequestWithContext].
func RequestWithContext(nc *nats.Conn, ctx context.Context, subj string, data []byte) (*nats.Msg, error) {
	return RequestMsgWithContext(nc, ctx, &nats.Msg{Subject: subj, Data: data})
}

// RequestMsgWithContext is [nats.Conn.RequestMsgWithContext].
func RequestMsgWithContext(nc *nats.Conn, ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
	if ctx == nil {
		return nc.RequestMsgWithContext(ctx, m) // an error of nats.go's own
	}
	return sent(ctx, &opRequest, "send", m, func(ctx context.Context, out *nats.Msg) (*nats.Msg, error) {
		if nc == nil || !nc.HeadersSupported() {
			out = m
		}
		return nc.RequestMsgWithContext(ctx, out)
	})
}

// JetStreamPublish is [nats.JetStream.Publish].
func JetStreamPublish(ctx context.Context, js nats.JetStream, subj string, data []byte, opts ...nats.PubOpt) (*nats.PubAck, error) {
	return JetStreamPublishMsg(ctx, js, &nats.Msg{Subject: subj, Data: data}, opts...)
}

// JetStreamPublishMsg is [nats.JetStream.PublishMsg].
func JetStreamPublishMsg(ctx context.Context, js nats.JetStream, m *nats.Msg, opts ...nats.PubOpt) (*nats.PubAck, error) {
	return sent(ctx, &opSend, "send", m, func(_ context.Context, m *nats.Msg) (*nats.PubAck, error) {
		return js.PublishMsg(m, opts...)
	})
}

// JetStreamPublishAsync is [nats.JetStream.PublishAsync]. The span covers the
// handing over, not the acknowledgement.
func JetStreamPublishAsync(ctx context.Context, js nats.JetStream, subj string, data []byte, opts ...nats.PubOpt) (nats.PubAckFuture, error) {
	return sent(ctx, &opSend, "send", &nats.Msg{Subject: subj, Data: data}, func(_ context.Context, m *nats.Msg) (nats.PubAckFuture, error) {
		return js.PublishMsgAsync(m, opts...)
	})
}

// StreamPublish is [jetstream.Publisher.Publish].
func StreamPublish(js jetstream.Publisher, ctx context.Context, subject string, payload []byte, opts ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	return StreamPublishMsg(js, ctx, &nats.Msg{Subject: subject, Data: payload}, opts...)
}

// StreamPublishMsg is [jetstream.Publisher.PublishMsg].
func StreamPublishMsg(js jetstream.Publisher, ctx context.Context, m *nats.Msg, opts ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	return sent(ctx, &opSend, "send", m, func(ctx context.Context, m *nats.Msg) (*jetstream.PubAck, error) {
		return js.PublishMsg(ctx, m, opts...)
	})
}

// StreamPublishAsync is [jetstream.Publisher.PublishAsync]. The span covers the
// handing over, not the acknowledgement.
func StreamPublishAsync(ctx context.Context, js jetstream.Publisher, subject string, payload []byte, opts ...jetstream.PublishOpt) (jetstream.PubAckFuture, error) {
	return sent(ctx, &opSend, "send", &nats.Msg{Subject: subject, Data: payload}, func(_ context.Context, m *nats.Msg) (jetstream.PubAckFuture, error) {
		return js.PublishMsgAsync(m, opts...)
	})
}
