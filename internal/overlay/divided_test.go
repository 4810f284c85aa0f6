package overlay

import (
	"fmt"
	"strings"
	"testing"
)

// A runtime that needs a module that google.golang.org/genproto was divided
// into, and genproto before and after.
func dividing() map[string]string {
	module := func(path, version, require, files string) string {
		mod := "module " + path + "\n\ngo 1.24\n\n" + require
		return fmt.Sprintf("-- .mod --\n%s\n-- .info --\n{\"Version\":%q}\n-- go.mod --\n%s\n%s", mod, version, mod, files)
	}
	const genproto, rpc, part = "google.golang.org/genproto", "google.golang.org/genproto/googleapis/rpc", "v0.0.0-20250519155744-55703ea1f237"
	status := "-- googleapis/rpc/status/status.go --\npackage status\n"
	date := "-- googleapis/type/date/date.go --\npackage date\n"
	const old = "v0.0.0-20210630183607-d20f26d13c79"
	return map[string]string{
		"github.com_orchestrall_orchestrall_runtime_v1.2.3.txt": module("github.com/orchestrall/orchestrall/runtime", "v1.2.3", "require "+rpc+" "+part,
			"-- runtime.go --\npackage orchestrall\n-- bootstrap/bootstrap.go --\npackage bootstrap\n\nimport _ \""+rpc+"/status\"\n"),
		"google.golang.org_genproto_" + old + ".txt":                 module(genproto, old, "", status+date),
		"google.golang.org_genproto_" + divided.Version + ".txt":     module(genproto, divided.Version, "", date),
		"google.golang.org_genproto_googleapis_rpc_" + part + ".txt": module(rpc, part, "", "-- status/status.go --\npackage status\n"),
		"example.com_mid_v1.0.0.txt":                                 module("example.com/mid", "v1.0.0", "require "+genproto+" "+old, "-- mid.go --\npackage mid\n\nimport _ \""+genproto+"/googleapis/type/date\"\n"),
	}
}

// A graph may have google.golang.org/genproto of the time when it had all the
// packages, and modules that have them now: which is ambiguous.
func TestGenprotoIsDivided(t *testing.T) {
	const both = `
-- go.mod --
module example.com/app

go 1.24

require (
	example.com/mid v1.0.0
	google.golang.org/genproto v0.0.0-20210630183607-d20f26d13c79 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20250519155744-55703ea1f237 // indirect
)
-- go.sum --
-- app.go --
package app

import _ "example.com/mid"
`
	const imported = "-- more.go --\npackage app\n\nimport _ \"google.golang.org/genproto/googleapis/type/date\"\n"
	unlisted := strings.NewReplacer("go 1.24", "go 1.16", "example.com/dep", "example.com/mid").Replace(uses)
	workspace := "\n-- go.work --\ngo 1.24\n\nuse ./app\n" + strings.NewReplacer("-- go.mod", "-- app/go.mod", "-- go.sum", "-- app/go.sum", "-- app.go", "-- app/app.go").Replace(both)
	for _, test := range []struct{ name, archive, upgrades, note, want string }{
		{name: "indirect", archive: both, note: "google.golang.org/genproto " + divided.Version + " (was v0.0.0-20210630183607-d20f26d13c79)"},
		{name: "not in go.mod", archive: unlisted, upgrades: "go", note: "google.golang.org/genproto " + divided.Version + " (was "},
		{name: "workspace", archive: workspace, note: "google.golang.org/genproto " + divided.Version + " (was "},
		{name: "direct", archive: both + imported, want: "go.mod:7:2: google.golang.org/genproto v0.0.0-20210630183607-d20f26d13c79 (example.com/app imports it) would become " + divided.Version + ": the runtime needs it; raise it yourself (go get google.golang.org/genproto@" + divided.Version + ")"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := offerModules(t, test.archive, dividing())
			p.environ = append(p.environ, "ORCHESTRALL_UPGRADES="+test.upgrades)
			list, notes, err := p.requirement(true)
			if test.want != "" {
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("got  %v\nwant %s", err, test.want)
				}
				return
			}
			if err != nil || !strings.Contains(list, "google.golang.org/genproto "+divided.Version+"\n") {
				t.Errorf("%v\n%s", err, list)
			}
			if all := strings.Join(notes, "\n"); !strings.Contains(all, test.note) {
				t.Errorf("notes %q", all)
			}
		})
	}
}
