package bootstrap

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"
)

// loki pushes lines to Loki. The streams have two labels only, service and
// level: each combination of labels is a file of Loki's, so what differs from
// line to line stays in the line.
type loki struct {
	*shipper
	target *logTarget
	client *http.Client
}

const (
	lokiBatch = 1000      // lines of one request
	lokiLine  = 256 << 10 // Loki refuses longer ones, and the whole request with them
)

func newLoki(t *logTarget, client *http.Client) *loki {
	k := &loki{target: t, client: client}
	k.shipper = newShipper(k, pace{waiting: maxQueuedLines, batch: lokiBatch, interval: time.Second})
	return k
}

// take implements sink.
func (k *loki) take(l *line) error {
	text := bytes.TrimSuffix(l.text, []byte("\n"))
	if len(text) > lokiLine {
		k.lost.tooLarge.Inc()
		return nil
	}
	e := entry{size: len(text), at: l.at, service: l.service, level: levelNames[levelIndex(l.level)], text: bytes.Clone(text)}
	if e.at.IsZero() {
		e.at = time.Now()
	}
	k.add(e)
	return nil
}

// request implements backEnd.
func (k *loki) request(batch []entry) func(context.Context) answer {
	body := pushBody(batch)
	return func(ctx context.Context) answer {
		a, _, _ := k.target.post(ctx, k.client, body, "application/json", "gzip")
		return a
	}
}

// disconnect implements backEnd.
func (k *loki) disconnect() { k.client.CloseIdleConnections() }

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
