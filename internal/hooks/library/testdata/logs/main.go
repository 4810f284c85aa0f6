// Command logs writes lines without a context, in functions that have one.
package main

import (
	"context"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
)

func main() {
	slog.Info("nobody's")
	log.Print("nobody's, too")
	work(context.Background(), log.New(log.Writer(), "", 0))
	server := httptest.NewServer(http.HandlerFunc(handle))
	defer server.Close()
	if resp, err := http.Get(server.URL); err == nil {
		_ = resp.Body.Close()
	}
}

//orchestrall:trace
func work(ctx context.Context, own *log.Logger) {
	slog.Info("slog's", "n", 1)
	slog.With("n", 2).Warn("a logger's")
	log.Printf("%s", "log's")
	own.Println("a log.Logger's")
}

func handle(_ http.ResponseWriter, r *http.Request) {
	slog.Error("a request's", "path", r.URL.Path)
}
