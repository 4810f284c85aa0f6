// Command release names a version in the go.mod files of this checkout, and
// prints the tags that publish it:
//
//	go run ./internal/release v1.2.0
//
// Between releases the modules require each other as v0.0.0 and replace that by
// a folder. Dependents do not see the replacement: published like that, a hook
// module would name a runtime that nobody can download.
package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"

	"github.com/orchestrall/orchestrall/internal/hooks/library"
	"github.com/orchestrall/orchestrall/templates"
)

const toolPath = "github.com/orchestrall/orchestrall"

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) != 1 {
		fmt.Fprintln(stderr, "usage: release VERSION, for example v1.2.0, at the root of a checkout")
		return 2
	}
	edited, err := prepare(".", args[0])
	if err != nil {
		fmt.Fprintln(stderr, "release:", err)
		return 1
	}
	for _, name := range edited {
		fmt.Fprintln(stdout, "edited", name)
	}
	for _, path := range published() {
		fmt.Fprintln(stdout, "git tag", tag(path, args[0]))
	}
	return 0
}

// prepare makes every module below root require the others at version, and
// returns the files that it changed. Nothing is written unless all can be read.
func prepare(root, version string) ([]string, error) {
	if !semver.IsValid(version) || semver.Canonical(version) != version || semver.Build(version) != "" {
		return nil, fmt.Errorf("%q is no version of a module; write it like v1.2.0", version)
	}
	if semver.Major(version) != "v0" && semver.Major(version) != "v1" {
		return nil, fmt.Errorf("%s would need /%s at the end of every module path", version, semver.Major(version))
	}
	files := make(map[string][]byte)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == "vendor" || path != root && strings.HasPrefix(d.Name(), ".")):
			return filepath.SkipDir
		case d.Name() != "go.mod":
			return nil
		}
		before, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		after, err := name(path, before, version)
		if err == nil && string(after) != string(before) {
			files[path] = after
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(root, "runtime", "go.mod")); err != nil {
		return nil, errors.New("this is not the root of a checkout: it has no runtime/go.mod")
	}
	var edited []string
	for path, data := range files {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return edited, err
		}
		edited = append(edited, path)
	}
	slices.Sort(edited)
	return edited, nil
}

// name requires this repository's modules at version.
func name(path string, data []byte, version string) ([]byte, error) {
	f, err := modfile.Parse(path, data, nil)
	if err != nil {
		return nil, err
	}
	for _, r := range slices.Clone(f.Require) {
		if strings.HasPrefix(r.Mod.Path, toolPath+"/") {
			if err := f.AddRequire(r.Mod.Path, version); err != nil {
				return nil, err
			}
		}
	}
	return f.Format()
}

// published returns the modules that users' programs or `go install` name.
func published() []string {
	paths := []string{toolPath, templates.RuntimePath}
	for _, l := range library.All() {
		if module := l.HookModule(templates.RuntimePath); module != "" {
			paths = append(paths, module)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// folder is that of a module below the root of a checkout, with slashes.
func folder(path string) string {
	return strings.TrimPrefix(strings.TrimPrefix(path, toolPath), "/")
}

// tag is the name that the go command looks for.
func tag(path, version string) string {
	if dir := folder(path); dir != "" {
		return dir + "/" + version
	}
	return version
}
