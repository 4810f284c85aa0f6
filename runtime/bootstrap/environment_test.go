package bootstrap

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

func TestPropagators(t *testing.T) {
	for value, want := range map[string]string{
		"":                       "baggage traceparent tracestate",
		"tracecontext":           "traceparent tracestate",
		" Baggage,baggage":       "baggage",
		"none":                   "",
		"b3, tracecontext":       "traceparent tracestate",
		"xray":                   "",
		"tracecontext,none,none": "traceparent tracestate",
	} {
		fields := newPropagator(func(string) string { return value }).Fields()
		slices.Sort(fields)
		if got := strings.Join(fields, " "); got != want {
			t.Errorf("OTEL_PROPAGATORS=%q propagates %q, want %q", value, got, want)
		}
	}
	out, _ := begin(t, "OTEL_PROPAGATORS", "b3,tracecontext")
	if lines := out.lines(t); len(lines) != 1 || metadata(lines[0])["propagator"] != "b3" {
		t.Errorf("got %s, want one warning that names b3", out)
	}
}

func TestSettingsWithoutEffectAreOneWarning(t *testing.T) {
	out, _ := begin(t, "OTEL_EXPORTER_ZIPKIN_ENDPOINT", "http://z", "OTEL_METRIC_EXPORT_INTERVAL", "1000")
	lines := out.lines(t)
	if len(lines) != 1 || metadata(lines[0])["variables"] != "OTEL_METRIC_EXPORT_INTERVAL, OTEL_EXPORTER_ZIPKIN_ENDPOINT" {
		t.Errorf("got %s, want one warning that names both", out)
	}
}

// The SDK panics over some of these, and sends without a pause over others.
func TestNumbersOutOfRange(t *testing.T) {
	for _, setting := range [][2]string{
		{"OTEL_BSP_MAX_QUEUE_SIZE", "-4"},
		{"OTEL_BSP_MAX_QUEUE_SIZE", "9999999999999"},
		{"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "-1"},
		{"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "many"},
		{"OTEL_BSP_SCHEDULE_DELAY", "-1"},
		{"OTEL_BSP_EXPORT_TIMEOUT", "0"},
		{"OTEL_BLRP_MAX_QUEUE_SIZE", "-4"},
	} {
		t.Run(setting[0]+"="+setting[1], func(t *testing.T) {
			var received spanCount
			server := httptest.NewServer(&received)
			defer server.Close()
			out, stop := begin(t, "OTEL_EXPORTER_OTLP_ENDPOINT", server.URL, setting[0], setting[1])
			_, span := otel.Tracer("test").Start(t.Context(), "work")
			span.End()
			stop()
			lines := out.lines(t)
			if len(lines) != 1 || lines[0]["level"] != "WARN" || !strings.HasPrefix(str(lines[0]["message"]), setting[0]) {
				t.Errorf("got %s, want one warning that names the setting", out)
			}
			if received.n.Load() != 1 {
				t.Errorf("%d spans arrived, want 1", received.n.Load())
			}
		})
	}
}

// spanCount takes spans and counts them.
type spanCount struct{ n atomic.Int64 }

func (c *spanCount) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var request coltrace.ExportTraceServiceRequest
	if !strings.HasSuffix(r.URL.Path, "/v1/traces") || proto.Unmarshal(body, &request) != nil {
		return
	}
	for _, rs := range request.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			c.n.Add(int64(len(ss.Spans)))
		}
	}
}

// What OpenTelemetry finds before there is a logger is a line like any other.
func TestEarlyComplaintsAreLines(t *testing.T) {
	out, _ := begin(t, "OTEL_RESOURCE_ATTRIBUTES", "a=%zz")
	if lines := out.lines(t); len(lines) != 1 || !strings.Contains(str(lines[0]["error"]), "invalid URL escape") {
		t.Errorf("got %s, want one line about the escape", out)
	}
}

func TestMetricsExporter(t *testing.T) {
	for value, want := range map[string]struct {
		served   bool
		warnings int
	}{
		"": {true, 0}, "prometheus": {true, 0}, "none": {false, 0}, "otlp": {true, 1}, "otlp,prometheus": {true, 1},
	} {
		t.Run(value, func(t *testing.T) {
			out, _ := begin(t, "OTEL_METRICS_EXPORTER", value, "PROMETHEUS_PORT", "0")
			served, warnings := false, 0
			for _, line := range out.lines(t) {
				served = served || metadata(line)["url"] != nil
				if line["level"] == "WARN" {
					warnings++
				}
			}
			if served != want.served || warnings != want.warnings {
				t.Errorf("OTEL_METRICS_EXPORTER=%q: served %v with %d warnings, want %+v\n%s", value, served, warnings, want, out)
			}
		})
	}
}

func TestWithoutExporterIsSaidAtDebugLevelOnce(t *testing.T) {
	t.Run("unset", func(t *testing.T) {
		out, _ := begin(t, "LOG_LEVEL", "debug", "ORCHESTRALL_SIGNALS", "off")
		if lines := out.lines(t); len(lines) != 1 || lines[0]["level"] != "DEBUG" || !strings.Contains(str(lines[0]["message"]), "spans are not exported") {
			t.Errorf("got %s", out)
		}
	})
	t.Run("none", func(t *testing.T) {
		out, _ := begin(t, "LOG_LEVEL", "debug", "ORCHESTRALL_SIGNALS", "off", "OTEL_EXPORTER", "none")
		if out.String() != "" {
			t.Errorf("who asks for none need not be told: %s", out)
		}
	})
}

func attributes(attrs []attribute.KeyValue) map[string]string {
	all := make(map[string]string)
	for _, kv := range attrs {
		all[string(kv.Key)] = kv.Value.Emit()
	}
	return all
}

func TestResource(t *testing.T) {
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,service.version=9")
	res, err := newResource("example.com/shop/v2", os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	got := attributes(res.Attributes())
	host, _ := os.Hostname()
	for key, want := range map[string]string{
		"service.name": "shop", "service.version": "9", "deployment.environment.name": "test",
		"host.name": host, "telemetry.sdk.language": "go", "process.runtime.name": "go",
	} {
		if got[key] != want {
			t.Errorf("%s = %q, want %q", key, got[key], want)
		}
	}
	for _, key := range []string{"service.instance.id", "process.pid", "os.type", "process.executable.name"} {
		if got[key] == "" {
			t.Errorf("%s is missing", key)
		}
	}
	for key := range got {
		if strings.Contains(key, "command") { // people pass passwords there
			t.Errorf("%s is there", key)
		}
	}
}

func TestContainerID(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	for name, test := range map[string]struct{ cgroup, mountinfo, want string }{
		"version 1":      {"12:cpu:/docker/" + id + "\n", "", id},
		"kubernetes":     {"0::/kubepods.slice/kubepods-besteffort.slice/cri-containerd-" + id + ".scope\n", "", id},
		"version 2":      {"0::/\n", "610 605 0:45 /var/lib/docker/containers/" + id + "/hostname /etc/hostname rw\n", id},
		"no container":   {"0::/user.slice/user-1000.slice/session-1.scope\n", "22 1 0:20 / /sys rw\n", ""},
		"no such system": {"", "", ""},
	} {
		read := func(file string) ([]byte, error) {
			text := map[string]string{"/proc/self/cgroup": test.cgroup, "/proc/self/mountinfo": test.mountinfo}[file]
			if text == "" {
				return nil, os.ErrNotExist
			}
			return []byte(text), nil
		}
		if got := attributes(container(read))["container.id"]; got != test.want {
			t.Errorf("%s: container.id = %q, want %q", name, got, test.want)
		}
	}
}

func TestKubernetes(t *testing.T) {
	read := func(string) ([]byte, error) { return []byte("shop\n"), nil }
	describe := func(pairs ...string) map[string]string {
		return attributes(kubernetes(func(key string) string {
			if i := slices.Index(pairs, key); i >= 0 {
				return pairs[i+1]
			}
			return ""
		}, read))
	}
	if got := describe("POD_NAME", "p"); len(got) > 0 {
		t.Errorf("outside of Kubernetes: %v", got)
	}
	got := describe("KUBERNETES_SERVICE_HOST", "10.0.0.1", "HOSTNAME", "api-1", "NODE_NAME", "node-a", "POD_UID", "u")
	for key, want := range map[string]string{
		"k8s.namespace.name": "shop", "k8s.pod.name": "api-1", "k8s.node.name": "node-a", "k8s.pod.uid": "u",
	} {
		if got[key] != want {
			t.Errorf("%s = %q, want %q", key, got[key], want)
		}
	}
	if got := describe("KUBERNETES_SERVICE_HOST", "10.0.0.1", "HOSTNAME", "node-a", "NODE_NAME", "node-a", "POD_NAMESPACE", "x"); got["k8s.pod.name"] != "" || got["k8s.namespace.name"] != "x" {
		t.Errorf("on the node's network: %v", got)
	}
}
