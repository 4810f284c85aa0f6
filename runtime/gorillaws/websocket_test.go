package gorillaws_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/orchestrall/orchestrall/runtime/gorillaws"
	"github.com/orchestrall/orchestrall/runtime/internal/sockettest"
)

func serve(t *testing.T, handler func(ctx context.Context, c *websocket.Conn)) string {
	t.Helper()
	up := &websocket.Upgrader{}
	mux := http.NewServeMux()
	mux.HandleFunc("/events/{id}", func(w http.ResponseWriter, r *http.Request) {
		c, err := gorillaws.UpgraderUpgrade(up, w, r, nil)
		if err != nil {
			return
		}
		defer gorillaws.ConnClose(c)
		handler(r.Context(), c)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return "ws" + strings.TrimPrefix(server.URL, "http") + "/events/7"
}

func dial(t *testing.T, ctx context.Context, url string) *websocket.Conn {
	t.Helper()
	c, _, err := gorillaws.DialerDialContext(websocket.DefaultDialer, ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func sayGoodbye(t *testing.T, c *websocket.Conn, code int) {
	t.Helper()
	bye := websocket.FormatCloseMessage(code, "")
	if err := gorillaws.ConnWriteControl(c, websocket.CloseMessage, bye, time.Time{}); err != nil {
		t.Error(err)
	}
}

func TestAConnectionIsOneTrace(t *testing.T) {
	spans := sockettest.Record(t)
	inside := make(chan trace.SpanContext, 1)
	url := serve(t, func(ctx context.Context, c *websocket.Conn) {
		inside <- trace.SpanContextFromContext(ctx)
		for {
			typ, data, err := gorillaws.ConnReadMessage(c)
			if err != nil {
				return
			}
			if err := gorillaws.ConnWriteMessage(c, typ, append(data, data...)); err != nil {
				t.Error(err)
			}
		}
	})
	ctx, root := otel.Tracer("test").Start(t.Context(), "root")
	header := http.Header{"X-Mine": {"yes"}}
	c, _, err := gorillaws.DialerDialContext(websocket.DefaultDialer, ctx, url, header)
	if err != nil {
		t.Fatal(err)
	}
	if len(header) != 1 {
		t.Errorf("the caller's header became %v", header)
	}
	if err := gorillaws.ConnWriteMessage(c, websocket.TextMessage, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, data, err := gorillaws.ConnReadMessage(c); err != nil || string(data) != "hellohello" {
		t.Fatalf("read %q, %v", data, err)
	}
	sayGoodbye(t, c, websocket.CloseNormalClosure)
	gorillaws.ConnClose(c)
	root.End()

	client, server := spans.Both(t)
	if client.Parent().SpanID() != root.SpanContext().SpanID() {
		t.Error("the client's span is not below the caller's")
	}
	if server.Parent().SpanID() != client.SpanContext().SpanID() || !server.Parent().IsRemote() {
		t.Error("the server's span is not below the client's")
	}
	if got := <-inside; got.SpanID() != server.SpanContext().SpanID() {
		t.Error("the handler does not run in the connection's span")
	}
	sockettest.WantAttributes(t, client, map[string]string{
		"websocket.messages.sent": "1", "websocket.bytes.sent": "5", "websocket.messages.received": "1",
		"websocket.bytes.received": "10", "websocket.close_code": "1000", "url.path": "/events/7",
	})
	sockettest.WantAttributes(t, server, map[string]string{
		"websocket.bytes.sent": "10", "websocket.bytes.received": "5", "websocket.close_code": "1000",
		"http.route": "/events/{id}",
	})
	if n := len(server.Events()); n != 2 {
		t.Errorf("%d events on the server's span, want 2", n)
	}
	if client.Status().Code == codes.Error || server.Status().Code == codes.Error {
		t.Errorf("status %v, %v", client.Status(), server.Status())
	}
}

func TestJSONAndStreams(t *testing.T) {
	type event struct{ N int }
	spans := sockettest.Record(t)
	url := serve(t, func(_ context.Context, c *websocket.Conn) {
		var e event
		if err := gorillaws.ConnReadJSON(c, &e); err != nil || e.N != 7 {
			t.Errorf("read %+v, %v", e, err)
		}
		w, err := gorillaws.ConnNextWriter(c, websocket.BinaryMessage)
		if err != nil {
			t.Error(err)
			return
		}
		if _, ok := w.(io.ReaderFrom); !ok {
			t.Error("the writer lost its ReadFrom")
		}
		if _, ok := w.(io.StringWriter); !ok {
			t.Error("the writer lost its WriteString")
		}
		io.WriteString(w, "one ")
		io.Copy(w, strings.NewReader("two"))
		w.Close()
		sayGoodbye(t, c, websocket.CloseInternalServerErr)
	})
	c := dial(t, t.Context(), url)
	defer gorillaws.ConnClose(c)
	if err := gorillaws.ConnWriteJSON(c, event{7}); err != nil {
		t.Fatal(err)
	}
	_, r, err := gorillaws.ConnNextReader(c)
	if err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(r); err != nil || string(data) != "one two" {
		t.Fatalf("read %q, %v", data, err)
	}
	_, _, err = gorillaws.ConnReadMessage(c)
	if !websocket.IsCloseError(err, websocket.CloseInternalServerErr) {
		t.Errorf("error %v", err)
	}
	client, server := spans.Both(t)
	sockettest.WantAttributes(t, client, map[string]string{
		"websocket.bytes.sent": "8", "websocket.bytes.received": "7", "websocket.close_code": "1011", "error.type": "1011",
	})
	sockettest.WantAttributes(t, server, map[string]string{
		"websocket.bytes.sent": "7", "websocket.bytes.received": "8", "websocket.close_code": "1011",
	})
}

// JSON that cannot be is the same error with and without somebody watching.
func TestJSONErrorsAreTheLibrarys(t *testing.T) {
	url := serve(t, func(_ context.Context, c *websocket.Conn) {
		for _, text := range []string{`{"n":"no number"}`, `{"n":`, ``, `7 8`} {
			if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
				return
			}
		}
		c.ReadMessage()
	})
	run := func(read func(*websocket.Conn, any) error, write func(*websocket.Conn, any) error) (log []string) {
		c := dial(t, t.Context(), url)
		defer gorillaws.ConnClose(c)
		for range 4 {
			var into struct{ N int }
			err := read(c, &into)
			log = append(log, errorText(err))
		}
		return append(log, errorText(write(c, make(chan int))))
	}
	sockettest.Record(t)
	got := run(gorillaws.ConnReadJSON, gorillaws.ConnWriteJSON)
	want := run((*websocket.Conn).ReadJSON, (*websocket.Conn).WriteJSON)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func errorText(err error) string {
	if err == nil {
		return "ok"
	}
	return err.Error()
}

func TestDeadlinesStayDeadlines(t *testing.T) {
	spans := sockettest.Record(t)
	url := serve(t, func(_ context.Context, c *websocket.Conn) { gorillaws.ConnReadMessage(c) })
	c := dial(t, t.Context(), url)
	c.SetReadDeadline(time.Unix(1, 0))
	_, _, err := gorillaws.ConnReadMessage(c)
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("error %v, want a timeout", err)
	}
	if err := gorillaws.ConnWriteMessage(c, websocket.TextMessage, []byte("still here")); err != nil {
		t.Errorf("a connection whose read timed out no longer writes: %v", err)
	}
	gorillaws.ConnClose(c)
	client, _ := spans.Both(t)
	sockettest.WantAttributes(t, client, map[string]string{"websocket.messages.sent": "1"})
	if client.Status().Code != codes.Error {
		t.Errorf("status %v", client.Status())
	}
}

func TestHandshakesThatFail(t *testing.T) {
	spans := sockettest.Record(t)
	url := serve(t, func(context.Context, *websocket.Conn) { t.Error("connected") })
	resp, err := http.Get("http" + strings.TrimPrefix(url, "ws"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if s := spans.Next(t); s.Status().Code == codes.Error || sockettest.Attribute(s, "error.type") != "handshake" {
		t.Errorf("server: status %v, error.type %q", s.Status(), sockettest.Attribute(s, "error.type"))
	}
	_, _, err = gorillaws.DialerDial(websocket.DefaultDialer, strings.TrimSuffix(url, "/events/7"), nil)
	if !errors.Is(err, websocket.ErrBadHandshake) {
		t.Fatalf("error %v", err)
	}
	if s := spans.Next(t); s.Status().Code != codes.Error || s.SpanKind() != trace.SpanKindClient {
		t.Errorf("client: status %v", s.Status())
	}
}
