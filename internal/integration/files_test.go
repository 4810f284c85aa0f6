package integration

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"

	"github.com/orchestrall/orchestrall/internal/backends"
)

var (
	root       = filepath.Join("..", "..")
	deployment = filepath.Join(root, "deployment", "observability")

	dataSources = filepath.Join(deployment, "grafana", "provisioning", "datasources", "datasources.yaml")
)

func glob(t *testing.T, parts ...string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(parts...))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v: %v, %v", parts, files, err)
	}
	return files
}

// dashboards and ruleFiles are those of the stack, and the platform's own in the
// folder monitoring of dir.
func dashboards(t *testing.T, dir string) []string {
	return append(glob(t, deployment, "grafana", "dashboards", "*.json"), glob(t, dir, "monitoring", "*.json")...)
}

func ruleFiles(t *testing.T, dir string) []string {
	return append(glob(t, deployment, "prometheus", "rules", "*.rules.yml"), glob(t, dir, "monitoring", "*.rules.yml")...)
}

var example = filepath.Join(root, "examples", "platform")

func project(t *testing.T, env []string, files ...string) (*types.Project, error) {
	t.Helper()
	for i := range files {
		files[i] = filepath.Join(deployment, files[i])
	}
	options, err := cli.NewProjectOptions(files, cli.WithEnv(env), cli.WithInterpolation(true), cli.WithResolvedPaths(true), cli.WithConsistency(true))
	if err != nil {
		t.Fatal(err)
	}
	return options.LoadProject(t.Context())
}

// unasked are the services without a health check: the image of the Collector
// has nothing to ask with, the proxy holds no state, and volumes ends at once.
var unasked = []string{"collector", "docker-socket", "volumes"}

// Every service of every mode has a pinned image, limits, a network or none,
// and a health check where one is possible.
func TestCompose(t *testing.T) {
	s3 := []string{"LOKI_S3_BUCKET=b", "LOKI_S3_REGION=r"}
	pinned := regexp.MustCompile(`^[a-z0-9./-]+:v?\d+\.\d+(\.\d+)?$`)
	for name, mode := range map[string]struct{ env, files []string }{
		"production":  {nil, []string{"compose.yaml"}},
		"development": {nil, []string{"compose.yaml", "compose.dev.yaml"}},
		"s3":          {s3, []string{"compose.yaml", "compose.s3.yaml"}},
		"docker":      {nil, []string{"compose.yaml", "compose.docker.yaml"}},
		"all":         {s3, []string{"compose.yaml", "compose.dev.yaml", "compose.docker.yaml", "compose.s3.yaml"}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := project(t, mode.env, mode.files...)
			if err != nil {
				t.Fatal(err)
			}
			for name, s := range p.Services {
				if !pinned.MatchString(s.Image) {
					t.Errorf("%s: the image %s is not pinned", name, s.Image)
				}
				if s.Deploy == nil || s.Deploy.Resources.Limits == nil || s.Deploy.Resources.Limits.MemoryBytes == 0 || s.Deploy.Resources.Limits.NanoCPUs == 0 {
					t.Errorf("%s has no limits", name)
				}
				if s.HealthCheck == nil || s.HealthCheck.Disable && !slices.Contains(unasked, name) {
					t.Errorf("%s has no health check", name)
				}
				for _, v := range s.Volumes {
					if v.Type == "bind" && strings.HasPrefix(v.Source, deploymentPath(t)) {
						// The folders of secrets and of what services bring are the user's.
						if _, err := os.Stat(v.Source); err != nil {
							t.Errorf("%s mounts what is not there: %v", name, err)
						}
					}
				}
				for _, port := range s.Ports {
					if port.HostIP != "127.0.0.1" {
						t.Errorf("%s: port %s is open to everybody", name, port.Published)
					}
				}
			}
			published := make(map[string]bool)
			for _, s := range p.Services {
				for _, port := range s.Ports {
					published[port.Published] = true
				}
			}
			for _, port := range []string{"16686", "3000", "9090", "3100", "4317", "4318"} {
				if !published[port] {
					t.Errorf("nothing answers on %s", port)
				}
			}
		})
	}
	if _, err := project(t, nil, "compose.yaml", "compose.s3.yaml"); err == nil {
		t.Error("S3 needs no bucket")
	}
}

func deploymentPath(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(deployment)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// In production Grafana's password comes from a file that is not delivered; in
// development nobody can log in with any.
func TestNoDefaultPassword(t *testing.T) {
	production, err := project(t, nil, "compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	env := production.Services["grafana"].Environment
	if file := env["GF_SECURITY_ADMIN_PASSWORD__FILE"]; file == nil || *file != "/run/secrets/grafana_admin_password" || len(production.Services["grafana"].Secrets) != 1 {
		t.Errorf("production: %v", env)
	}
	if _, err := os.Stat(production.Secrets["grafana_admin_password"].File); err == nil {
		t.Error("the password's file is delivered")
	}
	for name, s := range production.Services {
		for key, value := range s.Environment {
			if regexp.MustCompile(`(?i)password|secret|token|key$`).MatchString(key) && !strings.HasSuffix(key, "_DIR") && !strings.HasSuffix(key, "_FILE") && value != nil && *value != "" {
				t.Errorf("%s: %s is in the compose file", name, key)
			}
		}
	}
	dev, err := project(t, nil, "compose.yaml", "compose.dev.yaml")
	if err != nil {
		t.Fatal(err)
	}
	env = dev.Services["grafana"].Environment
	for key, want := range map[string]string{"GF_AUTH_DISABLE_LOGIN_FORM": "true", "GF_AUTH_BASIC_ENABLED": "false"} {
		if env[key] == nil || *env[key] != want {
			t.Errorf("development: %s is not %s", key, want)
		}
	}
	if len(dev.Services["grafana"].Secrets) != 0 || len(dev.Secrets) != 0 {
		t.Error("development asks for secrets")
	}
}

// What is tested is what runs.
func TestImagesAreWhatIsTested(t *testing.T) {
	p, err := project(t, nil, "compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for service, version := range map[string]string{"jaeger": backends.JaegerVersion, "loki": backends.LokiVersion, "collector": backends.CollectorVersion} {
		if image := p.Services[service].Image; !strings.HasSuffix(image, ":"+strings.TrimPrefix(version, "v")) {
			t.Errorf("%s runs %s, and %s is tested", service, image, version)
		}
	}
}

// Prometheus's three configurations differ in how services are found only.
func TestPrometheusConfigurations(t *testing.T) {
	read := func(name string) (config map[string]any, jobs map[string]any) {
		src, err := os.ReadFile(filepath.Join(deployment, "prometheus", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(src, &config); err != nil {
			t.Fatal(err)
		}
		jobs = make(map[string]any)
		for _, job := range config["scrape_configs"].([]any) {
			jobs[job.(map[string]any)["job_name"].(string)] = job
		}
		delete(config, "scrape_configs")
		return config, jobs
	}
	config, jobs := read("prometheus.yml")
	for name, own := range map[string][]string{"prometheus.docker.yml": {"containers"}, "prometheus.kubernetes.yml": {"pods", "cadvisor", "collector", "span-metrics"}} {
		other, others := read(name)
		if !reflect.DeepEqual(config, other) {
			t.Errorf("%s: %v, want %v", name, other, config)
		}
		if others[own[0]] == nil {
			t.Errorf("%s has no job %s", name, own[0])
		}
		for _, job := range own { // which it has itself, or finds in another way
			delete(others, job)
		}
		for job, want := range others {
			if !reflect.DeepEqual(jobs[job], want) {
				t.Errorf("%s: %s differs", name, job)
			}
		}
	}
}

// Prometheus's own parser takes every expression, and a rule keeps the service.
func TestPromQL(t *testing.T) {
	queries, err := panelQueries(dashboards(t, example)...)
	if err != nil {
		t.Fatal(err)
	}
	links, err := linkQueries(dataSources)
	if err != nil {
		t.Fatal(err)
	}
	queries = append(queries, links...)
	all, err := rules(ruleFiles(t, example)...)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		queries = append(queries, query{r.Record + r.Alert, "prometheus", r.Expr})
		e, err := parser.NewParser(parser.Options{}).ParseExpr(r.Expr)
		if err != nil {
			continue // reported below
		}
		parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
			if a, ok := n.(*parser.AggregateExpr); ok && !slices.Contains(a.Grouping, "job") {
				t.Errorf("%s%s mixes services: %s", r.Record, r.Alert, a)
			}
			return nil
		})
	}
	for _, q := range queries {
		if q.store != "prometheus" {
			continue
		}
		if _, err := measured(q.expr); err != nil {
			t.Errorf("%s: %v in %s", q.where, err, q.expr)
		}
	}
}

func TestMeasured(t *testing.T) {
	for expr, want := range map[string][]string{
		"a":                              {"a"},
		"rate(a[5m]) > 0.1":              {"rate(a[5m])"},
		"a > 1 and b > 2":                {"a", "b"},
		"a / (b > 0) > 0.9":              {"a", "b"},
		"sum(a) or vector(0)":            {"sum(a)", "vector(0)"},
		"histogram_quantile(0.9, a) / b": {"histogram_quantile(0.9, a) / b"},
	} {
		if got, err := measured(expr); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v", expr, got, err)
		}
	}
}

// Every alert leads to a section of the runbook.
func TestRunbook(t *testing.T) {
	src, err := os.ReadFile(filepath.Join(root, "docs", "runbook.md"))
	if err != nil {
		t.Fatal(err)
	}
	headings := make(map[string]bool)
	for _, m := range regexp.MustCompile(`(?m)^#+ (\S+)$`).FindAllStringSubmatch(string(src), -1) {
		headings[strings.ToLower(m[1])] = true
	}
	alerts, err := os.ReadFile(filepath.Join(deployment, "prometheus", "rules", "alerting.rules.yml"))
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`alert: (\S+)`).FindAllStringSubmatch(string(alerts), -1)
	links := regexp.MustCompile(`runbook\.md#(\S+)`).FindAllStringSubmatch(string(alerts), -1)
	if len(names) == 0 || len(names) != len(links) {
		t.Fatalf("%d alerts, %d links", len(names), len(links))
	}
	for i, name := range names {
		if links[i][1] != strings.ToLower(name[1]) || !headings[links[i][1]] {
			t.Errorf("%s leads to #%s, which is not in docs/runbook.md", name[1], links[i][1])
		}
	}
	// The saved queries are in it too, word for word.
	saved, err := savedQueries(filepath.Join(deployment, "loki", "queries"))
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range saved {
		if !strings.Contains(string(src), q.expr) {
			t.Errorf("%s is not in docs/runbook.md: %s", q.name, q.expr)
		}
	}
}

// The data sources that the dashboards and each other name exist.
func TestDataSources(t *testing.T) {
	src, err := os.ReadFile(dataSources)
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		Datasources []struct {
			UID, Type, URL string
			JSONData       map[string]any `yaml:"jsonData"`
		}
	}
	if err := yaml.Unmarshal(src, &f); err != nil {
		t.Fatal(err)
	}
	uids := make(map[string]string)
	for _, d := range f.Datasources {
		uids[d.UID] = d.Type
	}
	if want := map[string]string{"prometheus": "prometheus", "loki": "loki", "jaeger": "jaeger", "alertmanager": "alertmanager"}; !maps.Equal(uids, want) {
		t.Errorf("%v", uids)
	}
	links := 0
	for _, m := range regexp.MustCompile(`(?:datasourceUid|alertmanagerUid): (\S+)`).FindAllStringSubmatch(string(src), -1) {
		links++
		if uids[m[1]] == "" {
			t.Errorf("no data source %s", m[1])
		}
	}
	if links < 6 { // exemplars, two derived fields, logs and metrics of a trace, alerts
		t.Errorf("%d links", links)
	}
	p, err := project(t, nil, "compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range f.Datasources {
		host := strings.Split(strings.TrimPrefix(d.URL, "http://"), ":")[0]
		if _, ok := p.Services[host]; !ok {
			t.Errorf("%s: no service %s", d.UID, host)
		}
	}
	// A log line's trace id is found in the line itself.
	line := `{"timestamp":"2026-01-01T00:00:00.000Z","traceId":"0123456789abcdef0123456789abcdef","spanId":"0123456789abcdef"}`
	fields := regexp.MustCompile(`matcherRegex: '(.*)'`).FindAllStringSubmatch(string(src), -1)
	if len(fields) != 2 || regexp.MustCompile(fields[0][1]).FindStringSubmatch(line) == nil {
		t.Errorf("%v do not match %s", fields, line)
	}
}
