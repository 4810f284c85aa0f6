package nats

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
)

// The functions of this file stand in for methods that are called through an
// interface: they are traced where it holds a *nats.Conn.

// InterfacePublish is c.Publish: [Publish] where c holds a *nats.Conn.
func InterfacePublish(ctx context.Context, c interface {
	Publish(subj string, data []byte) error
}, subj string, data []byte,
) error {
	if own, ok := c.(*nats.Conn); ok {
		return Publish(ctx, own, subj, data)
	}
	return c.Publish(subj, data)
}

// InterfacePublishMsg is c.PublishMsg: [PublishMsg] where c holds a *nats.Conn.
func InterfacePublishMsg(ctx context.Context, c interface {
	PublishMsg(m *nats.Msg) error
}, m *nats.Msg,
) error {
	if own, ok := c.(*nats.Conn); ok {
		return PublishMsg(ctx, own, m)
	}
	return c.PublishMsg(m)
}

// InterfacePublishRequest is c.PublishRequest: [PublishRequest] where c holds a *nats.Conn.
func InterfacePublishRequest(ctx context.Context, c interface {
	PublishRequest(subj, reply string, data []byte) error
}, subj, reply string, data []byte,
) error {
	if own, ok := c.(*nats.Conn); ok {
		return PublishRequest(ctx, own, subj, reply, data)
	}
	return c.PublishRequest(subj, reply, data)
}

// InterfaceRequest is c.Request: [Request] where c holds a *nats.Conn.
func InterfaceRequest(ctx context.Context, c interface {
	Request(subj string, data []byte, timeout time.Duration) (*nats.Msg, error)
}, subj string, data []byte, timeout time.Duration,
) (*nats.Msg, error) {
	if own, ok := c.(*nats.Conn); ok {
		return Request(ctx, own, subj, data, timeout)
	}
	return c.Request(subj, data, timeout)
}

// InterfaceRequestMsg is c.RequestMsg: [RequestMsg] where c holds a *nats.Conn.
func InterfaceRequestMsg(ctx context.Context, c interface {
	RequestMsg(m *nats.Msg, timeout time.Duration) (*nats.Msg, error)
}, m *nats.Msg, timeout time.Duration,
) (*nats.Msg, error) {
	if own, ok := c.(*nats.Conn); ok {
		return RequestMsg(ctx, own, m, timeout)
	}
	return c.RequestMsg(m, timeout)
}

// InterfaceRequestWithContext is c.RequestWithContext: [RequestWithContext] where c holds a *nats.Conn.
func InterfaceRequestWithContext(c interface {
	RequestWithContext(ctx context.Context, subj string, data []byte) (*nats.Msg, error)
}, ctx context.Context, subj string, data []byte,
) (*nats.Msg, error) {
	if own, ok := c.(*nats.Conn); ok {
		return RequestWithContext(own, ctx, subj, data)
	}
	return c.RequestWithContext(ctx, subj, data)
}

// InterfaceRequestMsgWithContext is c.RequestMsgWithContext: [RequestMsgWithContext] where c holds a *nats.Conn.
func InterfaceRequestMsgWithContext(c interface {
	RequestMsgWithContext(ctx context.Context, m *nats.Msg) (*nats.Msg, error)
}, ctx context.Context, m *nats.Msg,
) (*nats.Msg, error) {
	if own, ok := c.(*nats.Conn); ok {
		return RequestMsgWithContext(own, ctx, m)
	}
	return c.RequestMsgWithContext(ctx, m)
}

// InterfaceSubscribe is c.Subscribe: [Subscribe] where c holds a *nats.Conn.
func InterfaceSubscribe(c interface {
	Subscribe(subj string, cb nats.MsgHandler) (*nats.Subscription, error)
}, subj string, cb nats.MsgHandler,
) (*nats.Subscription, error) {
	if own, ok := c.(*nats.Conn); ok {
		return Subscribe(own, subj, cb)
	}
	return c.Subscribe(subj, cb)
}

// InterfaceQueueSubscribe is c.QueueSubscribe: [QueueSubscribe] where c holds a *nats.Conn.
func InterfaceQueueSubscribe(c interface {
	QueueSubscribe(subj, queue string, cb nats.MsgHandler) (*nats.Subscription, error)
}, subj, queue string, cb nats.MsgHandler,
) (*nats.Subscription, error) {
	if own, ok := c.(*nats.Conn); ok {
		return QueueSubscribe(own, subj, queue, cb)
	}
	return c.QueueSubscribe(subj, queue, cb)
}
