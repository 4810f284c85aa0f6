package integration

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A stack is the monitoring stack on loopback, with the files of
// deployment/observability.
type stack struct {
	dir   string // everything that is written
	files string // the copy of deployment/observability

	collector, jaeger, loki, prometheus, alertmanager, node *process

	ports map[string]string // by the address in the compose network
}

// url is the address of a part, which is named as the compose network names it.
func (s *stack) url(name string) string { return "http://" + s.ports[name] }

// addresses are the names that the files give the parts; each becomes a port of
// loopback. The last two are Grafana and cAdvisor, which can't be had here:
// nobody listens there, and ServiceDown has to say so.
var addresses = []string{
	"localhost:9090", "alertmanager:9093", "loki:3100", "jaeger:8888", "collector:8888", "collector:8889", "node-exporter:9100",
	"host.docker.internal:9464", "collector:4317", "collector:4318", "collector:13133", "jaeger:4317", "jaeger:16686", "jaeger:16685",
	"jaeger:13133", "loki:9095", "locked:9464", "platform:8080", "locked:8080", "grafana:3000", "cadvisor:8080",
}

// newStack prepares the files of a stack in dir. Alerts go to webhook.
func newStack(root, dir, webhook string, programs map[string]string) (*stack, error) {
	s := &stack{dir: dir, files: filepath.Join(dir, "observability"), ports: make(map[string]string)}
	ports, err := freePorts(len(addresses))
	if err != nil {
		return nil, err
	}
	port := make(map[string]string)
	var pairs []string
	for i, address := range addresses {
		port[address], s.ports[address] = ports[i], "127.0.0.1:"+ports[i]
		pairs = append(pairs, address, s.ports[address])
	}
	substitute := strings.NewReplacer(pairs...)
	if err := os.CopyFS(s.files, os.DirFS(filepath.Join(root, "deployment", "observability"))); err != nil {
		return nil, err
	}
	for _, name := range []string{"prometheus/prometheus.yml", "prometheus/targets/platform.yml"} {
		if err := edit(filepath.Join(s.files, name), substitute.Replace); err != nil {
			return nil, err
		}
	}
	// A second service, announced and given its rules as the documentation says.
	if err := edit(filepath.Join(s.files, "prometheus/targets/locked.yml"), func(string) string {
		return "- targets: [\"" + s.ports["locked:9464"] + "\"]\n  labels: {service: locked}\n"
	}); err != nil {
		return nil, err
	}
	// What belongs to the binary that is built is kept beside it.
	monitoring := filepath.Join(dir, "monitoring")
	if err := os.CopyFS(monitoring, os.DirFS(filepath.Join(root, "examples", "platform", "monitoring"))); err != nil {
		return nil, err
	}
	for _, name := range []string{"recording.rules.yml", "alerting.rules.yml"} {
		rules, err := os.ReadFile(filepath.Join(monitoring, name))
		if err != nil {
			return nil, err
		}
		if err := edit(filepath.Join(s.files, "prometheus/services/platform."+name), func(string) string { return string(rules) }); err != nil {
			return nil, err
		}
	}

	make := func(name string, env []string, ready string, args ...string) *process {
		return &process{name: name, path: programs[name], args: args, env: env, dir: dir, ready: ready}
	}
	s.jaeger = make("jaeger", []string{
		"JAEGER_LISTEN=127.0.0.1", "JAEGER_DATA=" + filepath.Join(dir, "badger"), "JAEGER_OTLP_PORT=" + port["jaeger:4317"],
		"JAEGER_UI_PORT=" + port["jaeger:16686"], "JAEGER_QUERY_PORT=" + port["jaeger:16685"],
		"JAEGER_HEALTH_PORT=" + port["jaeger:13133"], "JAEGER_METRICS_PORT=" + port["jaeger:8888"],
	}, s.url("jaeger:13133")+"/status", "--config="+filepath.Join(s.files, "jaeger/jaeger.yaml"))
	s.loki = make("loki", []string{
		"LOKI_LISTEN=127.0.0.1", "LOKI_PORT=" + port["loki:3100"], "LOKI_GRPC_PORT=" + port["loki:9095"], "LOKI_DATA=" + filepath.Join(dir, "loki"),
	}, s.url("loki:3100")+"/ready", "-config.file="+filepath.Join(s.files, "loki/loki.yaml"), "-config.expand-env=true")
	s.collector = make("otelcol", []string{
		"COLLECTOR_HEALTH=" + s.ports["collector:13133"], "COLLECTOR_GRPC=" + s.ports["collector:4317"], "COLLECTOR_HTTP=" + s.ports["collector:4318"],
		"COLLECTOR_METRICS=" + s.ports["collector:8889"], "COLLECTOR_SELF_HOST=127.0.0.1", "COLLECTOR_SELF_PORT=" + port["collector:8888"],
		"JAEGER_OTLP=" + s.ports["jaeger:4317"], "LOKI_OTLP=" + s.url("loki:3100") + "/otlp", "TAIL_SAMPLING_PERCENTAGE=50",
	}, s.url("collector:13133"), "--config="+filepath.Join(s.files, "collector/collector.yaml"))
	s.prometheus = make("prometheus", nil, s.url("localhost:9090")+"/-/ready",
		"--config.file="+filepath.Join(s.files, "prometheus/prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "prometheus"),
		"--enable-feature=exemplar-storage", "--web.enable-lifecycle", "--web.listen-address="+s.ports["localhost:9090"], "--log.level=warn")
	s.node = make("node_exporter", nil, s.url("node-exporter:9100")+"/metrics", "--web.listen-address="+s.ports["node-exporter:9100"], "--log.level=warn")

	rendered := filepath.Join(dir, "alertmanager-config")
	render := exec.Command("/bin/sh", filepath.Join(s.files, "alertmanager/render.sh"), rendered)
	render.Env = append(os.Environ(), "WEBHOOK_URL="+webhook, "ENVIRONMENT=integration", "SECRETS_DIR="+dir, "GRAFANA_URL="+s.url("grafana:3000"), "JAEGER_URL="+s.url("jaeger:16686"))
	if out, err := render.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("render.sh: %w\n%s", err, out)
	}
	s.alertmanager = make("alertmanager", nil, s.url("alertmanager:9093")+"/-/ready",
		"--config.file="+filepath.Join(rendered, "alertmanager.yml"), "--storage.path="+filepath.Join(dir, "alertmanager"),
		"--web.listen-address="+s.ports["alertmanager:9093"], "--cluster.listen-address=", "--log.level=warn")
	return s, nil
}

// edit rewrites a file, or writes a new one.
func edit(path string, change func(string) string) error {
	src, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.WriteFile(path, []byte(change(string(src))), 0o644)
}

func (s *stack) parts() []*process {
	return []*process{s.jaeger, s.loki, s.collector, s.alertmanager, s.node, s.prometheus}
}

func (s *stack) start(ctx context.Context) error {
	var errs []error
	for _, p := range s.parts() {
		errs = append(errs, p.start(ctx))
	}
	return errors.Join(errs...)
}

func (s *stack) stop() {
	parts := s.parts()
	for i := range parts {
		parts[len(parts)-1-i].stop()
	}
}
