package scan

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
)

// An Environment answers what the go command would see as the value of one of
// its variables: the process's environment first, then what go env -w wrote.
// It saves starting the go command to ask.
type Environment struct {
	vars    map[string]string
	written func() map[string]string
}

// NewEnvironment reads environ, which has the form of os.Environ.
func NewEnvironment(environ []string) *Environment {
	e := &Environment{vars: make(map[string]string, len(environ))}
	for _, kv := range environ {
		if key, value, ok := strings.Cut(kv, "="); ok {
			e.vars[key] = value
		}
	}
	e.written = sync.OnceValue(e.readFile)
	return e
}

// Var returns the variable of the process alone.
func (e *Environment) Var(key string) string { return e.vars[key] }

// Go returns the value of a variable of the go command.
func (e *Environment) Go(key string) string {
	if value := e.vars[key]; value != "" {
		return value
	}
	return e.written()[key]
}

func (e *Environment) readFile() map[string]string {
	path := e.vars["GOENV"]
	switch path {
	case "off":
		return nil
	case "":
		dir := e.configDir()
		if dir == "" {
			return nil
		}
		path = filepath.Join(dir, "go", "env")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	vars := make(map[string]string)
	for s := bufio.NewScanner(bytes.NewReader(data)); s.Scan(); {
		if key, value, ok := strings.Cut(s.Text(), "="); ok && !strings.HasPrefix(key, "#") {
			vars[key] = value
		}
	}
	return vars
}

// configDir is os.UserConfigDir of this environment.
func (e *Environment) configDir() string {
	switch runtime.GOOS {
	case "windows":
		return e.vars["AppData"]
	case "darwin", "ios":
		if home := e.vars["HOME"]; home != "" {
			return filepath.Join(home, "Library", "Application Support")
		}
		return ""
	}
	if dir := e.vars["XDG_CONFIG_HOME"]; dir != "" {
		return dir
	}
	if home := e.vars["HOME"]; home != "" {
		return filepath.Join(home, ".config")
	}
	return ""
}

// CacheDir is os.UserCacheDir of this environment.
func (e *Environment) CacheDir() string {
	switch runtime.GOOS {
	case "windows":
		return e.vars["LocalAppData"]
	case "darwin", "ios":
		if home := e.vars["HOME"]; home != "" {
			return filepath.Join(home, "Library", "Caches")
		}
		return ""
	}
	if dir := e.vars["XDG_CACHE_HOME"]; filepath.IsAbs(dir) {
		return dir
	}
	if home := e.vars["HOME"]; home != "" {
		return filepath.Join(home, ".cache")
	}
	return ""
}
