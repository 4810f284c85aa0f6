package overlay

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orchestrall/orchestrall/internal/config"
)

// A release of Go in which the functions are others: calls are hooked, and the
// release is named.
func TestDeepHooksOfAnotherRelease(t *testing.T) {
	p := writeHooked(t, `
-- go.mod --
module example.com/app

go 1.24
-- orchestrall.yaml --
hooks:
  net/http: deep
  database/sql: deep
-- main.go --
package main

func main() {}
`, `
-- http.yaml --
library: net/http
hook: github.com/orchestrall/orchestrall/runtime/std
points:
  - function: net/http.Get
    replace: Get
-- sql.yaml --
library: database/sql
hook: github.com/orchestrall/orchestrall/runtime/std
points:
  - function: database/sql.Open
    replace: Open
`)
	state := func(all []*Hooked, library string) (config.Depth, State) {
		for _, h := range all {
			if h.Library == library {
				return h.Depth, h.State
			}
		}
		return "", ""
	}
	env := func(problems *bytes.Buffer) Env {
		e := p.env(problems, problems)
		e.Libraries = p.libraries
		return e
	}
	var out bytes.Buffer
	all, ds, err := Hooks(env(&out), []string{"./..."})
	for _, library := range []string{"net/http", "database/sql"} {
		if depth, is := state(all, library); err != nil || len(ds) > 0 || depth != config.Deep || is != Applies {
			t.Fatal(library, depth, is, ds, err)
		}
	}

	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "server.go")
	if err := os.WriteFile(other, []byte("package http\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(overlayFile{Replace: map[string]string{
		filepath.Join(strings.TrimSpace(string(root)), "src", "net", "http", "server.go"): other,
	}})
	if err != nil {
		t.Fatal(err)
	}
	replace := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(replace, data, 0o666); err != nil {
		t.Fatal(err)
	}
	all, ds, err = Hooks(env(&out), []string{"-overlay=" + replace, "./..."})
	if depth, is := state(all, "net/http"); err != nil || len(ds) != 1 || depth != config.Calls || is != NotImported {
		t.Fatal(depth, is, ds, err)
	}
	if depth, is := state(all, "database/sql"); depth != config.Deep || is != Applies {
		t.Error("the other package:", depth, is)
	}
	if got := ds[0].String(); !strings.Contains(got, "orchestrall.yaml:2:3: warning: net/http of go1.") || !strings.Contains(got, "cannot be hooked deep: server.go has no serverHandler.ServeHTTP; calls of it are hooked") {
		t.Error(got)
	}
}
