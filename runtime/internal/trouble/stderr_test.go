//go:build unix

package trouble

import (
	"os"
	"runtime"
	"testing"
)

// Whatever becomes of standard error, the program goes on and knows what it lost.
func TestStandardErrorInTrouble(t *testing.T) {
	const n = 5000 // ten times what a pipe holds
	for name, test := range map[string]struct {
		open   func(t *testing.T) *os.File
		reason string
	}{
		"disk full":   {diskFull, "write_failed"},
		"closed pipe": {closedPipe, "write_failed"},
		"closed":      {readOnly, "write_failed"},
		"nobody reads": {func(t *testing.T) *os.File {
			r, w := pipe(t)
			t.Cleanup(func() { _ = r.Close() })
			return w
		}, "shutdown"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := launch(t, test.open(t), "LOG_SAMPLING=off")
			p.calls("calls", n)
			p.calls("goroutines", n)
			p.ask("stop")
			if lost := p.lost(lostLines); lost[test.reason] == 0 {
				t.Errorf("no lines are counted as %s: %v", test.reason, lost)
			}
		})
	}
}

func diskFull(t *testing.T) *os.File {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has a device that is always full")
	}
	f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func pipe(t *testing.T) (r, w *os.File) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return r, w
}

func closedPipe(t *testing.T) *os.File {
	r, w := pipe(t)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return w
}

func readOnly(t *testing.T) *os.File {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}
