package gorillaws_test

import (
	"context"
	"io"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/orchestrall/orchestrall/runtime/gorillaws"
	"github.com/orchestrall/orchestrall/runtime/internal/sockettest"
)

// own is a program's wrapper, whose calls are woven.
type own struct{ *websocket.Conn }

func (o own) WriteMessage(typ int, data []byte) error {
	return gorillaws.ConnWriteMessage(o.Conn, typ, data)
}

// A connection that is held as an interface counts the same messages, each once.
func TestThroughInterfaces(t *testing.T) {
	spans := sockettest.Record(t)
	url := serve(t, func(_ context.Context, c *websocket.Conn) {
		var n int
		if err := gorillaws.InterfaceReadJSON(c, &n); err != nil || n != 7 {
			t.Errorf("read %d, %v", n, err)
		}
		_, r, err := gorillaws.InterfaceNextReader(c)
		if err != nil {
			t.Error(err)
			return
		}
		if data, err := io.ReadAll(r); err != nil || string(data) != "two" {
			t.Errorf("read %q, %v", data, err)
		}
		w, err := gorillaws.InterfaceNextWriter(c, websocket.TextMessage)
		if err != nil {
			t.Error(err)
			return
		}
		io.WriteString(w, "three")
		w.Close()
		sayGoodbye(t, c, websocket.CloseNormalClosure)
	})
	c := dial(t, t.Context(), url)
	defer gorillaws.ConnClose(c)
	if err := gorillaws.InterfaceWriteJSON(c, 7); err != nil {
		t.Fatal(err)
	}
	if err := gorillaws.InterfaceWriteMessage(own{c}, websocket.TextMessage, []byte("two")); err != nil {
		t.Fatal(err)
	}
	if _, data, err := gorillaws.InterfaceReadMessage(c); err != nil || string(data) != "three" {
		t.Fatalf("read %q, %v", data, err)
	}
	if _, _, err := gorillaws.InterfaceReadMessage(c); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		t.Errorf("error %v", err)
	}
	client, server := spans.Both(t)
	sockettest.WantAttributes(t, client, map[string]string{
		"websocket.messages.sent": "2", "websocket.bytes.sent": "5", "websocket.messages.received": "1", "websocket.bytes.received": "5",
	})
	sockettest.WantAttributes(t, server, map[string]string{
		"websocket.messages.sent": "1", "websocket.bytes.sent": "5", "websocket.messages.received": "2", "websocket.bytes.received": "5",
	})
}
