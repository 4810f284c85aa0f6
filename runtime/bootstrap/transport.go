package bootstrap

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/sdk/trace"
)

// newHTTPClient is the client for spans over OTLP, nil where certificates are
// configured, which the exporter knows how to read. The exporter's own clients
// keep their connections for a minute and a half after the last export, with
// two goroutines each, and nobody can close them.
func newHTTPClient(getenv func(string) string) *http.Client {
	for _, name := range []string{"CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"} {
		if cmp.Or(getenv("OTEL_EXPORTER_OTLP_TRACES_"+name), getenv("OTEL_EXPORTER_OTLP_"+name)) != "" {
			return nil
		}
	}
	limit := 10 * time.Second // as the specification has it
	if ms, ok := number(cmp.Or(getenv("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT"), getenv("OTEL_EXPORTER_OTLP_TIMEOUT"))); ok && ms > 0 {
		limit = time.Duration(ms) * time.Millisecond
	}
	return &http.Client{
		Timeout: limit,
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			ForceAttemptHTTP2:   true,
			MaxIdleConns:        2,
			IdleConnTimeout:     90 * time.Second,
			TLSHandshakeTimeout: 10 * time.Second,
		},
	}
}

// closing is an exporter that takes its connections with it.
type closing struct {
	trace.SpanExporter
	client *http.Client
}

// Shutdown implements trace.SpanExporter.
func (c closing) Shutdown(ctx context.Context) error {
	defer c.client.CloseIdleConnections()
	return c.SpanExporter.Shutdown(ctx)
}
