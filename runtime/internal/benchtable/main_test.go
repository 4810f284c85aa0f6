package main

import (
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	const results = `goos: linux
BenchmarkCall/plain/unsampled/1/orchestrall-2   100   150.0 ns/op   0 B/op   0 allocs/op
BenchmarkCall/plain/unsampled/1/orchestrall-2   100   100.0 ns/op   0 B/op   0 allocs/op
BenchmarkCall/plain/unsampled/1/hand-2          100   800 ns/op   144 B/op   2 allocs/op
BenchmarkCall/plain/sampled/1/orchestrall       100   900 ns/op
BenchmarkOther-2   100   1 ns/op
PASS
`
	const want = `call/trace/goroutines  orchestrall       hand                     ratio
plain/unsampled/1      100 ns, 0 allocs  800 ns, 2 allocs, 144 B  0.12
plain/sampled/1        900 ns            -                        -
`
	var out, errs strings.Builder
	if code := run(strings.NewReader(results), &out, &errs); code != 0 || out.String() != want {
		t.Errorf("exit code %d, %s\n%s", code, errs.String(), out.String())
	}
	if code := run(strings.NewReader("PASS\n"), &out, &errs); code != 1 || !strings.Contains(errs.String(), "no benchmark results") {
		t.Errorf("exit code %d, %s", code, errs.String())
	}
}
