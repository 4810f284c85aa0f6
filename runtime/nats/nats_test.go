package nats_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	gonats "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/orchestrall/orchestrall/runtime/internal/spantest"
	"github.com/orchestrall/orchestrall/runtime/nats"
)

const patience = 30 * time.Second

// connect starts a server of its own for the test.
func connect(t *testing.T) *gonats.Conn {
	t.Helper()
	program, err := exec.LookPath("nats-server")
	if err != nil {
		if os.Getenv("ORCHESTRALL_REQUIRE_SERVERS") != "" {
			t.Fatal(err)
		}
		t.Skip("nats-server is not installed (Debian: nats-server)")
	}
	cmd := exec.Command(program, "-a", "127.0.0.1", "-p", "-1", "-js", "-sd", t.TempDir())
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	address := ""
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if _, at, ok := strings.Cut(lines.Text(), "client connections on "); ok {
			address = at
		}
		if strings.Contains(lines.Text(), "Server is ready") {
			break
		}
	}
	nc, err := gonats.Connect("nats://" + address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func request(t *testing.T) (context.Context, trace.Span) {
	return otel.Tracer("test").Start(t.Context(), "request")
}

// find returns the only ended span of that name.
func find(t *testing.T, rec *tracetest.SpanRecorder, name string) sdk.ReadOnlySpan {
	t.Helper()
	var found sdk.ReadOnlySpan
	var names []string
	for _, span := range rec.Ended() {
		names = append(names, span.Name())
		if span.Name() == name {
			if found != nil {
				t.Fatalf("%q ended twice: %q", name, names)
			}
			found = span
		}
	}
	if found == nil {
		t.Fatalf("no span %q among %q", name, names)
	}
	return found
}

// follows checks that a consumer's span is in the trace of the producer's,
// below it, and linked to it.
func follows(t *testing.T, consumer, producer sdk.ReadOnlySpan) {
	t.Helper()
	if consumer.Parent().SpanID() != producer.SpanContext().SpanID() {
		t.Errorf("%s is not below %s", consumer.Name(), producer.Name())
	}
	linkedTo(t, consumer, producer)
}

func linkedTo(t *testing.T, consumer, producer sdk.ReadOnlySpan) {
	t.Helper()
	if consumer.SpanKind() != trace.SpanKindConsumer {
		t.Errorf("%s is a %v", consumer.Name(), consumer.SpanKind())
	}
	if !slices.ContainsFunc(consumer.Links(), func(l sdk.Link) bool {
		return l.SpanContext.SpanID() == producer.SpanContext().SpanID()
	}) {
		t.Errorf("%s has no link to %s", consumer.Name(), producer.Name())
	}
}

func await[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatal("nothing arrived")
		panic("unreachable")
	}
}

func TestHandlerIsBelowItsPublisher(t *testing.T) {
	nc, rec := connect(t), spantest.Record(t)
	inside := make(chan context.Context, 1)
	sub, err := nats.Subscribe(nc, "orders", func(m *gonats.Msg) {
		ctx := nats.Context(m)
		_, span := otel.Tracer("test").Start(ctx, "work")
		span.End()
		inside <- ctx
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, span := request(t)
	if err := nats.Publish(ctx, nc, "orders", []byte("secret")); err != nil {
		t.Fatal(err)
	}
	span.End()
	await(t, inside)
	if err := sub.Drain(); err != nil {
		t.Fatal(err)
	}
	drained(t, nc)

	producer := find(t, rec, "publish orders")
	if producer.Parent().SpanID() != span.SpanContext().SpanID() || producer.SpanKind() != trace.SpanKindProducer {
		t.Errorf("%v below %v", producer.SpanKind(), producer.Parent())
	}
	consumer := find(t, rec, "process orders")
	follows(t, consumer, producer)
	if find(t, rec, "work").Parent().SpanID() != consumer.SpanContext().SpanID() {
		t.Error("what the handler does is not below its span")
	}
	for _, span := range rec.Ended() {
		for _, kv := range span.Attributes() {
			if strings.Contains(kv.Value.Emit(), "secret") {
				t.Errorf("%s tells the payload", span.Name())
			}
		}
	}
}

// drained waits until every handler has returned and its span has ended.
func drained(t *testing.T, nc *gonats.Conn) {
	t.Helper()
	closed := make(chan struct{}, 1)
	nc.SetClosedHandler(func(*gonats.Conn) { closed <- struct{}{} })
	if err := nc.Drain(); err != nil {
		t.Fatal(err)
	}
	await(t, closed)
}

func TestRequestAndReplyAreOneTrace(t *testing.T) {
	nc, rec := connect(t), spantest.Record(t)
	if _, err := nats.QueueSubscribe(nc, "sum", "workers", func(m *gonats.Msg) {
		if err := nats.Publish(nats.Context(m), nc, m.Reply, []byte("3")); err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	ctx, span := request(t)
	for name, ask := range map[string]func() (*gonats.Msg, error){
		"timeout": func() (*gonats.Msg, error) { return nats.Request(ctx, nc, "sum", []byte("1+2"), patience) },
		"context": func() (*gonats.Msg, error) {
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			return nats.RequestWithContext(nc, ctx, "sum", []byte("1+2"))
		},
	} {
		rec.Reset()
		answer, err := ask()
		if err != nil || string(answer.Data) != "3" {
			t.Fatalf("%s: %v, %v", name, answer, err)
		}
		asked := find(t, rec, "request sum")
		if asked.SpanKind() != trace.SpanKindClient || asked.Parent().SpanID() != span.SpanContext().SpanID() {
			t.Errorf("%s: %v below %v", name, asked.SpanKind(), asked.Parent())
		}
		if reply := find(t, rec, "publish (temporary)"); reply.SpanContext().TraceID() != span.SpanContext().TraceID() {
			t.Errorf("%s: the reply is in another trace", name)
		}
	}
	if _, err := nats.Request(ctx, nc, "nobody", nil, patience); err != gonats.ErrNoResponders { //nolint:errorlint // the very error
		t.Errorf("got %v", err)
	}
}

func TestPulledMessagesAreLinked(t *testing.T) {
	nc, rec := connect(t), spantest.Record(t)
	sub, err := nc.SubscribeSync("orders")
	if err != nil {
		t.Fatal(err)
	}
	ctx, span := request(t)
	m := gonats.NewMsg("orders")
	m.Header.Set("x", "1")
	if err := nats.PublishMsg(ctx, nc, m); err != nil {
		t.Fatal(err)
	}
	span.End()
	if len(m.Header) != 1 {
		t.Errorf("the program's message has the headers %v now", m.Header)
	}
	got, err := nats.NextMsg(sub, patience)
	if err != nil || got.Header.Get("x") != "1" {
		t.Fatal(got, err)
	}
	follows(t, find(t, rec, "receive orders"), find(t, rec, "publish orders"))

	rec.Reset()
	if err := nats.PublishRequest(ctx, nc, "orders", "back", nil); err != nil {
		t.Fatal(err)
	}
	worker, work := otel.Tracer("test").Start(t.Context(), "worker")
	worker, cancel := context.WithTimeout(worker, patience)
	defer cancel()
	if got, err = nats.NextMsgWithContext(sub, worker); err != nil || got.Reply != "back" {
		t.Fatal(got, err)
	}
	receive := find(t, rec, "receive orders")
	linkedTo(t, receive, find(t, rec, "publish orders"))
	if receive.Parent().SpanID() != work.SpanContext().SpanID() {
		t.Error("the message is not received below the worker's span")
	}
	if nats.Context(got) == nil || trace.SpanContextFromContext(nats.Context(got)).TraceID() != span.SpanContext().TraceID() {
		t.Error("the message has lost its trace")
	}
}

func TestStreams(t *testing.T) {
	nc, rec := connect(t), spantest.Record(t)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	ctx, span := request(t)
	stream, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := stream.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{Durable: "c", AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil {
		t.Fatal(err)
	}
	if ack, err := nats.StreamPublish(js, ctx, "s.one", []byte("1"), jetstream.WithMsgID("1")); err != nil || ack.Sequence != 1 {
		t.Fatal(ack, err)
	}
	future, err := nats.StreamPublishAsync(ctx, js, "s.two", []byte("2"))
	if err != nil {
		t.Fatal(err)
	}
	await(t, future.Ok())
	span.End()

	m, err := nats.Next(consumer)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.DoubleAck(t.Context()); err != nil {
		t.Fatal(err)
	}
	follows(t, find(t, rec, "receive s.one"), find(t, rec, "publish s.one"))

	got := make(chan trace.SpanContext, 1)
	consuming, err := nats.Consume(consumer, func(m jetstream.Msg) {
		if err := m.Ack(); err != nil {
			t.Error(err)
		}
		got <- trace.SpanContextFromContext(nats.StreamContext(m))
	})
	if err != nil {
		t.Fatal(err)
	}
	inside := await(t, got)
	consuming.Drain()
	await(t, consuming.Closed())
	processed := find(t, rec, "process s.two")
	follows(t, processed, find(t, rec, "publish s.two"))
	if inside.SpanID() != processed.SpanContext().SpanID() {
		t.Error("the handler's context is not that of its span")
	}
}

func TestOldJetStream(t *testing.T) {
	nc, rec := connect(t), spantest.Record(t)
	js, err := nc.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.AddStream(&gonats.StreamConfig{Name: "S", Subjects: []string{"s"}}); err != nil {
		t.Fatal(err)
	}
	ctx, span := request(t)
	got := make(chan struct{}, 2)
	if _, err := nats.JetStreamSubscribe(js, "s", func(*gonats.Msg) { got <- struct{}{} }); err != nil {
		t.Fatal(err)
	}
	if _, err := nats.JetStreamPublish(ctx, js, "s", nil, gonats.MsgId("1")); err != nil {
		t.Fatal(err)
	}
	span.End()
	await(t, got)
	drained(t, nc)
	follows(t, find(t, rec, "process s"), find(t, rec, "publish s"))
}

func TestMistakesAreTheLibrarysOwn(t *testing.T) {
	spantest.Record(t)
	if err := nats.Publish(nil, nil, "s", nil); err != gonats.ErrInvalidConnection { //nolint:errorlint,staticcheck // the very error; callers without a context
		t.Errorf("got %v", err)
	}
	nc := connect(t)
	if err := nats.PublishMsg(t.Context(), nc, nil); err != gonats.ErrInvalidMsg { //nolint:errorlint // the very error
		t.Errorf("got %v", err)
	}
	if _, err := nats.Subscribe(nc, "s", nil); err != gonats.ErrBadSubscription { //nolint:errorlint // the very error
		t.Errorf("got %v", err)
	}
	if nats.Context(nil) == nil || nats.StreamContext(nil) == nil {
		t.Error("no message has no context")
	}
}
