package nethttp_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/orchestrall/orchestrall/runtime/internal/w3c"
	"github.com/orchestrall/orchestrall/runtime/nethttp"
)

func TestMain(m *testing.M) {
	otel.SetTracerProvider(noop.NewTracerProvider()) // one that can be put back
	otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator(w3c.TraceContext{}, propagation.Baggage{}))
	os.Exit(m.Run())
}

// spans installs an SDK, as a program would.
func spans(t testing.TB, options ...sdk.TracerProviderOption) *tracetest.SpanRecorder {
	t.Helper()
	recorder := tracetest.NewSpanRecorder()
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(sdk.NewTracerProvider(append(options, sdk.WithSpanProcessor(recorder))...))
	t.Cleanup(func() { otel.SetTracerProvider(before) })
	return recorder
}

// ended waits for n spans: a server may end one after the client has the answer.
func ended(t testing.TB, r *tracetest.SpanRecorder, n int) []sdk.ReadOnlySpan {
	t.Helper()
	await(t, func() bool { return len(r.Ended()) >= n })
	list := r.Ended()
	if len(list) != n {
		var names []string
		for _, s := range list {
			names = append(names, s.Name())
		}
		t.Fatalf("%d spans, want %d: %q", len(list), n, names)
	}
	return list
}

// await polls, since what is waited for tells nobody.
func await(t testing.TB, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing happened in ten seconds")
		}
	}
}

func attr(s sdk.ReadOnlySpan, key string) string {
	for _, kv := range s.Attributes() {
		if string(kv.Key) == key {
			return kv.Value.Emit()
		}
	}
	return "(absent)"
}

func wantAttrs(t testing.TB, s sdk.ReadOnlySpan, pairs ...string) {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if got := attr(s, pairs[i]); got != pairs[i+1] {
			t.Errorf("%s: %s is %q, want %q", s.Name(), pairs[i], got, pairs[i+1])
		}
	}
}

// count is what the series with these labels, written "a=b", have counted.
func count(t testing.TB, family string, labels ...string) int {
	t.Helper()
	all, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range all {
		if f.GetName() != family {
			continue
		}
		for _, m := range f.GetMetric() {
			found := 0
			for _, l := range m.GetLabel() {
				for _, want := range labels {
					if l.GetName()+"="+l.GetValue() == want {
						found++
					}
				}
			}
			if found == len(labels) {
				n += int(m.GetHistogram().GetSampleCount()) + int(m.GetCounter().GetValue())
			}
		}
	}
	return n
}

// serve starts a real server for h behind the hook.
func serve(t testing.TB, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(nethttp.Handler(h))
	s.Config.ErrorLog = quiet()
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// serve2 is serve with TLS, for HTTP/2.
func serve2(t testing.TB, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(nethttp.Handler(h))
	s.EnableHTTP2 = true
	s.Config.ErrorLog = quiet()
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// get reads the whole answer.
func get(t testing.TB, c *http.Client, url string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header[headers[i]] = append(req.Header[headers[i]], headers[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp, read(t, resp)
}

func read(t testing.TB, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return string(b)
}

func mux(pattern string, f http.HandlerFunc) *http.ServeMux {
	m := http.NewServeMux()
	m.HandleFunc(pattern, f)
	return m
}

func ok(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }

const (
	traceID   = "0af7651916cd43dd8448eb211c80319c"
	spanID    = "b7ad6b7169203331"
	sampled   = "00-" + traceID + "-" + spanID + "-01"
	unsampled = "00-" + traceID + "-" + spanID + "-00"
)

var huge = strings.Repeat("x", 1<<16)

// listen takes a free port on loopback.
func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// certificate writes a key pair for loopback.
func certificate(t testing.TB) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, b []byte) string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", private)
}

// insecure trusts any server, and is not traced.
func insecure() http.RoundTripper {
	return &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
}

// nethttpClient is the server's client with the hook.
func nethttpClient(s *httptest.Server) *http.Client {
	c := *s.Client()
	c.Transport = nethttp.Transport(c.Transport)
	return &c
}
