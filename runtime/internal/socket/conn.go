// Package socket is what the hooks of the WebSocket libraries share: the span of
// a connection, from its handshake until it is closed.
package socket

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

// Direction says which way a message went.
type Direction uint8

// The two directions, as this program sees them.
const (
	Received Direction = iota
	Sent
)

var directions = [2]string{Received: "receive", Sent: "transmit"} // network.io.direction

// maxEvents is how many messages of a connection are span events. The others are
// counted: a connection may live for days, and a span is held in memory until it
// ends.
const maxEvents = 100

// announceAfter is how long a connection may be open before its trace shows it.
const announceAfter = 5 * time.Second

// Conn is the span of one connection. All methods may be called at once and on
// nil, which stands for a connection that nobody watches.
type Conn struct {
	call     orchestrall.Call
	span     trace.Span // nil when it is not recorded
	ended    atomic.Bool
	closing  atomic.Int64 // the code that this side has sent
	noted    atomic.Pointer[error]
	events   atomic.Int64
	traffic  [2]struct{ messages, bytes atomic.Int64 }
	announce *time.Timer
	protocol atomic.Pointer[string]
}

// open starts the span below the one in ctx, and returns ctx with it.
//
// The connection itself keeps no more of ctx than the span and the carried
// fields: what else is in there may lead back to the library's connection, which
// then could never be collected.
func open(ctx context.Context, o *orchestrall.Operation, fill func(int) orchestrall.Value) (context.Context, *Conn) {
	kept := trace.ContextWithSpan(context.Background(), trace.SpanFromContext(ctx))
	if carried := orchestrall.CarriedAttrs(ctx); len(carried) > 0 {
		fields := make([]any, len(carried))
		for i, a := range carried {
			fields[i] = a
		}
		kept = orchestrall.WithFields(kept, fields...)
	}
	c := new(Conn)
	before := trace.SpanContextFromContext(ctx)
	inner, call := o.Start(kept, fill)
	c.call = call
	span := trace.SpanFromContext(inner)
	if sc := span.SpanContext(); !sc.IsValid() || sc.Equal(before) {
		return ctx, c
	}
	if span.IsRecording() {
		c.span = span
		c.announce = time.AfterFunc(announceAfter, func() { announce(inner, span, time.Now().Add(-announceAfter)) })
	}
	return trace.ContextWithSpan(ctx, span), c
}

// announce makes the connection visible while it is open: a span is exported
// when it ends, so one that stands for it ends at once.
func announce(ctx context.Context, span trace.Span, opened time.Time) {
	defer contain()
	_, s := otel.GetTracerProvider().Tracer(orchestrall.ScopeName).Start(ctx, "websocket (still running)",
		trace.WithTimestamp(opened), trace.WithAttributes(attribute.Bool(orchestrall.StillRunningKey, true)))
	s.End()
}

// Watched reports whether anybody reads what Message is told.
func (c *Conn) Watched() bool { return c != nil && c.span != nil && !c.ended.Load() }

// Message counts a message of that many bytes; kind is "text" or "binary".
func (c *Conn) Message(d Direction, kind string, size int64) {
	if !c.Watched() {
		return
	}
	c.traffic[d].messages.Add(1)
	c.traffic[d].bytes.Add(size)
	if c.events.Add(1) > maxEvents {
		return
	}
	defer contain()
	c.span.AddEvent("websocket.message", trace.WithAttributes(
		attribute.String("network.io.direction", directions[d]),
		attribute.String("websocket.message.type", kind),
		attribute.Int64("websocket.message.size", size),
	))
}

// Subprotocol notes what the handshake has agreed on.
func (c *Conn) Subprotocol(name string) {
	if c != nil && name != "" {
		c.protocol.Store(&name)
	}
}

// Closing notes the code of a close frame that this side sends.
func (c *Conn) Closing(code int) {
	if c != nil {
		c.closing.CompareAndSwap(0, int64(code))
	}
}

// Note remembers an error that did not close the connection, for when it is.
func (c *Conn) Note(err error) {
	if c != nil && err != nil {
		c.noted.CompareAndSwap(nil, &err)
	}
}

// Close ends the span of a connection that this side closes.
func (c *Conn) Close() {
	if c == nil {
		return
	}
	var err error
	if noted := c.noted.Load(); noted != nil {
		err = *noted
	}
	c.End(int(c.closing.Load()), err)
}

// End ends the span, once. code is that of the close frame, 0 where there was
// none; err is why the connection ended, as far as the library says.
func (c *Conn) End(code int, err error) {
	if c == nil || !c.ended.CompareAndSwap(false, true) {
		return
	}
	c.end(code, problem(code, err))
}

// Refuse ends the span of a handshake that failed. A server has told the client
// so; only for the client is it a failure.
func (c *Conn) Refuse(err error, failure bool) {
	if c == nil || !c.ended.CompareAndSwap(false, true) {
		return
	}
	if !failure {
		if c.span != nil {
			c.span.SetAttributes(attribute.String("error.type", "handshake"))
		}
		err = nil
	}
	c.end(0, err)
}

// Abandon ends the span of a connection that the program dropped without closing.
func (c *Conn) Abandon() {
	if c == nil || !c.ended.CompareAndSwap(false, true) {
		return
	}
	if c.span != nil {
		c.span.SetAttributes(attribute.Bool(orchestrall.AbandonedKey, true))
	}
	c.end(0, nil)
}

func (c *Conn) end(code int, err error) {
	if c.announce != nil {
		c.announce.Stop()
	}
	c.call.EndErr(&err, func(field int) orchestrall.Value { return c.value(field, code) })
}

func contain() { _ = recover() }
