package bootstrap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"

	"github.com/orchestrall/orchestrall/runtime/internal/quiet"
)

// shipper hands lines to a back end, in batches, from a goroutine of its own.
type shipper struct {
	back   backEnd
	pace   pace
	lost   lostLines
	health health
	pause  func(ctx context.Context, d time.Duration) error // between two attempts

	ctx    context.Context // done when nothing will be sent any more
	cancel context.CancelFunc
	wake   chan struct{}
	done   chan struct{} // closed when the goroutine has ended
	off    atomic.Bool   // the back end takes no lines at all

	mu      sync.Mutex
	queue   []entry
	bytes   int
	sending int           // lines that are on their way
	idle    chan struct{} // closed when it is; nil while nobody waits
	closed  bool
}

// backEnd takes lines in a protocol of its own.
type backEnd interface {
	// request returns what makes one attempt to hand a batch over.
	request(batch []entry) func(ctx context.Context) answer
	// disconnect closes the connections.
	disconnect()
}

// answer is what became of an attempt.
type answer struct {
	err      error
	again    bool          // another attempt makes sense,
	after    time.Duration // though not earlier
	rejected int           // lines that the back end left, of those that it took
	never    bool          // the back end takes no lines at all
}

// entry is a line that waits.
type entry struct {
	size int // roughly, in bytes

	at      time.Time // for Loki
	service string
	level   string
	text    []byte

	record *logs.LogRecord // for OTLP
}

// pace says how lines are gathered.
type pace struct {
	waiting  int           // lines that may wait
	batch    int           // lines of one request
	interval time.Duration // between two requests, unless there is a whole batch
	limit    time.Duration // of all attempts for one batch; 0 for none
}

// batchBytes bounds the lines of one request.
const batchBytes = 1 << 20

func newShipper(back backEnd, p pace) *shipper {
	ctx, cancel := context.WithCancel(context.Background())
	s := &shipper{
		back: back, pace: p, lost: newLostLines(), health: newHealth("logs"), pause: waitFor,
		ctx: ctx, cancel: cancel, wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	watchQueue("logs", s.waiting, int64(p.waiting))
	go s.run()
	return s
}

// waiting is how many lines have not arrived yet.
func (s *shipper) waiting() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(len(s.queue) + s.sending)
}

// add never waits for the back end.
func (s *shipper) add(e entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		s.lost.shutdown.Inc()
		return
	}
	if len(s.queue)+s.sending >= s.pace.waiting || s.bytes+e.size > maxQueuedBytes {
		s.lost.queueFull.Inc()
		return
	}
	s.queue = append(s.queue, e)
	s.bytes += e.size
	if len(s.queue) >= s.pace.batch || s.bytes >= batchBytes {
		s.awake()
	}
}

// awake makes the goroutine send at once.
func (s *shipper) awake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *shipper) run() {
	defer close(s.done)
	tick := time.NewTicker(s.pace.interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-s.wake:
		case <-s.ctx.Done():
			return
		}
		for s.ctx.Err() == nil {
			batch := s.next()
			if len(batch) == 0 {
				break
			}
			s.send(batch)
			s.sent(batch)
		}
	}
}

// next takes a batch out of the queue.
func (s *shipper) next() []entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, size := 0, 0
	for n < len(s.queue) && n < s.pace.batch && (n == 0 || size+s.queue[n].size <= batchBytes) {
		size += s.queue[n].size
		n++
	}
	batch := slices.Clone(s.queue[:n])
	s.queue = slices.Delete(s.queue, 0, n)
	s.sending = n
	if n == 0 && s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
	return batch
}

// sent gives the batch's room back.
func (s *shipper) sent(batch []entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sending = 0
	for i := range batch {
		s.bytes -= batch[i].size
	}
}

// A batch that nobody takes is given up after so many attempts. The queue is
// full long before.
const (
	mostAttempts = 5
	firstPause   = 500 * time.Millisecond
	longestPause = 30 * time.Second
)

// send counts the batch as lost unless somebody takes it.
func (s *shipper) send(batch []entry) {
	if s.off.Load() {
		return
	}
	ctx := quiet.Context(s.ctx)
	if s.pace.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.pace.limit)
		defer cancel()
	}
	attempt, start, wait := s.back.request(batch), time.Now(), firstPause
	for n := 1; ; n++ {
		a := attempt(ctx)
		if a.never {
			s.off.Store(true)
			slog.Warn("log lines are not exported: what OTEL_EXPORTER_OTLP_ENDPOINT names takes no logs; set OTEL_LOGS_EXPORTER=none, or OTEL_EXPORTER_OTLP_LOGS_ENDPOINT to what does")
			return
		}
		if again := a.err != nil && a.again && n < mostAttempts && s.ctx.Err() == nil; again && s.pause(ctx, min(max(wait, a.after), longestPause)) == nil {
			wait *= 2
			continue
		}
		s.health.observe(start, a.err)
		s.count(a, len(batch))
		return
	}
}

// count says what became of a batch of n lines in the end.
func (s *shipper) count(a answer, n int) {
	switch lost := &s.lost; {
	case a.err == nil:
		lost.rejected.Add(float64(min(a.rejected, n)))
		return
	case s.ctx.Err() != nil: // the program ends
		lost.shutdown.Add(float64(n))
		return
	case a.again:
		lost.exportFailed.Add(float64(n))
	default:
		lost.rejected.Add(float64(n))
	}
	otel.Handle(a.err)
}

func waitFor(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// flush returns when what waits now has been handed over or ctx is done.
func (s *shipper) flush(ctx context.Context) error {
	s.mu.Lock()
	if len(s.queue)+s.sending == 0 || s.closed {
		s.mu.Unlock()
		return nil
	}
	if s.idle == nil {
		s.idle = make(chan struct{})
	}
	idle := s.idle
	s.mu.Unlock()
	s.awake()
	select {
	case <-idle:
		return nil
	case <-s.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *shipper) close(ctx context.Context) error {
	err := s.flush(ctx)
	s.cancel()
	<-s.done // the request that is on its way has just been cancelled
	s.back.disconnect()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.off.Load() {
		err = nil
	} else {
		s.lost.shutdown.Add(float64(len(s.queue)))
	}
	s.queue = nil
	return err
}

// longestAnswer bounds what is read of what a back end says, in bytes.
const longestAnswer = 64 << 10

// post makes one attempt to send a request's body. With the answer comes what
// the back end said, if it took it, and why that may not be all.
func (t *logTarget) post(ctx context.Context, client *http.Client, body []byte, contentType, encoding string) (a answer, said []byte, cut error) {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url.String(), bytes.NewReader(body))
	if err != nil {
		return answer{err: errors.New("pushing log lines: the address is not valid")}, nil, nil
	}
	if t.auth != "" {
		r.Header.Set("Authorization", t.auth)
	}
	for key, value := range t.headers {
		r.Header.Set(key, value)
	}
	r.Header.Set("Content-Type", contentType)
	if encoding != "" {
		r.Header.Set("Content-Encoding", encoding)
	}
	r.Header.Set("User-Agent", "orchestrall")
	resp, err := client.Do(r)
	if err != nil {
		if wrapped := new(url.Error); errors.As(err, &wrapped) {
			err = wrapped.Err // which does not name the address: its query may hold a key
		}
		return answer{again: true, err: fmt.Errorf("pushing log lines to %s: %w", t.url.Host, err)}, nil, nil
	}
	defer func() { _ = resp.Body.Close() }()
	said, cut = io.ReadAll(io.LimitReader(resp.Body, longestAnswer+1))
	if len(said) > longestAnswer {
		cut = errors.New("it is too long")
	}
	if resp.StatusCode/100 == 2 {
		return answer{}, said, cut
	}
	return answer{
		again: resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500,
		after: retryAfter(resp.Header.Get("Retry-After"), time.Now()),
		never: t.general && resp.StatusCode == http.StatusNotFound,
		err:   fmt.Errorf("pushing log lines to %s: %s: %s", t.url.Host, resp.Status, printable(strings.TrimSpace(string(said[:min(len(said), 512)])))),
	}, nil, nil
}

// retryAfter reads seconds or a date.
func retryAfter(value string, now time.Time) time.Duration {
	if s, ok := number(value); ok && s > 0 {
		return time.Duration(min(s, int(longestPause/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
