package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orchestrall/orchestrall/internal/backends"
)

// A run is the stack with two instrumented services: platform, which is well
// but for the requests that are meant to fail, and locked, whose database
// somebody has locked. Both have the same operations.
type run struct {
	*stack
	webhook          *webhook
	began            time.Time
	platform, locked *process
	programs         map[string]string
}

// TestStack runs everything against the real programs. The alerts take the
// times that the rules say, so they begin first, and the rest happens meanwhile.
func TestStack(t *testing.T) {
	if os.Getenv("ORCHESTRALL_INTEGRATION") == "" {
		t.Skip("make integration runs this: it takes twenty minutes and needs the programs that make backends installs")
	}
	r := newRun(t)
	t.Run("configurations", r.configurations)
	r.startAll(t)

	healthy := r.newLoad(t.Context(), "platform", request{"onboarding", "welcome cus_acme", "u_healthy"}, 200, 250*time.Millisecond)
	failing := r.newLoad(t.Context(), "platform", request{"crm", "who is cus_nobody", "u_failing"}, 404, time.Second)
	stalled := r.stall(t)

	t.Run("trace", r.trace)
	t.Run("logs", r.logs)
	t.Run("sampling", r.sampling)
	t.Run("exemplars", r.exemplars)
	t.Run("alert for errors", r.firing("HighErrorRate", "platform", 6*time.Minute))
	failing.stop()
	t.Run("alert for stuck calls", r.firing("StuckOperations", "locked", 8*time.Minute))
	t.Run("alert for what is down", r.firing("ServiceDown", "grafana", 6*time.Minute))
	t.Run("collector is killed", r.outage(r.collector, r.traceArrives))
	t.Run("jaeger is killed", r.outage(r.jaeger, r.traceArrives))
	t.Run("loki is killed", r.outage(r.loki, r.lineArrives))
	t.Run("alert for slowness", r.firing("SlowAgentExecution", "locked", 10*time.Minute))
	t.Run("services are told apart", r.toldApart)
	t.Run("messages lead to traces", r.links)
	stalled(t)
	t.Run("panels", r.panels)
	t.Run("rules", r.rules)
	t.Run("errors resolve", r.resolved("HighErrorRate", "platform", 10*time.Minute))
	t.Run("stuck calls resolve", r.resolved("StuckOperations", "locked", 10*time.Minute))
	t.Run("slowness resolves", r.resolved("SlowAgentExecution", "locked", 12*time.Minute))
	t.Run("prometheus is killed", r.outage(r.prometheus, r.scraped))
	t.Run("alertmanager is killed", r.outage(r.alertmanager, r.alertArrives))

	answers, wrong := healthy.stop()
	if answers == 0 || len(wrong) > 0 {
		t.Errorf("of %d answers %d were wrong: %.2000v", answers, len(wrong), wrong)
	}
	t.Logf("%d answers while every part was killed once, the slowest in %s", answers, healthy.slowest.Round(time.Millisecond))
}

func newRun(t *testing.T) *run {
	dir, err := backends.Dir()
	if err != nil {
		t.Fatal(err)
	}
	programs, missing := backends.Locate(dir, backends.Parts())
	if len(missing) > 0 {
		t.Fatalf("%s: %v are missing; run make backends", dir, missing)
	}
	absolute, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	r := &run{webhook: newWebhook(), programs: programs}
	t.Cleanup(r.webhook.server.Close)
	r.stack, err = newStack(absolute, t.TempDir(), r.webhook.server.URL, programs)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// startAll starts the stack, then the services.
func (r *run) startAll(t *testing.T) {
	t.Log("building the tool and the platform")
	absolute, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	binary, err := buildPlatform(t.Context(), absolute, r.dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.stop)
	r.began = time.Now()
	if err := r.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	// One sends its lines to Loki itself, one through the Collector.
	r.platform = r.service(binary, "platform", "host.docker.internal:9464", r.url("loki:3100")+"/loki/api/v1/push")
	r.locked = r.service(binary, "locked", "locked:9464", r.url("collector:4318")+"/v1/logs")
	for _, p := range []*process{r.platform, r.locked} {
		t.Cleanup(p.stop)
		if err := p.start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			for _, p := range append(r.parts(), r.platform, r.locked) {
				t.Logf("%s: the end of its log:\n%s", p.name, p.tail())
			}
		}
	})
}

// The tools of the programs find no fault with the files.
func (r *run) configurations(t *testing.T) {
	in := func(name string) string { return filepath.Join(r.files, name) }
	for _, args := range [][]string{
		{"promtool", "check", "config", in("prometheus/prometheus.yml")},
		{"promtool", "check", "config", filepath.Join(deployment, "prometheus", "prometheus.yml")},
		{"promtool", "check", "config", filepath.Join(deployment, "prometheus", "prometheus.docker.yml")},
		{"promtool", "test", "rules", filepath.Join(deployment, "prometheus", "rules", "rules_test.yml")},
		{"promtool", "test", "rules", filepath.Join(root, "examples", "platform", "monitoring", "rules_test.yml")},
		{"amtool", "check-config", filepath.Join(r.dir, "alertmanager-config", "alertmanager.yml")},
		{"loki", "-verify-config", "-config.expand-env=true", "-config.file=" + in("loki/loki.yaml")},
		{"otelcol", "validate", "--config=" + in("collector/collector.yaml")},
		{"jaeger", "validate", "--config=" + in("jaeger/jaeger.yaml")},
	} {
		if out, err := exec.Command(r.programs[args[0]], args[1:]...).CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	s3 := exec.Command(r.programs["loki"], "-verify-config", "-config.expand-env=true", "-config.file="+in("loki/loki.yaml"))
	s3.Env = append(os.Environ(), "LOKI_STORE=s3", "LOKI_S3_BUCKET=logs", "LOKI_S3_REGION=eu-central-1")
	if out, err := s3.CombinedOutput(); err != nil {
		t.Errorf("Loki with S3: %v\n%s", err, out)
	}
	wrong := exec.Command(r.programs["otelcol"], "validate", "--config="+in("loki/loki.yaml"))
	if err := wrong.Run(); err == nil {
		t.Error("the Collector takes anything for its configuration")
	}
	r.receivers(t)
}

// Every receiver that may be given is one that Alertmanager takes.
func (r *run) receivers(t *testing.T) {
	secrets, out := t.TempDir(), t.TempDir()
	for _, name := range []string{"smtp_password", "slack_webhook_url", "pagerduty_routing_key"} {
		if err := os.WriteFile(filepath.Join(secrets, name), []byte("https://example.com/s3cret"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	render := exec.Command("/bin/sh", filepath.Join(r.files, "alertmanager/render.sh"), out)
	render.Env = append(os.Environ(), "SECRETS_DIR="+secrets, "EMAIL_TO=ops@example.com", "EMAIL_FROM=O'Brien & Co <alerts@example.com>", "SMTP_HOST=mail.example.com:587",
		"SMTP_USERNAME=alerts", "SLACK_CHANNEL=#alerts", "WEBHOOK_URL=https://example.com/hook?a=1&b='2'", "GRAFANA_URL=https://grafana.example.com/a|b&c")
	if text, err := render.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	config := filepath.Join(out, "alertmanager.yml")
	if text, err := exec.Command(r.programs["amtool"], "check-config", config).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
	src, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"email_configs", "slack_configs", "webhook_configs", "pagerduty_configs"} {
		if !strings.Contains(string(src), want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(string(src), "s3cret") {
		t.Error("a secret is in the configuration")
	}
	for severity, want := range map[string]string{"critical": "on call", "warning": "everybody", "info": "everybody"} {
		text, err := exec.Command(r.programs["amtool"], "config", "routes", "test", "--config.file="+config, "severity="+severity).Output()
		if err != nil || strings.TrimSpace(string(text)) != want {
			t.Errorf("%s goes to %s (%v)", severity, text, err)
		}
	}
}

// stall locks the database of the service locked for two and a half minutes at
// a time, so that its calls hang and at last succeed late, until the returned
// function is called.
func (r *run) stall(t *testing.T) (stop func(*testing.T)) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- func() error {
			for ctx.Err() == nil {
				l, err := lockDatabase(ctx, r.database("locked"))
				if err != nil {
					return err
				}
				answered := make(chan error, 1)
				go func() {
					a, err := r.ask(context.WithoutCancel(ctx), "locked", request{"crm", "who is cus_acme", "u_locked"})
					if err == nil && a.status != 200 {
						err = fmt.Errorf("%d: %s", a.status, a.body)
					}
					answered <- err
				}()
				select {
				case <-time.After(150 * time.Second): // as long as somebody forgets it
				case <-ctx.Done():
				}
				if err := l.release(); err != nil {
					return err
				}
				if err := <-answered; err != nil {
					return err
				}
			}
			return nil
		}()
	}()
	return func(t *testing.T) {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

// trace asks for one execution, and for its whole tree.
func (r *run) trace(t *testing.T) {
	const tree = "POST /api/v2/agents/execute > AgentService.Execute > "
	for _, want := range []struct {
		request
		status int
		paths  []string
		failed string // the span that has the error
	}{
		{request{"crm", "a detailed report on cus_acme", "u_slow"}, 200, []string{
			tree + "tool customer.lookup > Repository.Find", tree + "tool risk.score > Repository.Orders", tree + "Offline.Complete",
		}, ""},
		{request{"onboarding", "welcome cus_nobody", "u_missing"}, 404, []string{
			tree + "Service.Run > step validate", tree + "Service.Run > step process > tool customer.lookup",
		}, "tool customer.lookup"},
	} {
		a, err := r.ask(t.Context(), "platform", want.request)
		if err != nil || a.status != want.status {
			t.Fatalf("%+v, %v", a, err)
		}
		found := r.find(t, a.id)
		paths := found.paths()
		for _, path := range want.paths {
			// Hooks put spans of libraries above and between.
			if !slices.ContainsFunc(paths, func(p string) bool { return subsequence(p, path) }) {
				t.Errorf("%s: no %q in\n%s", want.input, path, strings.Join(paths, "\n"))
			}
		}
		for _, s := range found.Spans {
			if s.OperationName == want.failed && s.tag("error") != true {
				t.Errorf("%s has no error: %v", s.OperationName, s.Tags)
			}
			if s.OperationName == "AgentService.Execute" && (s.tag("userId") != want.user || s.tag("code.function.name") == nil) {
				t.Errorf("%s lacks attributes: %v", s.OperationName, s.Tags)
			}
		}
	}
}

// subsequence reports whether the names of want stand in path in that order.
func subsequence(path, want string) bool {
	names := strings.Split(want, " > ")
	for name := range strings.SplitSeq(path, " > ") {
		if len(names) > 0 && name == names[0] {
			names = names[1:]
		}
	}
	return len(names) == 0
}

// find waits for the whole trace of a request of the service platform.
func (r *run) find(t *testing.T, id string) trace {
	t.Helper()
	var found trace
	err := await(t.Context(), time.Minute, func(ctx context.Context) error {
		all, err := jaegerFind(ctx, r.url("jaeger:16686"), "platform", "requestId", id)
		if err != nil {
			return err
		}
		for _, tr := range all {
			if slices.ContainsFunc(tr.paths(), func(p string) bool { return strings.Contains(p, "AgentService.Execute") && !strings.HasPrefix(p, "?") }) {
				found = tr
				return nil
			}
		}
		return fmt.Errorf("%d traces of request %s", len(all), id)
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// logs asks each documented query for the lines of one trace, by the runtime's
// own push and through the Collector.
func (r *run) logs(t *testing.T) {
	saved, err := savedQueries(filepath.Join(deployment, "loki", "queries"))
	if err != nil {
		t.Fatal(err)
	}
	a, err := r.ask(t.Context(), "platform", request{"crm", "a detailed report on cus_nobody", "u_logs"})
	if err != nil || a.status != 404 {
		t.Fatalf("%+v, %v", a, err)
	}
	id := r.find(t, a.id).TraceID
	slow := r.longTrace(t)
	for _, q := range saved {
		t.Run(q.name, func(t *testing.T) {
			expr := strings.NewReplacer("$trace", id, "$user", "u_logs", "$service", "platform").Replace(q.expr)
			want := id
			if q.name == "operations-over-a-second" {
				want = slow
			}
			err := await(t.Context(), time.Minute, func(ctx context.Context) error {
				answer, err := lokiRange(ctx, r.url("loki:3100"), expr, r.began.Add(-time.Minute))
				if err != nil {
					return err
				}
				if len(answer) == 0 {
					return fmt.Errorf("nothing for %s", expr)
				}
				if answer[0].Metric != nil {
					return nil // it counts
				}
				for _, s := range answer {
					if slices.ContainsFunc(s.lines(), func(line string) bool { return strings.Contains(line, want) }) {
						return nil
					}
				}
				return fmt.Errorf("no line of trace %s for %s", want, expr)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("lines are JSON with the streams' labels only", func(t *testing.T) {
		for _, service := range []string{"platform", "locked"} {
			err := await(t.Context(), time.Minute, func(ctx context.Context) error {
				answer, err := lokiRange(ctx, r.url("loki:3100"), `{service="`+service+`"}`, r.began.Add(-time.Minute))
				if err != nil {
					return err
				}
				for _, s := range answer {
					for _, line := range s.lines() {
						var fields map[string]any
						if err := json.Unmarshal([]byte(line), &fields); err != nil || fields["message"] == nil || fields["service"] != service {
							return stopWaiting{fmt.Errorf("not a line of %s: %s (%v)", service, line, err)}
						}
						if fields["traceId"] != nil {
							return nil
						}
					}
				}
				return fmt.Errorf("no line of %s with a trace id", service)
			})
			if err != nil {
				t.Error(err)
			}
		}
		var labels struct{ Data []string }
		if err := getJSON(t.Context(), r.url("loki:3100")+"/loki/api/v1/labels", &labels); err != nil {
			t.Fatal(err)
		}
		for _, label := range labels.Data {
			if !slices.Contains([]string{"service", "level", "__stream_shard__"}, label) {
				t.Errorf("the label %s", label)
			}
		}
	})
}

// longTrace makes a call of more than a second, and returns its trace.
func (r *run) longTrace(t *testing.T) string {
	t.Helper()
	l, err := lockDatabase(t.Context(), r.database("platform"))
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan reply, 1)
	go func() {
		a, _ := r.ask(t.Context(), "platform", request{"crm", "who is cus_acme", "u_long"})
		answered <- a
	}()
	time.Sleep(1500 * time.Millisecond) // the length of the call, not a wait for it
	if err := l.release(); err != nil {
		t.Fatal(err)
	}
	a := <-answered
	if a.status != 200 || a.took < time.Second {
		t.Fatalf("%+v", a)
	}
	return r.find(t, a.id).TraceID
}

// sampling: each failed trace is kept, and only some of the others.
func (r *run) sampling(t *testing.T) {
	const n = 40
	ids := make(map[int][]string)
	for range n {
		for status, input := range map[int]string{200: "who is cus_acme", 404: "who is cus_nobody"} {
			a, err := r.ask(t.Context(), "platform", request{"crm", input, "u_sampled"})
			if err != nil || a.status != status {
				t.Fatalf("%+v, %v", a, err)
			}
			ids[status] = append(ids[status], a.id)
		}
	}
	kept := func(ctx context.Context, ids []string) (n int, err error) {
		for _, id := range ids {
			found, err := jaegerFind(ctx, r.url("jaeger:16686"), "platform", "requestId", id)
			if err != nil {
				return n, err
			}
			n += min(1, len(found))
		}
		return n, nil
	}
	if err := await(t.Context(), 90*time.Second, func(ctx context.Context) error {
		if got, err := kept(ctx, ids[404]); err != nil || got < n {
			return fmt.Errorf("%d of %d failed traces are kept (%v)", got, n, err)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	// The others were decided on before.
	if got, err := kept(t.Context(), ids[200]); err != nil || got == 0 || got == n {
		t.Errorf("%d of %d traces are kept at 50 %% (%v)", got, n, err)
	}
}

// exemplars lead to traces that Jaeger has.
func (r *run) exemplars(t *testing.T) {
	err := await(t.Context(), 2*time.Minute, func(ctx context.Context) error {
		all, err := promExemplars(ctx, r.url("localhost:9090"), `agent_execution_duration_seconds_bucket{job="platform"}`, r.began)
		if err != nil {
			return err
		}
		for _, e := range all {
			if tr, err := jaegerTrace(ctx, r.url("jaeger:16686"), e.Labels["trace_id"]); err == nil && len(tr.Spans) > 1 {
				return nil
			}
		}
		return fmt.Errorf("none of %d exemplars leads to a trace", len(all))
	})
	if err != nil {
		t.Error(err)
	}
}

// firing waits until the alert goes from pending over firing to the webhook.
func (r *run) firing(alert, job string, limit time.Duration) func(*testing.T) {
	return func(t *testing.T) {
		err := await(t.Context(), limit, func(ctx context.Context) error {
			if !r.webhook.has(alert, job, "firing") {
				return fmt.Errorf("the webhook has not heard of %s of %s", alert, job)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		// The message may be here before a step of the range that has the sample.
		for _, state := range []string{"pending", "firing"} {
			err := await(t.Context(), time.Minute, func(ctx context.Context) error {
				found, err := promRange(ctx, r.url("localhost:9090"), fmt.Sprintf(`ALERTS{alertname=%q, job=%q, alertstate=%q}`, alert, job, state), r.began)
				if err == nil && len(found) == 0 {
					err = fmt.Errorf("%s of %s was never %s", alert, job, state)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
	}
}

func (r *run) resolved(alert, job string, limit time.Duration) func(*testing.T) {
	return func(t *testing.T) {
		if err := await(t.Context(), limit, func(context.Context) error {
			if !r.webhook.has(alert, job, "resolved") {
				return fmt.Errorf("the webhook has not heard of the end of %s of %s", alert, job)
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
}

// toldApart: the service that is well has no alert for what the other's
// operations of the same name do.
func (r *run) toldApart(t *testing.T) {
	for _, alert := range []string{"SlowAgentExecution", "StuckOperations", "StuckCalls"} {
		if r.webhook.has(alert, "platform", "firing") {
			t.Errorf("%s fired for platform, whose calls are fast", alert)
		}
	}
	if r.webhook.has("HighErrorRate", "locked", "firing") {
		t.Error("HighErrorRate fired for locked, which logs few errors")
	}
	if !r.webhook.has("StuckCalls", "locked", "firing") {
		t.Error("the rules of the platform's own directives did not fire")
	}
}

// links: the message of each alert leads to its dashboard and to a search that
// finds traces.
func (r *run) links(t *testing.T) {
	for _, m := range []struct{ alert, job, operation, dashboard, traces string }{
		{
			"SlowAgentExecution", "locked", "AgentService.Execute", "/d/orchestrall-agent-performance?from=now-1h&to=now&var-job=locked&var-operation=AgentService.Execute",
			"/search?lookback=1h&limit=20&service=locked&operation=AgentService.Execute&minDuration=1s",
		},
		{
			"HighErrorRate", "platform", "", "/d/orchestrall-platform-overview?from=now-1h&to=now&var-job=platform",
			"/search?lookback=1h&limit=20&service=platform&tags=%7B%22error%22%3A%22true%22%7D",
		},
	} {
		labels := map[string]string{"alertname": m.alert, "job": m.job, "severity": "critical"}
		if m.operation != "" {
			labels["operation"] = m.operation
		}
		board := map[string]string{"dashboard": strings.TrimPrefix(strings.Split(m.dashboard, "?")[0], "/d/")}
		data, err := json.Marshal(map[string]any{
			"status": "firing", "groupLabels": map[string]string{"alertname": m.alert, "job": m.job}, "commonLabels": labels, "commonAnnotations": board,
			"alerts": []map[string]any{{"status": "firing", "labels": labels, "annotations": map[string]string{"summary": "it fails"}, "startsAt": r.began}},
		})
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "message.json")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		text, err := exec.Command(r.programs["amtool"], "template", "render", "--template.glob="+filepath.Join(r.dir, "alertmanager-config", "orchestrall.tmpl"),
			"--template.text={{ template \"orchestrall.title\" . }}\n{{ template \"orchestrall.text\" . }}", "--template.data="+file).Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"[integration] CRITICAL: " + m.alert + " in " + m.job, "it fails", r.url("grafana:3000") + m.dashboard + "\n", r.url("jaeger:16686") + m.traces} {
			if !strings.Contains(string(text)+"\n", want) {
				t.Errorf("%s: no %q in\n%s", m.alert, want, text)
			}
		}
		var found jaegerAnswer
		if err := getJSON(t.Context(), r.url("jaeger:16686")+strings.Replace(m.traces, "/search", "/api/traces", 1), &found); err != nil || len(found.Data) == 0 {
			t.Errorf("%s: %d traces behind %s (%v)", m.alert, len(found.Data), m.traces, err)
		}
	}
}

// elsewhere reports whether a query asks for metrics of programs that do not run
// here: cAdvisor needs containers to look at, and the platform's own client ends
// before anybody could read its metrics.
func elsewhere(expr string) bool {
	return strings.Contains(expr, "container_") || strings.Contains(expr, "client_request_duration_seconds")
}

// panels: each query of each panel of each dashboard, and of each link of a span,
// returns something.
func (r *run) panels(t *testing.T) {
	queries, err := panelQueries(dashboards(t, r.dir)...)
	if err != nil {
		t.Fatal(err)
	}
	links, err := linkQueries(dataSources)
	if err != nil {
		t.Fatal(err)
	}
	queries = append(queries, links...)
	asked := make(map[string]int)
	for _, q := range queries {
		if elsewhere(q.expr) {
			asked["not asked"]++
			continue
		}
		ask, base := promRange, r.url("localhost:9090")
		if q.store == "loki" {
			ask, base = lokiRange, r.url("loki:3100")
		}
		asked[q.store]++
		found, err := ask(t.Context(), base, q.expr, r.began)
		if err != nil || len(found) == 0 {
			t.Errorf("%s: %d series (%v) for %s", q.where, len(found), err, q.expr)
		}
	}
	t.Logf("queries: %v", asked)
}

// rules: each rule measures something, and what is recorded is there.
func (r *run) rules(t *testing.T) {
	all, err := rules(ruleFiles(t, r.dir)...)
	if err != nil {
		t.Fatal(err)
	}
	exprs := make(map[string]string)
	for _, rule := range all {
		if elsewhere(rule.Expr) {
			continue
		}
		parts, err := measured(rule.Expr)
		if err != nil {
			t.Error(err)
		}
		for _, part := range parts {
			exprs[part] = rule.Record + rule.Alert
		}
		if rule.Record != "" {
			exprs[rule.Record] = rule.Record
		}
	}
	for _, expr := range slices.Sorted(maps.Keys(exprs)) {
		found, err := promRange(t.Context(), r.url("localhost:9090"), expr, r.began)
		if err != nil || len(found) == 0 {
			t.Errorf("%s: %d series (%v) for %s", exprs[expr], len(found), err, expr)
		}
	}
	t.Logf("%d rules, %d expressions", len(all), len(exprs))
}

// outage kills a part while requests come in, keeps it away for a while, and
// starts it again: the answers stay right, and what the part is for resumes.
func (r *run) outage(p *process, resumes func(*testing.T)) func(*testing.T) {
	return func(t *testing.T) {
		l := r.newLoad(t.Context(), "platform", request{"onboarding", "welcome cus_acme", "u_outage"}, 200, 20*time.Millisecond)
		p.kill()
		const enough = 300 // requests of each outage, more than any queue holds
		if err := await(t.Context(), 3*time.Minute, func(context.Context) error {
			if answers, _ := l.sofar(); answers < enough {
				return fmt.Errorf("%d of %d answers", answers, enough)
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
		if dropped, ok := drops[p.name]; ok {
			r.dropsCounted(t, dropped)
		}
		answers, wrong := l.stop()
		if len(wrong) > 0 {
			t.Errorf("of %d answers %d were wrong: %.1000v", answers, len(wrong), wrong)
		}
		if err := p.start(t.Context()); err != nil {
			t.Fatal(err)
		}
		resumes(t)
	}
}

// drops are the counters of the runtime that an outage is seen in. What the
// others miss is kept by the Collector, or asked for later.
var drops = map[string]string{
	"otelcol": `sum(orchestrall_spans_dropped_total{job="platform"})`,
	"loki":    `sum(log_events_dropped_total{job="platform", reason!="repeated"})`,
}

func (r *run) dropsCounted(t *testing.T, expr string) {
	t.Helper()
	if err := await(t.Context(), 3*time.Minute, func(ctx context.Context) error {
		found, err := promQuery(ctx, r.url("localhost:9090"), expr)
		if err != nil || len(found) != 1 || found[0].number() == 0 {
			return fmt.Errorf("%s is %v (%v)", expr, found, err)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// traceArrives: a new failed request has a trace again.
func (r *run) traceArrives(t *testing.T) {
	if err := await(t.Context(), 2*time.Minute, func(ctx context.Context) error {
		a, err := r.ask(ctx, "platform", request{"crm", "who is cus_nobody", "u_again"})
		if err != nil {
			return err
		}
		return await(ctx, 20*time.Second, func(ctx context.Context) error {
			found, err := jaegerFind(ctx, r.url("jaeger:16686"), "platform", "requestId", a.id)
			if err != nil || len(found) == 0 {
				return fmt.Errorf("%d traces (%v)", len(found), err)
			}
			return nil
		})
	}); err != nil {
		t.Error(err)
	}
}

// lineArrives: the lines of a new request are in Loki again.
func (r *run) lineArrives(t *testing.T) {
	if err := await(t.Context(), 2*time.Minute, func(ctx context.Context) error {
		a, err := r.ask(ctx, "platform", request{"crm", "who is cus_nobody", "u_again"})
		if err != nil {
			return err
		}
		return await(ctx, 20*time.Second, func(ctx context.Context) error {
			found, err := lokiRange(ctx, r.url("loki:3100"), `{service="platform"} |= "`+a.id+`"`, time.Now().Add(-5*time.Minute))
			if err != nil || len(found) == 0 {
				return fmt.Errorf("%d streams (%v)", len(found), err)
			}
			return nil
		})
	}); err != nil {
		t.Error(err)
	}
}

// scraped: Prometheus reads the platform's metrics again.
func (r *run) scraped(t *testing.T) {
	since := time.Now()
	if err := await(t.Context(), 2*time.Minute, func(ctx context.Context) error {
		found, err := promQuery(ctx, r.url("localhost:9090"), `timestamp(up{job="platform"} == 1) > `+unix(since))
		if err != nil || len(found) == 0 {
			return fmt.Errorf("not scraped since (%v)", err)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// alertArrives: Prometheus hands what fires to the new Alertmanager.
func (r *run) alertArrives(t *testing.T) {
	if err := await(t.Context(), 3*time.Minute, func(ctx context.Context) error {
		var active []struct{ Labels map[string]string }
		if err := getJSON(ctx, r.url("alertmanager:9093")+"/api/v2/alerts?active=true", &active); err != nil {
			return err
		}
		for _, a := range active {
			if a.Labels["alertname"] == "ServiceDown" && a.Labels["job"] == "grafana" {
				return nil
			}
		}
		return fmt.Errorf("%d alerts, not that Grafana is down", len(active))
	}); err != nil {
		t.Error(err)
	}
}
