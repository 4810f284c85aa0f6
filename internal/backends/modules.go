package backends

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// module builds packages of a module that can't be installed with `go install`
// because its go.mod replaces others. The build happens in a module of our own
// that repeats its requirements and its replacements.
func module(version string, packages ...string) func(context.Context, *work) error {
	return edited(func(src []byte) []byte { return src }, version, packages...)
}

// edited is module for one whose go.mod has to be edited first.
func edited(edit func([]byte) []byte, version string, packages ...string) func(context.Context, *work) error {
	return func(ctx context.Context, w *work) error {
		w.say("download %s", version)
		answer, err := w.run(ctx, w.dir, "go", "mod", "download", "-json", version)
		if err != nil {
			return err
		}
		var m struct{ Path, Version, Dir, GoMod string }
		if err := json.Unmarshal(answer, &m); err != nil {
			return err
		}
		src, err := os.ReadFile(m.GoMod)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(w.dir, "go.mod"), wrap(edit(src), m.Path, m.Version), 0o644); err != nil {
			return err
		}
		// The checksum database does not know every module that upstream uses.
		sums, err := os.ReadFile(filepath.Join(m.Dir, "go.sum"))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(w.dir, "go.sum"), sums, 0o644); err != nil {
			return err
		}
		for _, p := range packages {
			if err := w.build(ctx, w.dir, m.Path+"/"+p, path.Base(p)); err != nil {
				return err
			}
		}
		return nil
	}
}

var (
	moduleLine   = regexp.MustCompile(`(?m)^module .*$`)
	toolchain    = regexp.MustCompile(`(?m)^toolchain .*$`)
	localReplace = regexp.MustCompile(`(?m)^(?:replace )?.* => \.{1,2}/.*$`)
)

// wrap turns the go.mod of a module into that of one that requires it. What it
// replaces by a folder of its own is taken from where everybody else gets it.
func wrap(src []byte, modulePath, version string) []byte {
	src = moduleLine.ReplaceAll(src, []byte("module backends.invalid/build\n\nrequire "+modulePath+" "+version))
	return localReplace.ReplaceAll(toolchain.ReplaceAll(src, nil), nil)
}

// build compiles one program and shows how far it is.
func (w *work) build(ctx context.Context, dir, pkg, program string) error {
	w.say("resolve the packages of %s", program)
	deps, err := w.run(ctx, dir, "go", "list", "-deps", pkg)
	if err != nil {
		return err
	}
	total := bytes.Count(deps, []byte("\n"))
	w.say("compile %s: %d packages, fewer where some were compiled before", program, total)
	cmd := w.command(ctx, dir, "go", "build", "-v", "-ldflags=-s -w", "-o", filepath.Join(w.bin, program), pkg)
	progress, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	said := w.follow(progress, total)
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, said)
	}
	return nil
}

// follow counts the packages that the go command names, and returns the last
// lines that are no package.
func (w *work) follow(r io.Reader, total int) string {
	const step = 200
	var other strings.Builder
	compiled := 0
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if line := lines.Text(); strings.ContainsAny(line, " :") {
			other.WriteString(line + "\n")
			continue
		}
		if compiled++; compiled%step == 0 {
			w.say("%d of %d packages", compiled, total)
		}
	}
	return lastLines(other.String(), 20)
}

// manifest lists the components of the Collector: those that the configuration
// files of deployment/ name.
//
//go:embed collector.yaml
var manifest string

// collector writes the source of a Collector with the components of the
// manifest, and compiles it.
func collector(ctx context.Context, w *work) error {
	file := filepath.Join(w.dir, "collector.yaml")
	text := strings.NewReplacer("OUTPUT", filepath.Join(w.dir, "src"), "VERSION", CollectorVersion).Replace(manifest)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return err
	}
	w.say("write the source")
	if _, err := w.run(ctx, w.dir, "go", "run", "go.opentelemetry.io/collector/cmd/builder@"+CollectorVersion, "--config", file, "--skip-compilation"); err != nil {
		return err
	}
	return w.build(ctx, filepath.Join(w.dir, "src"), ".", "otelcol")
}
