package nethttp_test

import (
	"fmt"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/orchestrall/orchestrall/runtime/nethttp"
)

// A conflict names the lines of the program, as it does without the hook.
func TestConflictsNameTheProgram(t *testing.T) {
	panics := func(f func()) (value any) {
		defer func() { value = recover() }()
		f()
		return nil
	}
	_, file, line, _ := runtime.Caller(0)
	bare, hooked := http.NewServeMux(), http.NewServeMux()
	nethttp.ServeMuxHandleFunc(hooked, "/a/{x}", ok)
	bare.HandleFunc("/a/{x}", ok)
	lines := regexp.MustCompile(`_test\.go:\d+`)
	shown := func(v any) string { return lines.ReplaceAllString(fmt.Sprintf("%T %v", v, v), "_test.go") }
	for _, c := range []struct{ bare, hooked func() }{
		{func() { bare.Handle("/{y}/b", http.HandlerFunc(ok)) }, func() { nethttp.ServeMuxHandle(hooked, "/{y}/b", http.HandlerFunc(ok)) }},
		{func() { bare.HandleFunc("/a/{x}", ok) }, func() { nethttp.ServeMuxHandleFunc(hooked, "/a/{x}", ok) }},
		{func() { bare.HandleFunc("/{", ok) }, func() { nethttp.ServeMuxHandleFunc(hooked, "/{", ok) }},
		{func() { bare.Handle("/n", nil) }, func() { nethttp.ServeMuxHandle(hooked, "/n", nil) }},
		{func() { bare.HandleFunc("/n", nil) }, func() { nethttp.ServeMuxHandleFunc(hooked, "/n", nil) }},
		{func() { bare.HandleFunc("", ok) }, func() { nethttp.ServeMuxHandleFunc(hooked, "", ok) }},
	} {
		want, got := panics(c.bare), panics(c.hooked)
		if shown(got) != shown(want) {
			t.Errorf("panics with %T %v\nwant        %T %v", got, got, want, want)
		}
	}
	if text := fmt.Sprint(panics(func() { nethttp.ServeMuxHandleFunc(hooked, "/a/{x}", ok) })); !strings.Contains(text, fmt.Sprintf("%s:%d", file, line+2)) {
		t.Errorf("the first registration is not named: %s", text)
	}
}
