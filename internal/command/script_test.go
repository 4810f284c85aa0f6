package command_test

import (
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/orchestrall/orchestrall/internal/command"
)

var update = flag.Bool("update", false, "write what the commands print into the scripts")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"orchestrall": func() { os.Exit(command.Main(os.Args, os.Stdin, os.Stdout, os.Stderr)) },
	})
}

func TestScripts(t *testing.T) {
	goEnv := hostGo(t)
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("..", "..", "testdata", "script"),
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			// The scripts share the caches of the machine: what they build is
			// mostly the same runtime.
			env.Vars = append(env.Vars, goEnv...)
			tool, err := exec.LookPath("orchestrall")
			if err != nil {
				return err
			}
			env.Vars = append(env.Vars, "ORCHESTRALL="+tool, "CI=1")
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":     exits,
			"snapshot":  snapshot,
			"unchanged": unchanged,
		},
	})
}

// hostGo returns the variables of the go command that scripts need: they run
// without those of the machine.
func hostGo(t *testing.T) []string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", "..", "runtime"))
	if err != nil {
		t.Fatal(err)
	}
	vars := []string{"ORCHESTRALL_RUNTIME_DIR=" + dir, "GOFLAGS=", "GOWORK=", "GOTOOLCHAIN=local"}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH", "GOPROXY", "GONOSUMDB", "GONOSUMCHECK", "GOSUMDB", "GOPRIVATE", "GOINSECURE"} {
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		vars = append(vars, name+"="+strings.TrimSpace(string(out)))
	}
	for _, name := range []string{"HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "SSL_CERT_FILE"} {
		if value, ok := os.LookupEnv(name); ok {
			vars = append(vars, name+"="+value)
		}
	}
	return vars
}

// exits CODE COMMAND ARGS… runs a command and checks its exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARGS…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// snapshot DIR remembers every file of a folder; unchanged DIR fails when one
// of them is not what it was.
func snapshot(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: snapshot DIR")
	}
	ts.Check(os.WriteFile(snapshotFile(ts, args[0]), []byte(state(ts, args[0])), 0o666))
}

func unchanged(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: unchanged DIR")
	}
	before, err := os.ReadFile(snapshotFile(ts, args[0]))
	ts.Check(err)
	if now := state(ts, args[0]); now != string(before) {
		ts.Fatalf("%s changed; before:\n%s\nnow:\n%s", args[0], before, now)
	}
}

func snapshotFile(ts *testscript.TestScript, dir string) string {
	return filepath.Join(ts.Getenv("TMPDIR"), "snapshot"+strings.NewReplacer("/", "_", `\`, "_", ".", "_").Replace(dir))
}

// state lists the files of dir with their modes and the hashes of their bytes.
func state(ts *testscript.TestScript, dir string) string {
	files := make(map[string]string)
	root := ts.MkAbs(dir)
	ts.Check(filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if path == ts.Getenv("TMPDIR") {
				return fs.SkipDir
			}
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		mode := info.Mode()
		if runtime.GOOS == "windows" {
			mode = 0
		}
		files[rel] = fmt.Sprintf("%s %x %s\n", mode, sha256.Sum256(data), rel)
		return nil
	}))
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		b.WriteString(files[name])
	}
	return b.String()
}
