package coderws_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/orchestrall/orchestrall/runtime/coderws"
	"github.com/orchestrall/orchestrall/runtime/internal/sockettest"
)

// serve runs handler for each connection, and returns the address.
func serve(t *testing.T, handler func(ctx context.Context, c *websocket.Conn)) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /events/{id}", func(w http.ResponseWriter, r *http.Request) {
		c, err := coderws.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"v1"}})
		if err != nil {
			return
		}
		defer coderws.ConnCloseNow(c)
		handler(r.Context(), c)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return "ws" + strings.TrimPrefix(server.URL, "http") + "/events/7"
}

func dial(t *testing.T, ctx context.Context, url string) *websocket.Conn {
	t.Helper()
	c, _, err := coderws.Dial(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAConnectionIsOneTrace(t *testing.T) {
	spans := sockettest.Record(t)
	inside := make(chan trace.SpanContext, 1)
	url := serve(t, func(ctx context.Context, c *websocket.Conn) {
		inside <- trace.SpanContextFromContext(ctx)
		typ, data, err := coderws.ConnRead(c, ctx)
		if err != nil {
			t.Error(err)
		}
		if err := coderws.ConnWrite(c, ctx, typ, append(data, data...)); err != nil {
			t.Error(err)
		}
		coderws.ConnRead(c, ctx) // the close frame
	})
	ctx, root := otel.Tracer("test").Start(t.Context(), "root")
	options := &websocket.DialOptions{HTTPHeader: http.Header{"X-Mine": {"yes"}}, Subprotocols: []string{"v1"}}
	c, _, err := coderws.Dial(ctx, url+"?token=s3cret", options)
	if err != nil {
		t.Fatal(err)
	}
	if len(options.HTTPHeader) != 1 {
		t.Errorf("the caller's header became %v", options.HTTPHeader)
	}
	if err := coderws.ConnWrite(c, ctx, websocket.MessageText, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, data, err := coderws.ConnRead(c, ctx); err != nil || string(data) != "hellohello" {
		t.Fatalf("read %q, %v", data, err)
	}
	if err := coderws.ConnClose(c, websocket.StatusNormalClosure, ""); err != nil {
		t.Fatal(err)
	}
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
	if server.Name() != "websocket /events/{id}" || client.Name() != "websocket 127.0.0.1" {
		t.Errorf("names: %q, %q", server.Name(), client.Name())
	}
	sockettest.WantAttributes(t, client, map[string]string{
		"websocket.messages.sent": "1", "websocket.bytes.sent": "5", "websocket.messages.received": "1",
		"websocket.bytes.received": "10", "websocket.close_code": "1000", "websocket.subprotocol": "v1",
		"url.path": "/events/7", "server.address": "127.0.0.1",
	})
	sockettest.WantAttributes(t, server, map[string]string{
		"websocket.messages.sent": "1", "websocket.bytes.sent": "10", "websocket.messages.received": "1",
		"websocket.bytes.received": "5", "websocket.close_code": "1000", "http.route": "/events/{id}",
		"client.address": "127.0.0.1",
	})
	if n := len(server.Events()); n != 2 {
		t.Errorf("%d events on the server's span, want 2", n)
	}
	for _, s := range []sdk.ReadOnlySpan{client, server} {
		if s.Status().Code == codes.Error {
			t.Errorf("status %v", s.Status())
		}
	}
}

func TestJSONAndStreams(t *testing.T) {
	type event struct{ N int }
	spans := sockettest.Record(t)
	url := serve(t, func(ctx context.Context, c *websocket.Conn) {
		var e event
		if err := coderws.JSONRead(ctx, c, &e); err != nil || e.N != 7 {
			t.Errorf("read %+v, %v", e, err)
		}
		w, err := coderws.ConnWriter(c, ctx, websocket.MessageBinary)
		if err != nil {
			t.Error(err)
			return
		}
		io.WriteString(w, "one ")
		io.WriteString(w, "two")
		w.Close()
		coderws.ConnClose(c, websocket.StatusInternalError, "enough")
	})
	c := dial(t, t.Context(), url)
	if err := coderws.JSONWrite(t.Context(), c, event{7}); err != nil {
		t.Fatal(err)
	}
	_, r, err := coderws.ConnReader(c, t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(r); err != nil || string(data) != "one two" {
		t.Fatalf("read %q, %v", data, err)
	}
	_, _, err = coderws.ConnRead(c, t.Context())
	if websocket.CloseStatus(err) != websocket.StatusInternalError {
		t.Errorf("error %v", err)
	}
	client, server := spans.Both(t)
	sockettest.WantAttributes(t, client, map[string]string{
		"websocket.bytes.sent": "8", "websocket.bytes.received": "7", "websocket.close_code": "1011", "error.type": "1011",
	})
	sockettest.WantAttributes(t, server, map[string]string{
		"websocket.bytes.sent": "7", "websocket.bytes.received": "7", "websocket.close_code": "1011",
	})
}

// The library says the same, byte for byte and error for error, whether somebody
// watches or not.
func TestJSONIsTheLibrarys(t *testing.T) {
	values := []any{map[string]any{"a": "<&>", "b": []int{1}}, "text", nil, 1.5, make(chan int), struct{ F func() }{}}
	run := func(write func(context.Context, *websocket.Conn, any) error, read func(context.Context, *websocket.Conn, any) error) (log []string) {
		url := serve(t, func(ctx context.Context, c *websocket.Conn) {
			for {
				typ, data, err := c.Read(ctx)
				if err != nil {
					return
				}
				if err := c.Write(ctx, typ, data); err != nil {
					return
				}
			}
		})
		c := dial(t, t.Context(), url)
		defer coderws.ConnCloseNow(c)
		for _, v := range values {
			if err := write(t.Context(), c, v); err != nil {
				log = append(log, err.Error())
				continue
			}
			_, data, err := c.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			log = append(log, string(data))
		}
		for _, text := range []string{`{"n":1}`, ` {"n":"no number"} `} {
			if err := c.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
				t.Fatal(err)
			}
			var into struct{ N int }
			err := read(t.Context(), c, &into)
			log = append(log, errorText(err), string(rune('0'+into.N)))
		}
		return log
	}
	sockettest.Record(t)
	got, want := run(coderws.JSONWrite, coderws.JSONRead), run(wsjson.Write, wsjson.Read)
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

func TestACallerThatGivesUpIsNoFailure(t *testing.T) {
	spans := sockettest.Record(t)
	url := serve(t, func(ctx context.Context, c *websocket.Conn) {
		ctx = coderws.ConnCloseRead(c, ctx)
		<-ctx.Done()
	})
	c := dial(t, t.Context(), url)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := coderws.ConnRead(c, ctx); err == nil { // which one it is depends on the library's timing
		t.Error("a read with a context that has ended succeeded")
	}
	coderws.ConnCloseNow(c)
	client, _ := spans.Both(t)
	if client.Status().Code == codes.Error {
		t.Errorf("status %v", client.Status())
	}
}

func TestNetConn(t *testing.T) {
	spans := sockettest.Record(t)
	url := serve(t, func(ctx context.Context, c *websocket.Conn) {
		conn := coderws.NetConn(ctx, c, websocket.MessageBinary)
		defer conn.Close()
		io.Copy(conn, io.LimitReader(conn, 4))
	})
	c := dial(t, t.Context(), url)
	conn := coderws.NetConn(t.Context(), c, websocket.MessageBinary)
	if _, err := conn.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if _, err := io.Copy(&buf, conn); err != nil || buf.String() != "ping" {
		t.Fatalf("read %q, %v", &buf, err)
	}
	conn.Close()
	client, server := spans.Both(t)
	sockettest.WantAttributes(t, client, map[string]string{"websocket.bytes.sent": "4", "websocket.bytes.received": "4"})
	sockettest.WantAttributes(t, server, map[string]string{"websocket.bytes.sent": "4", "websocket.bytes.received": "4"})
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
	if _, _, err := coderws.Dial(t.Context(), strings.TrimSuffix(url, "/events/7"), nil); err == nil {
		t.Fatal("connected")
	}
	if s := spans.Next(t); s.Status().Code != codes.Error || s.SpanKind() != trace.SpanKindClient {
		t.Errorf("client: status %v", s.Status())
	}
}
