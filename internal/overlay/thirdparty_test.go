package overlay

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/orchestrall/orchestrall/internal/hooks"
)

// What third-party code does is told with its name.
func TestThirdParty(t *testing.T) {
	p := writeHooked(t, `
-- go.mod --
module example.com/app

go 1.24

require (
	example.com/covered v1.0.0
	example.com/orm v1.0.0
	example.com/plain v1.0.0
	example.com/sdk v1.0.0
	example.com/server v1.0.0
)

replace (
	example.com/covered => ./covered
	example.com/orm => ./orm
	example.com/plain => ./plain
	example.com/sdk => ./sdk
	example.com/server => ./server
)
-- main.go --
package main

import (
	"strings"

	_ "example.com/covered"
	_ "example.com/orm"
	_ "example.com/plain"
	_ "example.com/sdk"
	_ "example.com/server"
)

func main() { println(strings.ToUpper("a")) }
-- covered/go.mod --
module example.com/covered
-- covered/covered.go --
package covered

import "database/sql"

func Open() { sql.Open("", "") }
-- orm/go.mod --
module example.com/orm
-- orm/orm.go --
package orm

import db "database/sql"

func Open(name, dsn string) (*db.DB, error) { return db.Open(name, dsn) }
-- plain/go.mod --
module example.com/plain
-- plain/plain.go --
package plain

import (
	"database/sql"
	"net/http"
)

var Driver = (*sql.DB).Driver

type Doer interface{ Do(*http.Request) (*http.Response, error) }

func With(c *http.Client) Doer { return c }
-- sdk/go.mod --
module example.com/sdk
-- sdk/sdk.go --
package sdk

import (
	"database/sql"
	"net/http"
)

var client = new(http.Client)

func Open() { sql.Open("", "") }
-- server/go.mod --
module example.com/server
-- server/a.go --
package server

import "net/http"

var Server = &http.Server{}
`, `
-- sql.yaml --
library: database/sql
hook: github.com/orchestrall/orchestrall/runtime/std
points:
  - function: database/sql.Open
    replace: Open
-- http.yaml --
library: net/http
hook: github.com/orchestrall/orchestrall/runtime/std
points:
  - function: net/http.Handle
    replace: Handle
-- client.yaml --
library: net/http-client
hook: github.com/orchestrall/orchestrall/runtime/std
covers: [example.com/covered]
points:
  - function: strings.ToUpper
    replace: ToUpper
`)
	for library, want := range map[string]string{
		"database/sql":    "third party: sql.Open in example.com/orm and example.com/sdk: hooks: {database/sql: deep}",
		"net/http":        "third party: http.Server in example.com/server: hooks: {net/http: deep}",
		"net/http-client": "applies: not http.Client in example.com/sdk: hooks: {net/http-client: deep}",
	} {
		h := p.report()[library]
		if got := string(h.State) + ": " + h.Reason; got != want {
			t.Errorf("%s: got %s, want %s", library, got, want)
		}
	}
	choices := []byte("hooks:\n  off: [net/http]\n  net/http-client: deep\n")
	if err := os.WriteFile(filepath.Join(p.dir, "orchestrall.yaml"), choices, 0o666); err != nil {
		t.Fatal(err)
	}
	p.accept()
	for _, library := range []string{"net/http", "net/http-client"} {
		if h := p.report()[library]; h.ThirdParty != nil {
			t.Errorf("%s is %s: %v", library, h.State, h.ThirdParty)
		}
	}
}

// Where a module has several libraries, a package of one of them is not covered
// by another.
func TestLibrariesOfOneModule(t *testing.T) {
	of := func(state State, path string) *Hooked {
		lib := &hooks.Library{Points: []hooks.Point{{Target: hooks.Symbol{Package: path}}}}
		return &Hooked{State: state, Module: "example.com/driver", lib: lib}
	}
	native, std := of(Applies, "example.com/driver"), of(NotImported, "example.com/driver/std")
	s := &session{hooked: []*Hooked{native, std}}
	for path, want := range map[string]bool{"example.com/driver": true, "example.com/driver/pool": true, "example.com/driver/std": false} {
		if got := s.hooks(path, "example.com/driver"); got != want {
			t.Errorf("%s is hooked: %v", path, got)
		}
	}
	if std.State = Applies; !s.hooks("example.com/driver/std", "example.com/driver") {
		t.Error("a package whose library applies is not hooked")
	}
}
