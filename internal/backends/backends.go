// Package backends installs the monitoring programs that the integration test
// runs: Prometheus and Alertmanager from Debian's packages; Jaeger, Loki and
// the OpenTelemetry Collector from their Go modules. In the same way it installs
// the programs of a Kubernetes API server. It fetches and builds once, in versions that are pinned here, into a folder outside the repository.
package backends

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// DirVariable names the folder of the programs. Without it they are in
// orchestrall/backends of the user's cache folder.
const DirVariable = "ORCHESTRALL_BACKENDS"

// The versions that are built. A test holds them against the images of the
// compose file.
const (
	JaegerModule     = "v1.76.0" // the Go module of Jaeger 2.13.0
	JaegerVersion    = "2.13.0"
	LokiVersion      = "v3.7.8"
	CollectorVersion = "v0.145.0"
)

// A Part is what is installed at once.
type Part struct {
	Name     string
	Version  string
	Programs []string // their names as [Locate] knows them

	recipe  string // what changes the result beside the version
	install func(ctx context.Context, w *work) error
}

// Parts lists everything that the integration test needs, the quickest first.
func Parts() []Part {
	return []Part{
		{Name: "prometheus", Version: "debian", Programs: []string{"prometheus", "promtool"}, install: debian("prometheus", "prometheus", "promtool")},
		{Name: "alertmanager", Version: "debian", Programs: []string{"alertmanager", "amtool"}, install: debian("prometheus-alertmanager", "prometheus-alertmanager", "amtool")},
		{Name: "node-exporter", Version: "debian", Programs: []string{"node_exporter"}, install: debian("prometheus-node-exporter", "prometheus-node-exporter")},
		{Name: "collector", Version: CollectorVersion, Programs: []string{"otelcol"}, recipe: manifest, install: collector},
		{Name: "jaeger", Version: JaegerModule, Programs: []string{"jaeger"}, install: module("github.com/jaegertracing/jaeger@"+JaegerModule, "cmd/jaeger")},
		{Name: "loki", Version: LokiVersion, Programs: []string{"loki", "logcli"}, install: module("github.com/grafana/loki/v3@"+LokiVersion, "cmd/loki", "cmd/logcli")},
	}
}

// Dir is the folder that the programs are installed to.
func Dir() (string, error) {
	if dir := os.Getenv(DirVariable); dir != "" {
		return filepath.Abs(dir)
	}
	cache, err := os.UserCacheDir()
	return filepath.Join(cache, "orchestrall", "backends"), err
}

// folder holds the programs of the part; another version or recipe has another.
func (p Part) folder(dir string) string {
	name := p.Name + "-" + p.Version
	if p.recipe != "" {
		sum := sha256.Sum256([]byte(p.recipe))
		name += "-" + hex.EncodeToString(sum[:4])
	}
	return filepath.Join(dir, name)
}

// Locate returns the path of every program of parts that is installed, and the
// names of those that are not.
func Locate(dir string, parts []Part) (programs map[string]string, missing []string) {
	programs = map[string]string{}
	for _, p := range parts {
		for _, name := range p.Programs {
			path := filepath.Join(p.folder(dir), name)
			if _, err := os.Stat(path); err != nil {
				missing = append(missing, name)
				continue
			}
			programs[name] = path
		}
	}
	return programs, missing
}

// Install brings each of parts that dir lacks, and reports on out what it does. A
// part is there as a whole or not at all; what was interrupted goes on where it
// stopped, because the go command keeps the packages that it has compiled.
func Install(ctx context.Context, dir string, parts []Part, out io.Writer) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	fmt.Fprintf(out, "backends: in %s (%s sets another folder)\n", dir, DirVariable)
	var failed []error
	for _, p := range parts {
		if p.there(dir) {
			fmt.Fprintf(out, "%s %s: there\n", p.Name, p.Version)
			continue
		}
		began := time.Now()
		if err := p.bring(ctx, dir, out); err != nil {
			fmt.Fprintf(out, "%s %s: failed\n", p.Name, p.Version)
			failed = append(failed, fmt.Errorf("%s: %w", p.Name, err))
			if ctx.Err() != nil {
				break
			}
			continue
		}
		fmt.Fprintf(out, "%s %s: done in %s\n", p.Name, p.Version, time.Since(began).Round(time.Second))
	}
	return errors.Join(failed...)
}

func (p Part) there(dir string) bool {
	_, missing := Locate(dir, []Part{p})
	return len(missing) == 0
}

// bring installs into a folder of its own that gets its name when it is whole.
func (p Part) bring(ctx context.Context, dir string, out io.Writer) error {
	w := &work{dir: filepath.Join(dir, "."+p.Name+".part"), label: p.Name, out: out}
	if err := os.RemoveAll(w.dir); err != nil {
		return err
	}
	w.bin = filepath.Join(w.dir, "bin")
	if err := os.MkdirAll(w.bin, 0o755); err != nil {
		return err
	}
	if err := p.install(ctx, w); err != nil {
		return err
	}
	for _, name := range p.Programs {
		if _, err := os.Stat(filepath.Join(w.bin, name)); err != nil {
			return fmt.Errorf("the program %s is missing after the installation: %w", name, err)
		}
	}
	if err := os.RemoveAll(p.folder(dir)); err != nil {
		return err
	}
	if err := os.Rename(w.bin, p.folder(dir)); err != nil {
		return err
	}
	return os.RemoveAll(w.dir)
}

// A work is the installation of one part.
type work struct {
	dir   string // for whatever is needed on the way
	bin   string // for the programs
	label string
	out   io.Writer
}

func (w *work) say(format string, args ...any) {
	fmt.Fprintf(w.out, w.label+": "+format+"\n", args...)
}

// run runs a command in dir, and returns what it printed.
func (w *work) run(ctx context.Context, dir, name string, args ...string) ([]byte, error) {
	var out, errs strings.Builder
	cmd := w.command(ctx, dir, name, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, lastLines(errs.String(), 20))
	}
	return []byte(out.String()), nil
}

// command has an environment in which nothing of the caller's build shows.
func (w *work) command(ctx context.Context, dir, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod -trimpath -buildvcs=false", "CGO_ENABLED=0", "GOOS=", "GOARCH=", "DEBIAN_FRONTEND=noninteractive")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// debian takes programs out of a package. Where the package is installed they
// are linked; else it is unpacked into the cache, which needs no root, starts
// no service and leaves the machine as it was.
func debian(pkg string, programs ...string) func(context.Context, *work) error {
	short := map[string]string{"prometheus-alertmanager": "alertmanager", "prometheus-node-exporter": "node_exporter"}
	return func(ctx context.Context, w *work) error {
		from := func(program string) string { path, _ := exec.LookPath(program); return path }
		if slices.ContainsFunc(programs, func(program string) bool { return from(program) == "" }) {
			root, err := w.unpack(ctx, pkg)
			if err != nil {
				return err
			}
			from = func(program string) string { return filepath.Join(root, "usr", "bin", program) }
		}
		for _, program := range programs {
			to := filepath.Join(w.bin, cmp.Or(short[program], program))
			w.say("%s", from(program))
			if err := link(from(program), to); err != nil {
				return err
			}
		}
		return nil
	}
}

// link makes a link to an installed program, and moves an unpacked one.
func link(from, to string) error {
	if strings.HasPrefix(from, filepath.Dir(filepath.Dir(to))+string(filepath.Separator)) {
		return os.Rename(from, to)
	}
	return os.Symlink(from, to)
}

// unpack downloads a package and returns the folder of its files.
func (w *work) unpack(ctx context.Context, pkg string) (string, error) {
	w.say("apt-get download %s", pkg)
	if _, err := w.run(ctx, w.dir, "apt-get", "download", pkg); err != nil {
		w.say("apt-get update, because the package lists are missing or old")
		if _, updateErr := w.run(ctx, w.dir, "apt-get", "update", "-qq"); updateErr != nil {
			return "", fmt.Errorf("%w\n%w\ninstall the package %s by hand", err, updateErr, pkg)
		}
		if _, err := w.run(ctx, w.dir, "apt-get", "download", pkg); err != nil {
			return "", fmt.Errorf("%w\ninstall the package %s by hand", err, pkg)
		}
	}
	found, err := filepath.Glob(filepath.Join(w.dir, pkg+"_*.deb"))
	if err != nil {
		return "", err
	}
	if len(found) != 1 {
		return "", fmt.Errorf("apt-get download %s left %d packages", pkg, len(found))
	}
	root := filepath.Join(w.dir, "root")
	_, err = w.run(ctx, w.dir, "dpkg-deb", "-x", found[0], root)
	return root, err
}
