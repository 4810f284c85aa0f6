// Buildbench measures what a build costs with the tool, as ratios to plain
// builds of the same tree in the same run:
//
//	go run ./internal/buildbench [-n RUNS] [-cold]
//
// Two trees are measured: the example platform as it is, and the same with the
// libraries that a service of its kind links anyway (gRPC, OpenTelemetry's SDK,
// the Prometheus client). -cold adds toolexec against a plain build, both with
// -a, which takes minutes.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/mod/modfile"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "buildbench:", err)
		os.Exit(1)
	}
}

func run(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("buildbench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	runs := flags.Int("n", 9, "runs of each command; the medians are compared")
	cold := flags.Bool("cold", false, "measure toolexec with -a, too")
	if err := flags.Parse(args); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "buildbench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{dir: dir, runs: *runs, stderr: stderr}
	b.tool = filepath.Join(dir, "orchestrall")
	if err := b.command(".", "go", "build", "-o", b.tool, "./cmd/orchestrall").Run(); err != nil {
		return fmt.Errorf("building the tool (run buildbench in the repository's root): %w", err)
	}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "tree\tbuild\tplain\torchestrall\tratio")
	for _, t := range []struct{ name, imports string }{{"platform", ""}, {"service", linked}} {
		src, err := b.tree(t.name, t.imports)
		if err != nil {
			return err
		}
		if err := b.compare(w, t.name, src); err != nil {
			return err
		}
		if *cold && t.imports != "" {
			if err := b.cold(w, t.name, src); err != nil {
				return err
			}
		}
	}
	return w.Flush()
}

// linked uses what the runtime needs as a service does that sets its own
// telemetry up and serves gRPC: a blank import would link next to nothing.
const linked = `package main

import (
	"context"
	"net/http"
	"os"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"
)

func init() {
	if os.Getenv("TELEMETRY_BY_HAND") == "" {
		return
	}
	ctx := context.Background()
	res, _ := resource.New(ctx, resource.WithHost(), resource.WithProcess(), resource.WithFromEnv())
	overHTTP, _ := otlptracehttp.New(ctx)
	overGRPC, _ := otlptracegrpc.New(ctx)
	otel.SetTracerProvider(trace.NewTracerProvider(trace.WithBatcher(overHTTP), trace.WithBatcher(overGRPC), trace.WithResource(res)))
	reader, _ := prometheus.New()
	otel.SetMeterProvider(metric.NewMeterProvider(metric.WithReader(reader), metric.WithResource(res)))
	http.Handle("/metrics", promhttp.Handler())
	grpc.NewServer().GracefulStop()
}
`

type bench struct {
	dir, tool string
	runs      int
	stderr    io.Writer
}

func (b *bench) command(dir, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stderr = dir, b.stderr
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-buildvcs=false")
	return cmd
}

// tree copies the example and makes it link what imports names, at the newest
// versions that the runtime is tested with.
func (b *bench) tree(name, imports string) (string, error) {
	dir := filepath.Join(b.dir, name)
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("examples", "platform"))); err != nil {
		return "", err
	}
	if imports == "" {
		return dir, nil
	}
	if err := os.WriteFile(filepath.Join(dir, "linked.go"), []byte(imports), 0o666); err != nil {
		return "", err
	}
	const newest = "internal/overlay/newest.mod"
	data, err := os.ReadFile(newest)
	if err != nil {
		return "", err
	}
	versions, err := modfile.Parse(newest, data, nil)
	if err != nil {
		return "", err
	}
	edit := []string{"mod", "edit"}
	for _, r := range versions.Require {
		edit = append(edit, "-require="+r.Mod.String())
	}
	for _, args := range [][]string{edit, {"mod", "tidy"}} {
		if out, err := b.command(dir, "go", args...).Output(); err != nil {
			return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return dir, nil
}

// compare times builds of a tree where nothing has changed, and where one
// annotated file has.
func (b *bench) compare(w io.Writer, name, dir string) error {
	plain := func() (time.Duration, error) {
		return b.time(dir, "go", "build", "-o", filepath.Join(b.dir, "plain.exe"), ".")
	}
	ours := func() (time.Duration, error) {
		return b.time(dir, b.tool, "go", "build", "-o", filepath.Join(b.dir, "ours.exe"), ".")
	}
	still := func(int) error { return nil }
	edit := func(i int) error { return b.edit(filepath.Join(dir, "agent", "agent.go"), i) }
	hooked := func(i int) error { return b.edit(filepath.Join(dir, "api", "api.go"), i) }
	for _, c := range []struct {
		what   string
		before func(int) error
	}{{"nothing changed", still}, {"one annotated file changed", edit}, {"one file with hooked calls changed", hooked}} {
		if err := b.row(w, name, c.what, c.before, plain, ours); err != nil {
			return err
		}
	}
	return nil
}

// row runs the two in turn, so that a machine that slows down slows both, and
// writes their medians. The first run of each warms the caches.
func (b *bench) row(w io.Writer, name, what string, before func(int) error, plain, ours func() (time.Duration, error)) error {
	var p, o []time.Duration
	for i := range b.runs + 1 {
		if err := before(i); err != nil {
			return err
		}
		first, err := plain()
		if err != nil {
			return err
		}
		second, err := ours()
		if err != nil {
			return err
		}
		if i > 0 {
			p, o = append(p, first), append(o, second)
		}
	}
	write(w, name, what, median(p), median(o))
	return nil
}

func write(w io.Writer, name, what string, plain, ours time.Duration) {
	fmt.Fprintf(w, "%s\t%s\t%.2f s\t%.2f s\t%.2f\n", name, what, plain.Seconds(), ours.Seconds(), ours.Seconds()/plain.Seconds())
}

// edit changes the code of a file, so that it and what links it is new.
func (b *bench) edit(path string, i int) error {
	src, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text, _, _ := strings.Cut(string(src), "\nvar buildbench")
	text += fmt.Sprintf("\nvar buildbench = %d\n\nfunc init() { buildbench++ }\n", time.Now().UnixNano()+int64(i))
	return os.WriteFile(path, []byte(text), 0o666)
}

// cold compares builds that compile everything.
func (b *bench) cold(w io.Writer, name, dir string) error {
	plain, err := b.time(dir, "go", "build", "-a", "-o", filepath.Join(b.dir, "plain.exe"), ".")
	if err != nil {
		return err
	}
	if out, err := b.command(dir, b.tool, "init").CombinedOutput(); err != nil {
		return fmt.Errorf("orchestrall init: %w\n%s", err, out)
	}
	ours, err := b.time(dir, "go", "build", "-a", "-toolexec="+b.tool+" toolexec", "-o", filepath.Join(b.dir, "ours.exe"), ".")
	if err != nil {
		return err
	}
	write(w, name, "toolexec, cold (-a)", plain, ours)
	return nil
}

func (b *bench) time(dir, name string, args ...string) (time.Duration, error) {
	cmd := b.command(dir, name, args...)
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
	}
	return time.Since(start), nil
}

func median(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)/2]
}
