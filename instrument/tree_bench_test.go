//go:build unix

package instrument_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A treeSize is a module of packages of ten files of two hundred lines; each
// package has two directives.
type treeSize struct {
	name     string
	packages int
}

var treeSizes = []treeSize{{"250k-lines", 125}, {"1M-lines", 500}}

const (
	filesPerPackage = 10
	funcsPerFile    = 20 // of ten lines each
)

// BenchmarkTree runs check and generate, as commands of their own, on trees of
// a quarter of a million and a million lines; the larger one has a thousand
// directives. It reports the peak memory of the command beside the time. The
// two sizes show whether both grow linearly.
func BenchmarkTree(b *testing.B) {
	tool := filepath.Join(b.TempDir(), "orchestrall")
	if out, err := exec.Command("go", "build", "-o", tool, "../cmd/orchestrall").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	for _, size := range treeSizes {
		dir := b.TempDir()
		plantTree(b, dir, size.packages)
		b.Run("check-directives/"+size.name, func(b *testing.B) { measure(b, dir, nil, tool, "check", "./...") })
		b.Run("generate/"+size.name, func(b *testing.B) {
			measure(b, dir, func() { run0(b, dir, tool, "strip", "./...") }, tool, "generate", "./...")
		})
		run0(b, dir, tool, "generate", "./...")
		b.Run("generate-again/"+size.name, func(b *testing.B) { measure(b, dir, nil, tool, "generate", "./...") })
		b.Run("check-generated/"+size.name, func(b *testing.B) { measure(b, dir, nil, tool, "check", "./...") })
	}
}

// measure times the command in dir, with reset before each turn, and reports
// the largest peak memory. On a busy machine the processor time tells more.
func measure(b *testing.B, dir string, reset func(), command ...string) {
	var peak int64
	var used time.Duration
	for b.Loop() {
		if reset != nil {
			b.StopTimer()
			reset()
			b.StartTimer()
		}
		memory, cpu := run0(b, dir, command...)
		peak, used = max(peak, memory), used+cpu
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/op")
	b.ReportMetric(used.Seconds()/float64(b.N), "cpu-s/op")
	b.ReportMetric(float64(peak)/1e6, "peak-MB")
	b.ReportMetric(0, "ns/op")
}

// run0 runs a command that must succeed and returns its peak memory in bytes
// and the processor time that it took.
func run0(b *testing.B, dir string, command ...string) (peak int64, cpu time.Duration) {
	b.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		b.Fatalf("%s: %v\n%s", strings.Join(command[1:], " "), err, out.String())
	}
	peak = cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
	if runtime.GOOS == "linux" {
		peak *= 1024 // kilobytes there, bytes elsewhere
	}
	return peak, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// plantTree writes a module of that many packages, each of two thousand lines.
func plantTree(b *testing.B, dir string, packages int) {
	b.Helper()
	write := func(path, text string) {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	write(filepath.Join(dir, "go.mod"), "module example.com/tree\n\ngo 1.26\n")
	for p := range packages {
		for f := range filesPerPackage {
			write(filepath.Join(dir, fmt.Sprintf("area%d/package%d/file%d.go", p%20, p, f)), treeFile(p, f))
		}
	}
}

// treeFile is one file; the first two of each package have a directive.
func treeFile(pkg, file int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "// Package package%d is one of many.\npackage package%d\n\nimport (\n\t\"context\"\n\t\"fmt\"\n)\n", pkg, pkg)
	for f := range funcsPerFile {
		fmt.Fprintf(&b, "\n// F%d_%d adds numbers up.\n", file, f)
		if file < 2 && f == 3 {
			b.WriteString("//\n//orchestrall:trace kind=step slow=1s attr.n=n attr.name=name label.tier=name\n")
		}
		fmt.Fprintf(&b, "func F%d_%d(ctx context.Context, n int, name string) (int, error) {\n", file, f)
		b.WriteString("\tsum := 0\n\tfor i := range n {\n\t\tsum += i\n\t}\n\treturn sum, fmt.Errorf(\"%s: %w\", name, ctx.Err())\n}\n")
	}
	return b.String()
}
