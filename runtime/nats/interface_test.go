package nats_test

import (
	"testing"

	gonats "github.com/nats-io/nats.go"

	"github.com/orchestrall/orchestrall/runtime/internal/spantest"
	"github.com/orchestrall/orchestrall/runtime/nats"
)

// bus is a program's own connection, which counts what goes through it.
type bus struct{ published []string }

func (b *bus) Publish(subj string, _ []byte) error {
	b.published = append(b.published, subj)
	return nil
}

// A connection that is held as an interface leaves the same spans; any other
// type is called as it is.
func TestThroughInterfaces(t *testing.T) {
	nc, rec := connect(t), spantest.Record(t)
	ctx, span := request(t)
	own := &bus{}
	if err := nats.InterfacePublish(ctx, own, "own", nil); err != nil || len(own.published) != 1 || len(rec.Ended()) != 0 {
		t.Errorf("%v, %q and %d spans", err, own.published, len(rec.Ended()))
	}
	reply := func(m *gonats.Msg) { _ = m.Respond(nil) }
	got := make(chan string, 8)
	heard := func(m *gonats.Msg) { got <- m.Subject }
	for _, subscribe := range []func() (*gonats.Subscription, error){
		func() (*gonats.Subscription, error) { return nats.InterfaceSubscribe(nc, "a", heard) },
		func() (*gonats.Subscription, error) { return nats.InterfaceQueueSubscribe(nc, "b", "q", heard) },
		func() (*gonats.Subscription, error) { return nats.InterfaceSubscribe(nc, "c", heard) },
		func() (*gonats.Subscription, error) { return nats.InterfaceSubscribe(nc, "ask.>", reply) },
	} {
		if _, err := subscribe(); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(_ *gonats.Msg, err error) error { return err }
	for _, call := range []func() error{
		func() error { return nats.InterfacePublish(ctx, nc, "a", nil) },
		func() error { return nats.InterfacePublishMsg(ctx, nc, gonats.NewMsg("b")) },
		func() error { return nats.InterfacePublishRequest(ctx, nc, "c", "r", nil) },
		func() error { return ask(nats.InterfaceRequest(ctx, nc, "ask.1", nil, patience)) },
		func() error { return ask(nats.InterfaceRequestMsg(ctx, nc, gonats.NewMsg("ask.2"), patience)) },
		func() error { return ask(nats.InterfaceRequestWithContext(nc, ctx, "ask.3", nil)) },
		func() error { return ask(nats.InterfaceRequestMsgWithContext(nc, ctx, gonats.NewMsg("ask.4"))) },
	} {
		if err := call(); err != nil {
			t.Error(err)
		}
	}
	for range 3 {
		await(t, got)
	}
	span.End()
	drained(t, nc)
	for _, subject := range []string{"a", "b", "c"} {
		follows(t, find(t, rec, "process "+subject), find(t, rec, "publish "+subject))
	}
	requests := 0
	for _, s := range rec.Ended() {
		if s.Parent().SpanID() == span.SpanContext().SpanID() {
			requests++
		}
	}
	if requests != 7 {
		t.Errorf("%d spans below the request, want 7", requests)
	}
}
