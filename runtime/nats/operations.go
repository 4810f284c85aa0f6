// Package nats stands between woven code and nats.go: what is published gets a
// producer span and carries the trace in its headers, what is received gets a
// consumer span in the same trace that is linked to the producer's.
//
// The functions have the signatures of what they replace, the receiver first,
// with the context of the caller in front where the original has none; nil
// stands for a caller without one. Attributes follow the OpenTelemetry semantic
// conventions for messaging. Payloads are never recorded.
package nats

import (
	"context"
	"strings"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

var opSend, opRequest, opProcess, opReceive orchestrall.Operation

// The fields of all operations, in the order of fill.
var fields = []orchestrall.Field{
	{Role: orchestrall.NamePart, Key: "name"},
	{Role: orchestrall.Attribute, Key: "messaging.system"},
	{Role: orchestrall.Attribute, Key: "messaging.operation.name"},
	{Role: orchestrall.Attribute, Key: "messaging.operation.type"},
	{Role: orchestrall.Attribute, Key: "messaging.destination.name"},
	{Role: orchestrall.Attribute, Key: "messaging.message.body.size"},
}

func init() {
	register := func(op *orchestrall.Operation, name string, kind orchestrall.Kind, metric string) {
		op.Register(orchestrall.Spec{Name: name, SpanName: "{0}", Kind: kind, Metric: metric, Fields: fields})
	}
	register(&opSend, "nats.publish", orchestrall.Producer, "")
	register(&opRequest, "nats.request", orchestrall.Client, "")
	register(&opProcess, "nats.process", orchestrall.Consumer, "")
	register(&opReceive, "nats.receive", orchestrall.Consumer, "off") // it takes no time of its own
}

// message is what the fields of a span tell.
type message struct {
	verb, kind, subject string
	size                int
}

func (m message) fill(field int) orchestrall.Value {
	switch field {
	case 0:
		return orchestrall.Of(m.verb + " " + name(m.subject))
	case 1:
		return orchestrall.Of("nats")
	case 2:
		return orchestrall.Of(m.verb)
	case 3:
		return orchestrall.Of(m.kind)
	case 4:
		return orchestrall.Of(m.subject)
	default:
		return orchestrall.Of(m.size)
	}
}

// name is the subject as spans are named: those of replies are made up for one
// message each.
func name(subject string) string {
	if strings.HasPrefix(subject, nats.InboxPrefix) {
		return "(temporary)"
	}
	return subject
}

// carrier lets a propagator read and write the headers of a message.
type carrier nats.Header

func (c carrier) Get(key string) string { return nats.Header(c).Get(key) }
func (c carrier) Set(key, value string) { nats.Header(c).Set(key, value) }
func (c carrier) Keys() []string {
	keys := make([]string, 0, len(c))
	for key := range c {
		keys = append(keys, key)
	}
	return keys
}

// outgoing returns m with the trace of ctx in its headers. The caller's message
// stays as it is.
func outgoing(ctx context.Context, m *nats.Msg) *nats.Msg {
	header := make(nats.Header, len(m.Header)+2)
	otel.GetTextMapPropagator().Inject(ctx, carrier(header))
	if len(header) == 0 {
		return m
	}
	for key, values := range m.Header {
		header[key] = values // a trace that the program set itself stays
	}
	return &nats.Msg{Subject: m.Subject, Reply: m.Reply, Header: header, Data: m.Data, Sub: m.Sub}
}

// incoming returns the context that a message's headers carry.
func incoming(ctx context.Context, header nats.Header) context.Context {
	if len(header) == 0 {
		return ctx
	}
	return otel.GetTextMapPropagator().Extract(ctx, carrier(header))
}

// linked gives the span that ctx carries a link to the producer's.
func linked(ctx, producer context.Context) {
	if link := trace.LinkFromContext(producer); link.SpanContext.IsValid() {
		trace.SpanFromContext(ctx).AddLink(link)
	}
}

func orBackground(ctx context.Context) context.Context {
	if ctx == nil {
		return context.Background()
	}
	return ctx
}
