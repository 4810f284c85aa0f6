package command

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orchestrall/orchestrall/internal/config"
)

func TestNormalize(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"", ""},
		{"check ./... --format json", "check --format json ./..."},
		{"check ./... --format=json --config x.yaml a", "--config x.yaml check --format=json ./... a"},
		{"lint --fix a --tags x b --verbose", "--verbose lint --fix --tags x a b"},
		{"--verbose go test -v --config x ./...", "--verbose go test -v --config x ./..."},
		{"check -- --format", "check -- --format"},
		{"check --nosuch a", "check --nosuch a"},
		{"nosuch --format json", "nosuch --format json"},
		{"check a --format", "check --format a"},
		{"--help check", "help"},
		{"check a --help", "help check"},
		{"go build --help", "go build --help"},
		{"--version", "version"},
	} {
		got := normalize(append([]string{"orchestrall"}, strings.Fields(test.in)...))
		if diff := cmp.Diff(append([]string{"orchestrall"}, strings.Fields(test.want)...), got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.in, diff)
		}
	}
}

// What the starter configuration shows in comments must be valid, too.
func TestStarterConfig(t *testing.T) {
	c, problems := config.Parse("orchestrall.yaml", []byte(starterConfig))
	if len(problems) > 0 {
		t.Fatalf("as written: %v", problems)
	}
	if c.Hash() != config.Default().Hash() {
		t.Error("the starter configuration changes something")
	}
	shown := regexp.MustCompile(`(?m)^# ((?:generate|select|contexts|dashboards|upgrades|pinned):$|  )`).ReplaceAllString(starterConfig, "$1")
	c, problems = config.Parse("orchestrall.yaml", []byte(shown))
	if len(problems) > 0 {
		t.Fatalf("with its examples: %v", problems)
	}
	if len(c.Generate) != 2 || len(c.Select) != 3 || len(c.Contexts) != 1 || len(c.Upgrades) != 1 || len(c.Pinned) != 1 || c.Dashboards == "" || c.Runbook == "" {
		t.Errorf("examples read as %d generate, %d select, %d contexts, %d upgrades, %d pinned, dashboards %q, runbook %q", len(c.Generate), len(c.Select), len(c.Contexts), len(c.Upgrades), len(c.Pinned), c.Dashboards, c.Runbook)
	}
}

func TestAddGenerateLine(t *testing.T) {
	const line = "//go:generate orchestrall generate ./..."
	for _, test := range []struct{ name, in, want string }{
		{"import below", "package p\n\nimport \"fmt\"\n", "package p\n\n" + line + "\n\nimport \"fmt\"\n"},
		{"comment at once", "package p\n// F does.\nfunc F() {}\n", "package p\n\n" + line + "\n\n// F does.\nfunc F() {}\n"},
		{"nothing below", "package p", "package p\n\n" + line + "\n"},
		{"remark", "package p // import \"x\"\n\nvar x int\n", "package p // import \"x\"\n\n" + line + "\n\nvar x int\n"},
		{"long remark", "package p /* a\nb */\n\nvar x int\n", "package p /* a\nb */\n\n" + line + "\n\nvar x int\n"},
		{"two bytes a line end", "package p\r\n\r\nvar x int\r\n", "package p\r\n\r\n" + line + "\r\n\r\nvar x int\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := addGenerateLine("p.go", []byte(test.in), "./...")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !hasGenerateLine(got) {
				t.Error("the line is not found again")
			}
		})
	}
}

func TestCommit(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string, mode fs.FileMode) {
		t.Helper()
		if err := os.WriteFile(path(name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	read := func(name string) string {
		t.Helper()
		data, err := os.ReadFile(path(name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	write("old", "old", 0o640)
	write("gone", "gone", 0o666)
	if err := os.Symlink("old", path("link")); err != nil {
		t.Skip("no symbolic links here")
	}
	if err := commit([]change{{path("link"), []byte("new")}, {path("added"), []byte("added")}, {path("gone"), nil}}); err != nil {
		t.Fatal(err)
	}
	if got := read("old"); got != "new" {
		t.Errorf("the file behind the link holds %q", got)
	}
	if info, err := os.Stat(path("old")); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode is %v, %v; want 0640", info.Mode(), err)
	}
	if info, err := os.Lstat(path("link")); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is no link any more: %v", err)
	}
	if _, err := os.Stat(path("gone")); err == nil {
		t.Error("the file is still there")
	}

	// One change that can't be made, and none is.
	if err := commit([]change{{path("added"), []byte("again")}, {path("none/x"), []byte("x")}, {path("old"), nil}}); err == nil {
		t.Fatal("no error")
	}
	if read("added") != "added" || read("old") != "new" {
		t.Error("some changes were made")
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".tmp") {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}
