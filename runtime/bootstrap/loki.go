package bootstrap

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/orchestrall/orchestrall/runtime/internal/quiet"
)

// loki pushes lines to Loki, in batches, from a goroutine of its own. The
// streams have two labels only, service and level: each combination of labels
// is a file of Loki's, so what differs from line to line stays in the line.
type loki struct {
	target *logTarget
	client *http.Client
	lost   lostLines
	health health
	pause  func(ctx context.Context, d time.Duration) error // between two attempts

	ctx    context.Context // done when nothing will be sent any more
	cancel context.CancelFunc
	wake   chan struct{}
	done   chan struct{} // closed when the goroutine has ended

	mu      sync.Mutex
	queue   []entry
	bytes   int
	sending int           // lines that are on their way
	idle    chan struct{} // closed when it is; nil while nobody waits
	closed  bool
}

// entry is a line that waits.
type entry struct {
	at      time.Time
	service string
	level   string
	text    []byte
}

const (
	lokiBatch    = 1000 // lines of one request
	lokiBytes    = 1 << 20
	lokiLine     = 256 << 10 // Loki refuses longer ones, and the whole request with them
	lokiInterval = time.Second
)

func newLoki(t *logTarget, client *http.Client) *loki {
	ctx, cancel := context.WithCancel(context.Background())
	k := &loki{
		target: t, client: client, lost: newLostLines(), health: newHealth("logs"), pause: waitFor,
		ctx: ctx, cancel: cancel, wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	watchQueue("logs", k.waiting, maxQueuedLines)
	go k.run()
	return k
}

// waiting is how many lines have not arrived yet.
func (k *loki) waiting() int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return int64(len(k.queue) + k.sending)
}

// take implements sink. It never waits for the back end.
func (k *loki) take(l *line) error {
	text := bytes.TrimSuffix(l.text, []byte("\n"))
	if len(text) > lokiLine {
		k.lost.tooLarge.Inc()
		return nil
	}
	e := entry{at: l.at, service: l.service, level: levelNames[levelIndex(l.level)]}
	if e.at.IsZero() {
		e.at = time.Now()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		k.lost.shutdown.Inc()
		return nil
	}
	if len(k.queue)+k.sending >= maxQueuedLines || k.bytes+len(text) > maxQueuedBytes {
		k.lost.queueFull.Inc()
		return nil
	}
	e.text = bytes.Clone(text)
	k.queue = append(k.queue, e)
	k.bytes += len(text)
	if len(k.queue) >= lokiBatch || k.bytes >= lokiBytes {
		k.awake()
	}
	return nil
}

// awake makes the goroutine send at once.
func (k *loki) awake() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

func (k *loki) run() {
	defer close(k.done)
	tick := time.NewTicker(lokiInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-k.wake:
		case <-k.ctx.Done():
			return
		}
		for k.ctx.Err() == nil {
			batch := k.next()
			if len(batch) == 0 {
				break
			}
			k.send(batch)
			k.sent(batch)
		}
	}
}

// next takes a batch out of the queue.
func (k *loki) next() []entry {
	k.mu.Lock()
	defer k.mu.Unlock()
	n, size := 0, 0
	for n < len(k.queue) && n < lokiBatch && (n == 0 || size+len(k.queue[n].text) <= lokiBytes) {
		size += len(k.queue[n].text)
		n++
	}
	batch := slices.Clone(k.queue[:n])
	k.queue = slices.Delete(k.queue, 0, n)
	k.sending = n
	if n == 0 && k.idle != nil {
		close(k.idle)
		k.idle = nil
	}
	return batch
}

// sent gives the batch's room back.
func (k *loki) sent(batch []entry) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sending = 0
	for i := range batch {
		k.bytes -= len(batch[i].text)
	}
}

// A batch that nobody takes is given up after so many attempts. The queue is
// full long before.
const (
	lokiAttempts  = 5
	lokiFirstWait = 500 * time.Millisecond
	lokiLongest   = 30 * time.Second
)

// send counts the batch as lost unless somebody takes it.
func (k *loki) send(batch []entry) {
	body := pushBody(batch)
	wait := lokiFirstWait
	start := time.Now()
	var again bool
	var after time.Duration
	var err error
	defer func() { k.health.observe(start, err) }()
	for attempt := 1; ; attempt++ {
		again, after, err = k.push(body)
		if err == nil {
			return
		}
		if k.ctx.Err() != nil { // the program ends
			k.lost.shutdown.Add(float64(len(batch)))
			return
		}
		if !again {
			k.lost.rejected.Add(float64(len(batch)))
			otel.Handle(err)
			return
		}
		if attempt == lokiAttempts {
			k.lost.exportFailed.Add(float64(len(batch)))
			otel.Handle(err)
			return
		}
		if k.pause(k.ctx, min(max(wait, after), lokiLongest)) != nil {
			k.lost.shutdown.Add(float64(len(batch)))
			return
		}
		wait *= 2
	}
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

// push makes one attempt, and says whether and after what time another makes
// sense.
func (k *loki) push(body []byte) (again bool, after time.Duration, err error) {
	ctx, cancel := context.WithTimeout(quiet.Context(k.ctx), k.target.timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, k.target.url.String(), bytes.NewReader(body))
	if err != nil {
		return false, 0, errors.New("pushing log lines: the address is not valid")
	}
	if k.target.auth != "" {
		r.Header.Set("Authorization", k.target.auth)
	}
	for key, value := range k.target.headers {
		r.Header.Set(key, value)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Content-Encoding", "gzip")
	r.Header.Set("User-Agent", "orchestrall")
	resp, err := k.client.Do(r)
	if err != nil {
		if wrapped := new(url.Error); errors.As(err, &wrapped) {
			err = wrapped.Err // which does not name the address: its query may hold a key
		}
		return true, 0, fmt.Errorf("pushing log lines to %s: %w", k.target.url.Host, err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, 512))
	if resp.StatusCode/100 == 2 {
		return false, 0, nil
	}
	again = resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500
	return again, retryAfter(resp.Header.Get("Retry-After"), time.Now()),
		fmt.Errorf("pushing log lines to %s: %s: %s", k.target.url.Host, resp.Status, printable(strings.TrimSpace(string(answer))))
}

// retryAfter reads seconds or a date.
func retryAfter(value string, now time.Time) time.Duration {
	if s, ok := number(value); ok && s > 0 {
		return time.Duration(min(s, int(lokiLongest/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// pushBody is the batch in the JSON of /loki/api/v1/push, compressed.
func pushBody(batch []entry) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	b := []byte(`{"streams":[`)
	for i, s := range streams(batch) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(append(b, `{"stream":{"service":`...), s[0].service)
		b = appendString(append(b, `,"level":`...), s[0].level)
		b = append(b, `},"values":[`...)
		for j, e := range s {
			if j > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendInt(append(b, `["`...), e.at.UnixNano(), 10)
			b = append(b, `","`...)
			b = append(appendEscaped(b, string(e.text)), `"]`...)
			_, _ = z.Write(b) // into memory
			b = b[:0]
		}
		b = append(b, "]}"...)
	}
	_, _ = z.Write(append(b, "]}"...))
	_ = z.Close()
	return out.Bytes()
}

// streams groups the entries by their labels, in order.
func streams(batch []entry) [][]entry {
	type labels struct{ service, level string }
	at := make(map[labels]int)
	var all [][]entry
	for _, e := range batch {
		l := labels{e.service, e.level}
		i, known := at[l]
		if !known {
			i = len(all)
			at[l] = i
			all = append(all, nil)
		}
		all[i] = append(all[i], e)
	}
	return all
}

// flush returns when what waits now has been handed over or ctx is done.
func (k *loki) flush(ctx context.Context) error {
	k.mu.Lock()
	if len(k.queue)+k.sending == 0 || k.closed {
		k.mu.Unlock()
		return nil
	}
	if k.idle == nil {
		k.idle = make(chan struct{})
	}
	idle := k.idle
	k.mu.Unlock()
	k.awake()
	select {
	case <-idle:
		return nil
	case <-k.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (k *loki) close(ctx context.Context) error {
	err := k.flush(ctx)
	k.cancel()
	<-k.done // the request that is on its way has just been cancelled
	k.client.CloseIdleConnections()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
	k.lost.shutdown.Add(float64(len(k.queue)))
	k.queue = nil
	return err
}

// client is an HTTP client with the certificates that the environment names.
func (t *logTarget) client(getenv func(string) string) (*http.Client, error) {
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true,
		MaxIdleConns: 2, IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 10 * time.Second,
	}
	config, err := logTLS(getenv)
	if err != nil {
		return nil, err
	}
	transport.TLSClientConfig = config
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // the credentials are for this address
	}}, nil
}

func logTLS(getenv func(string) string) (*tls.Config, error) {
	file := func(name string) string {
		if own := getenv("OTEL_EXPORTER_OTLP_LOGS_" + name); own != "" {
			return own
		}
		return getenv("OTEL_EXPORTER_OTLP_" + name)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca := file("CERTIFICATE"); ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", ca)
		}
	}
	if cert, key := file("CLIENT_CERTIFICATE"), file("CLIENT_KEY"); cert != "" && key != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
