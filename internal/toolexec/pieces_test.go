package toolexec

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestArguments(t *testing.T) {
	args := compilerArguments(strings.Fields("-o w/b001/_pkg_.a -trimpath w/b001=> -p main -lang=go1.26 -complete -importcfg w/b001/importcfg -pack a.go w/b.go"))
	if diff := cmp.Diff([]string{"a.go", "w/b.go"}, args.files); diff != "" {
		t.Error(diff)
	}
	for name, want := range map[string]string{"o": "w/b001/_pkg_.a", "lang": "go1.26", "importcfg": "w/b001/importcfg"} {
		if got, ok := args.value(name); !ok || got != want {
			t.Errorf("-%s is %q, want %q", name, got, want)
		}
	}
	if !args.has("complete") || args.has("std") {
		t.Error("boolean flags")
	}
	changed := args.with("lang", "go1.27").with("o", "x").with("new", "y")
	want := "-o x -trimpath w/b001=> -p main -lang=go1.27 -complete -importcfg w/b001/importcfg -pack -new y a.go w/b.go"
	if got := strings.Join(changed.list(), " "); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if got, _ := args.value("o"); got != "w/b001/_pkg_.a" {
		t.Error("with changed its receiver")
	}
}

func TestArgumentFiles(t *testing.T) {
	dir := t.TempDir()
	args := []string{"-X", "a b", `back\slash`, "line\nbreak"}
	for i := range 3000 {
		args = append(args, strings.Repeat("x", i%20))
	}
	short, err := shorten(args, filepath.Join(dir, "args"))
	if err != nil || len(short) != 1 {
		t.Fatal(short, err)
	}
	got, err := expand(short)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(args, got); diff != "" {
		t.Error(diff)
	}
	if _, err := expand([]string{"@" + filepath.Join(dir, "missing")}); err == nil {
		t.Error("no error for a missing file")
	}
}

func TestRewrites(t *testing.T) {
	plain := rewrites("/w/b001=>")
	trimmed := rewrites("/src/p=>example.com/p;/w/b001=>")
	overlaid := rewrites("/src/p=>example.com/p;/cache/1.go=>example.com/p/a.go;/w/b001=>")
	for _, test := range []struct {
		rules      rewrites
		path, want string
	}{
		{plain, "/src/p/a.go", "/src/p/a.go"},
		{plain, "/w/b001/a.go", "a.go"},
		{plain, "/w/b0012/a.go", "/w/b0012/a.go"},
		{trimmed, "/src/p/a.go", "example.com/p/a.go"},
		{plain.prepend("/w/b001/o/a.go", "/src/p/a.go"), "/w/b001/o/a.go", "/src/p/a.go"},
		{trimmed.prepend("/w/b001/o/a.go", "/src/p/a.go"), "/w/b001/o/a.go", "example.com/p/a.go"},
	} {
		if got, _ := test.rules.apply(test.path); got != test.want {
			t.Errorf("%s of %s is %s, want %s", test.rules, test.path, got, test.want)
		}
	}
	if got := overlaid.original("/cache/1.go"); got != filepath.FromSlash("/src/p/a.go") {
		t.Errorf("the file behind the overlay is %s", got)
	}
	if got := rewrites("/cache/1.go=>/src/p/a.go;/w/b001=>").original("/cache/1.go"); got != "/src/p/a.go" {
		t.Errorf("the file behind the overlay is %s", got)
	}
	if got := overlaid.original("/src/p/b.go"); got != "/src/p/b.go" {
		t.Errorf("a file that is not in the overlay became %s", got)
	}
}

func TestGoCommand(t *testing.T) {
	for _, test := range []struct{ command, flags, packages string }{
		{"go build -race -tags a,b -o x ./...", "-race=true -tags=a,b", "./..."},
		{"/usr/local/go/bin/go -C dir build --trimpath -gcflags=-N ./cmd/x", "-trimpath=true", "./cmd/x"},
		{"go build -gcflags all=-N -asmflags=./p=-x .", "-gcflags=all=-N -asmflags=./p=-x", "."},
		{"go run -mod=mod main.go -race", "-mod=mod", "main.go -race"},
		{"go test ./... -race -run X -count 1 -args -msan", "-race=true", "./..."},
		{"go test -cover ./p", "", "./p"},
		{"go test -cover -coverpkg ./... ./p", "-cover=true -coverpkg=./...", "./p"},
		{"go.exe vet -p 3 ./p -asan=false", "-p=3 -asan=false", "./p"},
	} {
		cmd, ok := parseGoCommand(strings.Fields(test.command))
		if !ok {
			t.Errorf("%s is not seen", test.command)
			continue
		}
		got := strings.Join(slices.DeleteFunc(cmd.nested(nil), func(s string) bool { return s == "-buildvcs=false" }), " ")
		if sortWords(got) != sortWords(test.flags) {
			t.Errorf("%s passes on %q, want %q", test.command, got, test.flags)
		}
		if got := strings.Join(cmd.packages, " "); got != test.packages {
			t.Errorf("%s builds %q, want %q", test.command, got, test.packages)
		}
	}
	for _, other := range []string{"bash -c go", "go env GOROOT", "go", "gofmt -l build"} {
		if _, ok := parseGoCommand(strings.Fields(other)); ok {
			t.Errorf("%s is taken for a build", other)
		}
	}
}

func sortWords(s string) string {
	words := strings.Fields(s)
	slices.Sort(words)
	return strings.Join(words, " ")
}

func TestGOFLAGSReset(t *testing.T) {
	inherited := environmentFlags(`-race "-gcflags=-N -l" '-gcflags=all=-m' -buildvcs=false -tags=x`)
	if want := []goFlag{{"race", "true"}, {"gcflags", "-N -l"}, {"gcflags", "all=-m"}, {"tags", "x"}}; !slices.Equal(inherited, want) {
		t.Errorf("GOFLAGS gives %v, want %v", inherited, want)
	}
	got := goCommand{flags: []goFlag{{"gcflags", "./p=-S"}}}.nested(inherited)
	if diff := cmp.Diff([]string{"-buildvcs=false", "-gcflags=", "-gcflags=all=-m", "-gcflags=./p=-S"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestStamp(t *testing.T) {
	for _, test := range []struct{ line, want string }{
		{"compile version go1.26.8", "compile version go1.26.8 orchestrall:id"},
		{"compile version go1.26.8 X:aliastypeparams", "compile version go1.26.8 X:aliastypeparams orchestrall:id"},
		{"compile version devel go1.27-abc buildID=a/b", "compile version devel go1.27-abc buildID=a/"},
	} {
		got := stamp(test.line, "id")
		if strings.Contains(test.line, "buildID") {
			// What counts is the part behind the last slash.
			if rest, ok := strings.CutPrefix(got, test.want); !ok || strings.ContainsAny(rest, "/ ") || len(rest) < 8 || got == stamp(test.line, "other") {
				t.Errorf("%s became %s", test.line, got)
			}
		} else if got != test.want {
			t.Errorf("%s became %s", test.line, got)
		}
	}
}

func TestEngineIDIsContent(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	if id := contentID(data[:64<<10]); len(id) < 10 || strings.ContainsAny(id, "/\" ") {
		t.Errorf("content ID %q", id)
	}
	if id := contentID([]byte("MZ....\xff Go build ID: \"a/b/c/d\"\n \xff....")); id != "d" {
		t.Errorf("content ID of a program without notes is %q", id)
	}
	if id := contentID([]byte("nothing")); id != "" {
		t.Errorf("content ID of something else is %q", id)
	}
}

func TestIntermediates(t *testing.T) {
	const body = "package p\n\n//line other.go:3:1\nfunc f() {}\n"
	for _, test := range []struct{ head, path string }{
		{"//line /src/a b.go:1:1\n", "/src/a b.go"},
		{"// Code generated by cmd/cgo; DO NOT EDIT.\n\n//line /src/a.go:1:1\n", "/src/a.go"},
		{"// Code generated by cmd/cgo; DO NOT EDIT.\n\n//line /w/a.cover.go:1:1\n//line /src/a.go:1:1\n", "/src/a.go"},
	} {
		head, rest := splitIntermediate([]byte(test.head + body))
		if string(head.text) != test.head || head.path != test.path || string(rest) != body {
			t.Errorf("%q was split into %q of %q and %q", test.head, head.text, head.path, rest)
		}
	}
	for _, own := range []string{body, "// Code generated by cmd/cgo; DO NOT EDIT.\n\npackage p\n"} {
		if head, rest := splitIntermediate([]byte(own)); head.path != "" || string(rest) != own {
			t.Errorf("%q is nobody's, got %q", own, head.path)
		}
	}
}

func TestArchive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.a")
	variant := filepath.Join(t.TempDir(), "v.a")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write(path, arMagic+memberHeader("__.PKGDEF", 3)+"abc\x00")
	write(variant, arMagic+memberHeader("__.PKGDEF", 5)+"other\x00")
	if err := appendMember(path, variant); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c := memberHeader("c.o", 2) + "cc"
	write(path, string(data)+c)
	out := filepath.Join(t.TempDir(), "out.a")
	if err := extractVariant(path, out); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if want := arMagic + memberHeader("__.PKGDEF", 5) + "other\x00" + c; string(got) != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
	for _, damaged := range []string{"", "text", arMagic + "short", arMagic + memberHeader(objectMember, 4) + "text"} {
		write(path, damaged)
		if _, err := readObject(path); err == nil {
			t.Errorf("%q is taken for a compiled package", damaged)
		}
	}
}

func TestMainWithoutTool(t *testing.T) {
	var stderr strings.Builder
	if code := Main(nil, nil, nil, &stderr); code != exitUsage || !strings.Contains(stderr.String(), "-toolexec=") {
		t.Errorf("exit code %d, %s", code, stderr.String())
	}
}
