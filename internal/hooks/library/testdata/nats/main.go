// Command nats orders through a server of its own and works in the handlers.
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func main() {
	cmd := exec.Command("nats-server", "-a", "127.0.0.1", "-p", "-1", "-js", "-sd", os.Args[1])
	out, err := cmd.StderrPipe()
	if err != nil {
		panic(err)
	}
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	defer cmd.Process.Kill()
	address := ""
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if _, at, ok := strings.Cut(lines.Text(), "client connections on "); ok {
			address = at
		}
		if strings.Contains(lines.Text(), "Server is ready") {
			break
		}
	}
	nc, err := nats.Connect("nats://" + address)
	if err != nil {
		panic(err)
	}
	defer nc.Close()
	done := make(chan bool, 2)
	nc.Subscribe("orders", func(m *nats.Msg) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		save(ctx, string(m.Data))
		done <- true
	})
	js, err := jetstream.New(nc)
	if err != nil {
		panic(err)
	}
	s, err := js.CreateStream(context.Background(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
	if err != nil {
		panic(err)
	}
	c, err := s.CreateOrUpdateConsumer(context.Background(), jetstream.ConsumerConfig{Durable: "c", AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil {
		panic(err)
	}
	cc, err := c.Consume(func(m jetstream.Msg) {
		save(context.Background(), string(m.Data()))
		m.Ack()
		done <- true
	})
	if err != nil {
		panic(err)
	}
	order(context.Background(), nc, js)
	<-done
	<-done
	cc.Stop()
	nc.Drain()
	fmt.Println("done")
}

//orchestrall:trace kind=agent
func order(ctx context.Context, nc *nats.Conn, js jetstream.JetStream) {
	slog.Info("ordering", "n", 1)
	log.Printf("old %s", "style")
	if err := nc.Publish("orders", []byte("7")); err != nil {
		slog.Error("no", "err", err)
	}
	if _, err := js.PublishAsync("s.one", []byte("8")); err != nil {
		slog.Error("no", "err", err)
	}
}

//orchestrall:trace kind=step
func save(ctx context.Context, id string) { slog.Info("saved", "id", id) }
