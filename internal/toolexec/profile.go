package toolexec

import (
	"os"
	"path/filepath"
	"strings"
)

// profile returns the PGO profile under which the go command compiles the
// dependencies of this package, where it chose one by itself: default.pgo in
// the folder of the main package.
func (c *compilation) profile() string {
	if _, ok := c.unit.args.value("pgoprofile"); !ok {
		return ""
	}
	// "example.com/p [example.com/cmd]" is built for that program.
	_, rest, _ := strings.Cut(os.Getenv("TOOLEXEC_IMPORTPATH"), " [")
	if main := strings.TrimSuffix(rest, "]"); main != "" && !strings.HasSuffix(main, ".test") {
		return defaultProfile(c.cmd, main)
	}
	if c.unit.program() {
		return existing(filepath.Join(c.unit.pkg.Dir, profileName))
	}
	return defaultProfile(c.cmd, c.cmd.packages...)
}

const profileName = "default.pgo"

// defaultProfile looks for a profile in the folders of main packages, which may
// be named as on the command line of the go command.
func defaultProfile(cmd goCommand, packages ...string) string {
	if explicit := cmd.value("pgo"); explicit != "" && explicit != "auto" {
		return "" // passed on with the other flags
	}
	dir, err := workingDir(cmd)
	if err != nil {
		return ""
	}
	if len(packages) == 0 || packages[0] == "command-line-arguments" {
		packages = cmd.packages
	}
	if len(packages) == 0 {
		packages = []string{"."}
	}
	for _, p := range packages {
		if path := existing(filepath.Join(packageFolder(p, dir), profileName)); path != "" {
			return path
		}
		if strings.HasSuffix(p, ".go") {
			break // go run main.go ARGUMENTS
		}
	}
	return ""
}

// packageFolder returns the folder of a package of a main module.
func packageFolder(p, dir string) string {
	switch {
	case strings.HasSuffix(p, ".go"):
		p = filepath.Dir(p)
	case p == "." || strings.HasPrefix(p, "./") || strings.HasPrefix(p, "../") || filepath.IsAbs(p):
		p = strings.TrimSuffix(p, "/...")
	default:
		for _, root := range findWorkspace(dir).roots {
			if rel, ok := strings.CutPrefix(p, modulePath(root)); ok && (rel == "" || rel[0] == '/') {
				return filepath.Join(root, filepath.FromSlash(rel))
			}
		}
	}
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(dir, p)
}

func existing(path string) string {
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		return ""
	}
	return path
}
