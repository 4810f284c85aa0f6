package socket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	orchestrall "github.com/orchestrall/orchestrall/runtime"
)

func record(t *testing.T, options ...sdk.TracerProviderOption) *tracetest.SpanRecorder {
	t.Helper()
	recorder, before := tracetest.NewSpanRecorder(), otel.GetTracerProvider()
	otel.SetTracerProvider(sdk.NewTracerProvider(append(options, sdk.WithSpanProcessor(recorder))...))
	t.Cleanup(func() { otel.SetTracerProvider(before) })
	return recorder
}

func attr(s sdk.ReadOnlySpan, key string) string {
	for _, kv := range s.Attributes() {
		if string(kv.Key) == key {
			return kv.Value.Emit()
		}
	}
	return ""
}

func dialed(t *testing.T) *Conn {
	t.Helper()
	_, _, c := Dialed(t.Context(), "ws://example.com/x?token=s3cret", nil)
	return c
}

func TestAnOpenConnectionIsInItsTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorder := record(t)
		short, long := dialed(t), dialed(t)
		time.Sleep(announceAfter / 2)
		short.Close()
		time.Sleep(announceAfter)
		synctest.Wait()
		var found []sdk.ReadOnlySpan
		for _, s := range recorder.Ended() {
			if attr(s, orchestrall.StillRunningKey) == "true" {
				found = append(found, s)
			}
		}
		if len(found) != 1 || found[0].Parent().SpanID() != long.span.SpanContext().SpanID() {
			t.Errorf("%d spans stand for open connections, want one below the one that is open", len(found))
		}
		long.Close()
	})
}

func TestManyMessagesAreCountedAndFewKept(t *testing.T) {
	recorder := record(t)
	c := dialed(t)
	for range 3 * maxEvents {
		c.Message(Sent, "text", 2)
	}
	c.Message(Received, "binary", 7)
	c.End(1000, nil)
	s := recorder.Ended()[0]
	if n := len(s.Events()); n != maxEvents {
		t.Errorf("%d events, want %d", n, maxEvents)
	}
	for key, want := range map[string]string{
		"websocket.messages.sent": fmt.Sprint(3 * maxEvents), "websocket.bytes.sent": fmt.Sprint(6 * maxEvents),
		"websocket.messages.received": "1", "websocket.bytes.received": "7", "websocket.close_code": "1000",
		"url.path": "/x", "server.address": "example.com",
	} {
		if got := attr(s, key); got != want {
			t.Errorf("%s = %q, want %q", key, got, want)
		}
	}
	if text := fmt.Sprint(s.Attributes()); strings.Contains(text, "s3cret") {
		t.Errorf("the query is recorded: %s", text)
	}
}

func TestOnlyTheFirstEndCounts(t *testing.T) {
	recorder := record(t)
	c := dialed(t)
	c.End(1011, nil)
	c.End(1000, nil)
	c.Close()
	c.Abandon()
	c.Refuse(io.EOF, true)
	if n := len(recorder.Ended()); n != 1 {
		t.Fatalf("%d spans", n)
	}
	if s := recorder.Ended()[0]; attr(s, "error.type") != "1011" || s.Status().Code != codes.Error {
		t.Errorf("error.type %q, status %v", attr(s, "error.type"), s.Status())
	}
	var nobody *Conn
	nobody.Message(Sent, "text", 1)
	nobody.Note(io.EOF)
	nobody.Closing(1000)
	nobody.Close()
	nobody.End(0, nil)
	nobody.Abandon()
	nobody.Refuse(nil, true)
}

func TestWhatCountsAsFailure(t *testing.T) {
	broken := errors.New("broken")
	for _, test := range []struct {
		code   int
		err    error
		failed bool
	}{
		{1000, nil, false},
		{1001, io.EOF, false},
		{1006, io.ErrUnexpectedEOF, false},
		{4001, broken, false},
		{1011, broken, true},
		{1009, nil, true},
		{0, nil, false},
		{0, io.EOF, false},
		{0, context.Canceled, false},
		{0, broken, true},
		{0, context.DeadlineExceeded, true},
	} {
		if err := problem(test.code, test.err); (err != nil) != test.failed {
			t.Errorf("code %d, error %v: %v", test.code, test.err, err)
		}
	}
}

func TestConnectionsThatAreDroppedEnd(t *testing.T) {
	recorder := record(t)
	type library [64]byte
	var table Table[library]
	conn := new(library)
	table.Put(conn, dialed(t))
	if table.Get(conn) == nil || table.Get(nil) != nil || table.Get(new(library)) != nil {
		t.Fatal("the table does not find what is in it, or finds what is not")
	}
	runtime.KeepAlive(conn)
	for len(recorder.Ended()) == 0 { // the test's time limit ends this if it never happens
		runtime.GC()
		runtime.Gosched()
	}
	if s := recorder.Ended()[0]; attr(s, orchestrall.AbandonedKey) != "true" {
		t.Errorf("attributes: %v", s.Attributes())
	}
	table.m.Range(func(key, _ any) bool {
		t.Errorf("%v is still in the table", key)
		return true
	})
}

func TestTheConnectionKeepsNothingOfTheContext(t *testing.T) {
	record(t)
	type key struct{}
	collected := make(chan struct{})
	c := func() *Conn {
		value := &struct{ big [64]byte }{}
		runtime.AddCleanup(value, func(int) { close(collected) }, 0)
		_, _, c := Dialed(context.WithValue(t.Context(), key{}, value), "ws://example.com", nil)
		c.announce.Stop()
		return c
	}()
	for {
		runtime.GC()
		select {
		case <-collected:
			runtime.KeepAlive(c)
			c.Close()
			return
		default:
		}
	}
}

func TestCarriedFieldsAreOnTheSpan(t *testing.T) {
	recorder := record(t)
	ctx := orchestrall.WithFields(t.Context(), "userId", "user_123")
	_, _, c := Dialed(ctx, "ws://example.com", nil)
	c.Close()
	if got := attr(recorder.Ended()[0], "userId"); got != "user_123" {
		t.Errorf("userId = %q", got)
	}
}

func TestUnsampledConnections(t *testing.T) {
	recorder := record(t, sdk.WithSampler(sdk.NeverSample()))
	r := httptest.NewRequest("GET", "/x", nil)
	c := Accepted(r)
	if c.Watched() {
		t.Error("an unsampled connection is watched")
	}
	c.Message(Sent, "text", 1)
	c.Close()
	if n := len(recorder.Ended()); n != 0 {
		t.Errorf("%d spans", n)
	}
}
