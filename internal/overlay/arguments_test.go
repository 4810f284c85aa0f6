package overlay

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseArguments(t *testing.T) {
	for _, test := range []struct{ verb, args, goflags, want string }{
		{"build", "-o out ./cmd -x", "", "rest=[-o out ./cmd -x] targets=[./cmd -x]"},
		{"build", "-C dir -tags a,b ./...", "", "chdir=[-C dir] rest=[-tags a,b ./...] targets=[./...]"},
		{"build", "--C=dir", "", "chdir=[--C=dir] rest=[]"},
		{"build", "-overlay o.json --toolexec=t -ldflags -overlay .", "", "rest=[-ldflags -overlay .] targets=[.] overlay=o.json toolexec=t"},
		{"build", "-mod vendor .", "", "rest=[-mod=vendor .] targets=[.] mod=vendor"},
		{"build", ".", "-mod=mod -modfile=x.mod '-toolexec=a b'", "rest=[.] targets=[.] mod=mod modfile=x.mod toolexec=a b"},
		{"build", "-mod=vendor", "-mod=mod", "rest=[-mod=vendor] mod=vendor"},
		{"run", "-race a.go b.go c d.go", "", "rest=[-race a.go b.go c d.go] targets=[a.go b.go] files"},
		{"run", "./cmd -overlay x", "", "rest=[./cmd -overlay x] targets=[./cmd]"},
		{"test", "./a -run X ./b -cover -args -overlay x", "", "rest=[./a -run X ./b -cover -args -overlay x] targets=[./a ./b] cover"},
		{"test", "-coverprofile=c.out -vet=off", "", "rest=[-coverprofile=c.out -vet=off] cover vetoff"},
		{"test", "-cover=false -mine x", "", "rest=[-cover=false -mine x] targets=[x] unsure"},
		{"build", "-coverpkg ./...", "", "rest=[-coverpkg ./...] cover"},
	} {
		a, err := parseArguments(test.verb, strings.Fields(test.args), test.goflags)
		if err != nil {
			t.Errorf("%s: %v", test.args, err)
			continue
		}
		var got strings.Builder
		list := func(name string, values []string, always bool) {
			if len(values) > 0 || always {
				got.WriteString(" " + name + "=[" + strings.Join(values, " ") + "]")
			}
		}
		text := func(name, value string) {
			if value != "" {
				got.WriteString(" " + name + "=" + value)
			}
		}
		flag := func(name string, set bool) {
			if set {
				got.WriteString(" " + name)
			}
		}
		list("chdir", a.chdir, false)
		list("rest", a.rest, true)
		list("targets", a.targets, false)
		text("overlay", a.overlay)
		text("mod", a.mod)
		text("modfile", a.modfile)
		text("toolexec", a.toolexec)
		flag("cover", a.cover)
		flag("vetoff", a.vetOff)
		flag("unsure", a.unsure)
		flag("files", a.lastArg == 3) // behind -race a.go b.go
		if diff := cmp.Diff(test.want, strings.TrimSpace(got.String())); diff != "" {
			t.Errorf("go %s %s: %s", test.verb, test.args, diff)
		}
	}
	if _, err := parseArguments("build", nil, "'-x"); err == nil {
		t.Error("an unterminated GOFLAGS is taken")
	}
}

func TestQuoting(t *testing.T) {
	fields := []string{"/a b/tool", "it's", "plain", ""}
	text, err := joinQuoted(fields)
	if err != nil {
		t.Fatal(err)
	}
	got, err := splitQuoted(text)
	if err != nil || !cmp.Equal(got, fields) {
		t.Errorf("%q became %q, %v", fields, got, err)
	}
	if _, err := joinQuoted([]string{`'"`}); err == nil {
		t.Error("what cannot be quoted is quoted")
	}
}
