package coderws_test

import (
	"context"
	"io"
	"testing"

	"github.com/coder/websocket"

	"github.com/orchestrall/orchestrall/runtime/coderws"
	"github.com/orchestrall/orchestrall/runtime/internal/sockettest"
)

// own is a program's wrapper, whose calls are woven.
type own struct{ *websocket.Conn }

func (o own) Write(ctx context.Context, typ websocket.MessageType, p []byte) error {
	return coderws.ConnWrite(o.Conn, ctx, typ, p)
}

// A connection that is held as an interface counts the same messages, each once.
func TestThroughInterfaces(t *testing.T) {
	spans := sockettest.Record(t)
	url := serve(t, func(ctx context.Context, c *websocket.Conn) {
		if _, data, err := coderws.InterfaceRead(c, ctx); err != nil || string(data) != "one" {
			t.Errorf("read %q, %v", data, err)
		}
		w, err := coderws.InterfaceWriter(c, ctx, websocket.MessageText)
		if err != nil {
			t.Error(err)
			return
		}
		io.WriteString(w, "three")
		w.Close()
		coderws.InterfaceClose(c, websocket.StatusGoingAway, "enough")
	})
	c := dial(t, t.Context(), url)
	defer coderws.InterfaceCloseNow(c)
	if err := coderws.InterfaceWrite(own{c}, t.Context(), websocket.MessageText, []byte("one")); err != nil {
		t.Fatal(err)
	}
	_, r, err := coderws.InterfaceReader(c, t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(r); err != nil || string(data) != "three" {
		t.Fatalf("read %q, %v", data, err)
	}
	<-coderws.InterfaceCloseRead(c, t.Context()).Done()
	client, server := spans.Both(t)
	sockettest.WantAttributes(t, client, map[string]string{
		"websocket.messages.sent": "1", "websocket.bytes.sent": "3", "websocket.messages.received": "1", "websocket.bytes.received": "5",
	})
	sockettest.WantAttributes(t, server, map[string]string{
		"websocket.messages.sent": "1", "websocket.bytes.sent": "5", "websocket.messages.received": "1", "websocket.bytes.received": "3", "websocket.close_code": "1001",
	})
}
