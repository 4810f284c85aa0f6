package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"

	"github.com/orchestrall/orchestrall/templates"
)

const version = "v0.7.0"

// checkout is a copy of what is published, and of what require it.
func checkout(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := os.CopyFS(filepath.Join(root, "runtime"), os.DirFS("../../runtime")); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "go.mod"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	return root
}

// What is published resolves from a module proxy alone: a program that requires
// the runtime and a hook module can be tidied.
func TestReleaseResolves(t *testing.T) {
	root := checkout(t)
	edited, err := prepare(root, version)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(edited, filepath.Join(root, "runtime", "gin", "go.mod")) || slices.Contains(edited, filepath.Join(root, "runtime", "go.mod")) {
		t.Errorf("edited %q", edited)
	}
	proxy := t.TempDir()
	gin := templates.RuntimePath + "/gin"
	for _, path := range []string{templates.RuntimePath, gin} {
		publish(t, proxy, path, filepath.Join(root, filepath.FromSlash(folder(path))))
	}

	program := t.TempDir()
	write(t, filepath.Join(program, "go.mod"), "module example.com/app\n\ngo 1.26.0\n\nrequire (\n\t"+templates.RuntimePath+" "+version+"\n\t"+gin+" "+version+"\n)\n")
	write(t, filepath.Join(program, "main.go"), "package main\n\nimport (\n\t_ \""+templates.BootstrapPath+"\"\n\t_ \""+gin+"\"\n)\n\nfunc main() {}\n")
	cache := strings.TrimSpace(output(t, program, nil, "go", "env", "GOMODCACHE"))
	others := strings.TrimSpace(output(t, program, nil, "go", "env", "GOPROXY"))
	env := []string{
		"GOWORK=off", "GOFLAGS=-modcacherw", "GOMODCACHE=" + t.TempDir(), "GONOSUMDB=" + toolPath,
		"GOPROXY=file://" + filepath.ToSlash(proxy) + ",file://" + filepath.ToSlash(filepath.Join(cache, "cache", "download")) + "," + others,
	}
	output(t, program, env, "go", "mod", "tidy")
	graph := output(t, program, env, "go", "mod", "graph")
	if !strings.Contains(graph, gin+"@"+version+" "+templates.RuntimePath+"@"+version) || strings.Contains(graph, toolPath+"/runtime@v0.0.0") {
		t.Errorf("the module graph is\n%s", graph)
	}
	if list := output(t, program, env, "go", "list", "-deps", "."); !strings.Contains(list, gin+"\n") {
		t.Errorf("the packages are\n%s", list)
	}
}

func TestEveryHookModuleIsPublished(t *testing.T) {
	paths := published()
	mods, err := filepath.Glob("../../runtime/*/go.mod")
	if err != nil || len(mods) == 0 {
		t.Fatal(mods, err)
	}
	for _, mod := range mods {
		data, err := os.ReadFile(mod)
		if err != nil {
			t.Fatal(err)
		}
		path := toolPath + "/runtime/" + filepath.Base(filepath.Dir(mod))
		if !bytes.Contains(data, []byte("module "+path+"\n")) {
			t.Errorf("%s is of another module than its folder says", mod)
		}
		// genkit traces itself: there is a test, and nothing to publish.
		if path != toolPath+"/runtime/genkit" && !slices.Contains(paths, path) {
			t.Errorf("%s is not published", path)
		}
	}
	if got := tag(toolPath+"/runtime/gin", version); got != "runtime/gin/"+version || tag(toolPath, version) != version {
		t.Errorf("the tag is %s", got)
	}
}

func TestVersionsThatCannotBeReleased(t *testing.T) {
	root := checkout(t)
	for _, bad := range []string{"", "1.2.0", "v1.2", "v2.0.0", "v1.2.0+local", "latest"} {
		if edited, err := prepare(root, bad); err == nil || edited != nil || bad == "" && !strings.Contains(err.Error(), "no version") {
			t.Errorf("%q: %q, %v", bad, edited, err)
		}
	}
	if _, err := prepare(t.TempDir(), version); err == nil {
		t.Error("an empty folder is taken for a checkout")
	}
}

// publish writes a module as a proxy serves it.
func publish(t *testing.T, proxy, path, dir string) {
	t.Helper()
	at := filepath.Join(proxy, filepath.FromSlash(path), "@v")
	data, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	if err := zip.CreateFromDir(&packed, module.Version{Path: path, Version: version}, dir); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(at, "list"), version+"\n")
	write(t, filepath.Join(at, version+".info"), `{"Version":"`+version+`"}`)
	write(t, filepath.Join(at, version+".mod"), string(data))
	write(t, filepath.Join(at, version+".zip"), packed.String())
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func output(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}
