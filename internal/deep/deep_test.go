package deep

import (
	"bytes"
	"errors"
	"go/build"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The package of the toolchain at hand has every place, and each stays on its line.
func TestEditsOfTheToolchain(t *testing.T) {
	dir := filepath.Join(build.Default.GOROOT, "src", "net", "http")
	read := func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(dir, name)) }
	if _, err := read("server.go"); err != nil {
		t.Skip("no sources of the standard library:", err)
	}
	files, err := Files(Names(), read)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name)
		if _, err := parser.ParseFile(token.NewFileSet(), f.Name, f.Src, 0); err != nil {
			t.Error(err)
		}
		if own, err := read(f.Name); err == nil && bytes.Count(own, []byte("\n")) != bytes.Count(f.Src, []byte("\n")) {
			t.Errorf("%s has other lines", f.Name)
		}
	}
	if got := strings.Join(names, " "); got != "orchestrall_hooks.go request.go server.go transport.go" {
		t.Error(got)
	}
	if files, _ := Files([]string{"net/http-client"}, read); len(files) != 2 {
		t.Errorf("%d files for the client alone", len(files))
	}
}

func TestAnotherRelease(t *testing.T) {
	for name, src := range map[string]string{
		"server.go":    "package http\n\nfunc (sh serverHandler) ServeHTTP(rw ResponseWriter, req *Request) { go sh.serve(rw, req) }\n",
		"request.go":   "package http\n\nfunc MaxBytesReader(ResponseWriter, io.ReadCloser, int64) io.ReadCloser { return nil }\n",
		"transport.go": "package http\n\nfunc (t *Transport) RoundTrip(req *Request) (*Response, error) { return nil, nil }\n",
	} {
		_, err := Files(Names(), func(file string) ([]byte, error) {
			if file == name {
				return []byte(src), nil
			}
			return nil, errors.New(file + " is not there")
		})
		if err == nil || !strings.Contains(err.Error(), "is not the function that the hooks expect") && !strings.Contains(err.Error(), "transport.go has no Transport.roundTrip") {
			t.Errorf("%s: %v", name, err)
		}
		if !strings.Contains(err.Error(), "is not there") {
			t.Error("only one problem is told:", err)
		}
	}
}
