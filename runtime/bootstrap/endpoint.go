package bootstrap

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
)

// checkEndpoint looks at the address that an OTLP exporter is about to read.
// Errors do not repeat it, since it may hold a password.
func checkEndpoint(getenv func(string) string, signal, protocol string) error {
	name := "OTEL_EXPORTER_OTLP_" + signal + "_ENDPOINT"
	if getenv(name) == "" {
		name = "OTEL_EXPORTER_OTLP_ENDPOINT"
	}
	value := strings.TrimSpace(getenv(name))
	if value == "" {
		return nil
	}
	u, err := url.Parse(value)
	web := err == nil && (u.Scheme == "http" || u.Scheme == "https")
	switch {
	case web && u.Hostname() != "":
	case err == nil && protocol == "grpc" && !web: // gRPC has names of its own
		return nil
	default:
		return fmt.Errorf("%s is not a URL; write it like http://localhost:%s", name, cmp.Or(map[string]string{"grpc": "4317"}[protocol], "4318"))
	}
	if u.User != nil || u.RawQuery != "" {
		slog.Warn(name + " holds a user or a query, which OTLP does not send; set OTEL_EXPORTER_OTLP_HEADERS instead")
	}
	return nil
}
