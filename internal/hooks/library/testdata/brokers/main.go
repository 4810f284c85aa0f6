// Command brokers orders through Kafka and keeps the orders in Redis, in the
// ways in which programs do: behind interfaces and the fields of structs, by a
// group of consumers, in batches, pipelines and transactions.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
)

// events is what the program knows of Kafka.
type events interface {
	publish(ctx context.Context, values ...string) error
}

type topic struct{ *kafka.Writer }

func (t topic) publish(ctx context.Context, values ...string) error {
	var batch []kafka.Message
	for _, v := range values {
		batch = append(batch, kafka.Message{Key: []byte("card"), Value: []byte(v)})
	}
	return t.WriteMessages(ctx, batch...)
}

// store is what the program knows of Redis.
type store struct{ db redis.UniversalClient }

func newStore(url string) (*store, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	return &store{redis.NewClient(options)}, nil
}

func main() {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	check(err)
	defer cluster.Close()
	socket, stop := server()
	defer stop()
	s, err := newStore("unix://" + socket)
	check(err)
	defer s.db.Close()

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	check(s.db.Ping(ctx).Err()) // what it says when it connects is not of the order
	writer := &kafka.Writer{Addr: kafka.TCP(cluster.ListenAddrs()...), Topic: "orders", BatchSize: 2}
	defer writer.Close()
	check(order(ctx, topic{writer}))

	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: cluster.ListenAddrs(), GroupID: "billing", Topic: "orders", MaxWait: 50 * time.Millisecond, StartOffset: kafka.FirstOffset,
	})
	defer reader.Close()
	var batch []kafka.Message
	for len(batch) < 2 {
		m, err := reader.FetchMessage(ctx)
		check(err)
		batch = append(batch, m)
	}
	for _, m := range batch {
		check(s.handle(m))
	}
	check(reader.CommitMessages(ctx, batch...))
	check(work(ctx, s, cluster.ListenAddrs(), topic{writer}))
}

//orchestrall:trace kind=agent
func order(ctx context.Context, e events) error { return e.publish(ctx, "secret one", "secret two") }

// handle has a message and no context.
func (s *store) handle(m kafka.Message) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return s.save(ctx, string(m.Value))
}

//orchestrall:trace kind=step
func (s *store) save(ctx context.Context, value string) error {
	if err := s.db.Set(ctx, "order", value, 0).Err(); err != nil {
		return err
	}
	_, err := s.db.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Incr(ctx, "orders")
		p.Expire(ctx, "order", time.Hour)
		return nil
	})
	return err
}

//orchestrall:trace kind=agent
func work(ctx context.Context, s *store, brokers []string, e events) error {
	if err := e.publish(ctx, "secret three"); err != nil {
		return err
	}
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: brokers, Topic: "orders", MaxWait: 50 * time.Millisecond})
	defer reader.Close()
	if err := reader.SetOffset(2); err != nil {
		return err
	}
	read := reader.ReadMessage
	m, err := read(ctx)
	if err != nil || string(m.Value) != "secret three" {
		return fmt.Errorf("read %q: %w", m.Value, err)
	}
	if err := s.db.Get(ctx, "nothing").Err(); !errors.Is(err, redis.Nil) {
		return fmt.Errorf("a missing key is %w", err)
	}
	news := s.db.Subscribe(ctx, "news")
	defer news.Close()
	if _, err := news.Receive(ctx); err != nil {
		return err
	}
	pipe := s.db.Pipeline()
	pipe.LPush(ctx, "list", m.Value)
	pipe.Publish(ctx, "news", m.Value)
	if _, err := pipe.Exec(ctx); err != nil {
		return err
	}
	if got := <-news.Channel(); got.Payload != "secret three" {
		return fmt.Errorf("the news is %q", got.Payload)
	}
	return nil
}

// server starts a Redis server and returns its socket.
func server() (string, func()) {
	dir, err := os.MkdirTemp("", "redis") // the path of a socket must be short
	check(err)
	socket := filepath.Join(dir, "s")
	cmd := exec.Command("redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--dir", dir)
	out, err := cmd.StdoutPipe()
	check(err)
	check(cmd.Start())
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.Contains(lines.Text(), "accept connections") {
			break
		}
	}
	return socket, func() { cmd.Process.Kill(); cmd.Wait(); os.RemoveAll(dir) }
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
