package bootstrap

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/sdk/resource"
)

// logTarget is where the environment wants log lines to go.
type logTarget struct {
	url     *url.URL // without user and password; nil where the address is a name of gRPC's own
	address string   // that name
	headers map[string]string
	auth    string // what user and password of the address become, an Authorization header
	grpc    bool
	general bool // the address is that of all signals, and may not take logs
	timeout time.Duration
}

// lokiPath ends the address of Loki's own protocol.
const lokiPath = "/loki/api/v1/push"

func newLogExport(res *resource.Resource, t *logTarget, getenv func(string) string) (export, error) {
	if t.url != nil && strings.HasSuffix(strings.TrimSuffix(t.url.Path, "/"), lokiPath) {
		client, err := t.client(getenv)
		if err != nil {
			return nil, err
		}
		return newLoki(t, client), nil
	}
	e, err := newOTLPLogs(res, t, getenv)
	if err != nil {
		return nil, err
	}
	return e, nil
}

// readLogTarget returns nil where no line is to be exported.
func readLogTarget(getenv func(string) string) (*logTarget, error) {
	if disabled(getenv) {
		return nil, nil
	}
	own := strings.TrimSpace(getenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"))
	switch name := strings.ToLower(strings.TrimSpace(getenv("OTEL_LOGS_EXPORTER"))); name {
	case "":
		if own == "" && strings.EqualFold(strings.TrimSpace(getenv("OTEL_EXPORTER")), "none") {
			return nil, nil
		}
	case "otlp":
	case "none", "console": // standard error has them
		return nil, nil
	default:
		return nil, fmt.Errorf("OTEL_LOGS_EXPORTER is %q; use otlp or none", name)
	}
	variable, address := "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", own
	if own == "" {
		variable, address = "OTEL_EXPORTER_OTLP_ENDPOINT", strings.TrimSpace(getenv("OTEL_EXPORTER_OTLP_ENDPOINT"))
	}
	if address == "" {
		return nil, nil
	}
	t := &logTarget{general: own == "", timeout: logTimeout(getenv), headers: logHeaders(getenv)}
	switch protocol := cmp.Or(getenv("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL"), getenv("OTEL_EXPORTER_OTLP_PROTOCOL"), "http/protobuf"); protocol {
	case "http/protobuf":
	case "grpc":
		t.grpc = true
	default:
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL is %q; use http/protobuf or grpc", protocol)
	}
	u, err := url.Parse(address)
	if t.grpc && err == nil && u.Scheme != "http" && u.Scheme != "https" {
		t.address = address
		return t, nil
	}
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		// Not the value itself: it may hold a password.
		return nil, errors.New(variable + " is no URL; it starts with http:// or https://")
	}
	if u.User != nil {
		t.auth = basicAuth(u.User)
		u.User = nil
	}
	if t.general && !t.grpc {
		u = u.JoinPath("v1", "logs")
	}
	t.url = u
	return t, nil
}

// basicAuth is the Authorization header that user and password become.
func basicAuth(user *url.Userinfo) string {
	password, _ := user.Password()
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password))
}

// logHeaders reads KEY=VALUE,… with values that are escaped as in URLs.
func logHeaders(getenv func(string) string) map[string]string {
	headers := make(map[string]string)
	for pair := range strings.SplitSeq(cmp.Or(getenv("OTEL_EXPORTER_OTLP_LOGS_HEADERS"), getenv("OTEL_EXPORTER_OTLP_HEADERS")), ",") {
		key, value, ok := strings.Cut(pair, "=")
		key = strings.TrimSpace(key)
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if ok && key != "" && err == nil {
			headers[key] = value
		}
	}
	return headers
}

func logTimeout(getenv func(string) string) time.Duration {
	for _, key := range []string{"OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"} {
		if ms, ok := number(getenv(key)); ok && ms > 0 {
			return time.Duration(ms) * time.Millisecond
		}
	}
	return 10 * time.Second
}

// What waits for a back end is bounded in lines and in bytes.
const (
	maxQueuedLines = 4096
	maxQueuedBytes = 8 << 20
)

// lostLines counts the lines that were to be exported and were not.
type lostLines struct{ queueFull, exportFailed, rejected, tooLarge, shutdown prometheus.Counter }

func newLostLines() lostLines {
	dropped := droppedLines()
	return lostLines{
		queueFull:    dropped.WithLabelValues("queue_full"),
		exportFailed: dropped.WithLabelValues("export_failed"),
		rejected:     dropped.WithLabelValues("rejected"),
		tooLarge:     dropped.WithLabelValues("too_large"),
		shutdown:     dropped.WithLabelValues("export_shutdown"),
	}
}
