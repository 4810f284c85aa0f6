package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	gorilla "github.com/gorilla/websocket"
)

// coder asks over coder/websocket.
type coder struct{ url string }

func newCoder(context.Context) (asker, func(), error) {
	mux := http.NewServeMux()
	mux.HandleFunc("/coder/{room}", func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer conn.CloseNow()
		var in wish
		if wsjson.Read(r.Context(), conn, &in) == nil && wsjson.Write(r.Context(), conn, wish{granted(r.Context(), in.What)}) == nil {
			conn.Read(r.Context()) // until the client closes
		}
	})
	server := httptest.NewServer(mux)
	return coder{server.URL}, server.Close, nil
}

func (c coder) ask(ctx context.Context, question string) (string, error) {
	conn, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(c.url, "http")+"/coder/one?token=secret", nil)
	if err != nil {
		return "", err
	}
	defer conn.CloseNow()
	if err := wsjson.Write(ctx, conn, wish{question}); err != nil {
		return "", err
	}
	var out wish
	if err := wsjson.Read(ctx, conn, &out); err != nil {
		return "", err
	}
	return out.What, conn.Close(websocket.StatusNormalClosure, "")
}

// gorillas ask over gorilla/websocket.
type gorillas struct {
	url      string
	upgrader gorilla.Upgrader
}

func newGorilla(context.Context) (asker, func(), error) {
	g := &gorillas{}
	server := httptest.NewServer(g)
	g.url = server.URL
	return g, server.Close, nil
}

func (g *gorillas) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn, err := g.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	for {
		kind, data, err := conn.ReadMessage()
		if err != nil {
			return
		}
		if err := conn.WriteMessage(kind, []byte(granted(r.Context(), string(data)))); err != nil {
			return
		}
	}
}

func (g *gorillas) ask(ctx context.Context, question string) (string, error) {
	conn, _, err := gorilla.DefaultDialer.DialContext(ctx, "ws"+strings.TrimPrefix(g.url, "http")+"/gorilla", nil)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.WriteMessage(gorilla.TextMessage, []byte(question)); err != nil {
		return "", err
	}
	_, data, err := conn.ReadMessage()
	if err != nil {
		return "", err
	}
	return string(data), conn.WriteMessage(gorilla.CloseMessage, gorilla.FormatCloseMessage(gorilla.CloseNormalClosure, ""))
}
