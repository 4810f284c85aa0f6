package bootstrap

import (
	"log/slog"
	"net/url"
	"strings"
)

// jaegerHost is where JAEGER_ENDPOINT points: the address of a collector for
// Jaeger's own protocols, which is not spoken any more. Jaeger takes OTLP on the
// same host. It is nil where the variable is not set, or where the environment
// says itself where spans go.
func jaegerHost(getenv func(string) string, wanted []string) *url.URL {
	value := strings.TrimSpace(getenv("JAEGER_ENDPOINT"))
	if value == "" {
		return nil
	}
	if len(wanted) > 0 && (wanted[0] != "otlp" || otlpEndpoint(getenv)) {
		slog.Warn("JAEGER_ENDPOINT is not used, since OTEL_EXPORTER or an OTLP endpoint says where spans go")
		return nil
	}
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	u, err := url.Parse(value)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		// Not the value itself: it may hold a password.
		slog.Warn("JAEGER_ENDPOINT is no URL; set OTEL_EXPORTER_OTLP_ENDPOINT instead")
		return nil
	}
	slog.Warn("JAEGER_ENDPOINT is taken for the OTLP port of the same host; set OTEL_EXPORTER_OTLP_ENDPOINT instead", "host", u.Hostname())
	return &url.URL{Scheme: u.Scheme, Host: u.Host}
}

func otlpEndpoint(getenv func(string) string) bool {
	return getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}
